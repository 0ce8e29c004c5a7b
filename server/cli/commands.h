/* THE table of commands. Help, completion and the check of a command line read the same rows. */
#ifndef FLEETMEND_COMMANDS_H
#define FLEETMEND_COMMANDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cli;
struct args;

/* X(id, name, letter, value, words, help): `value` NULL for a switch; `words` "a|b" when the value is one of
 * a list. */
#define CLI_OPTIONS(X)                                                                                       \
    X(HELP, "help", 'h', NULL, NULL, "print the help of the command")                                        \
    X(OUTPUT, "output", 'o', "FORMAT", "table|wide|json|csv|name",                                           \
      "table (for people), wide, json, csv or name")                                                         \
    X(CA, "ca", 0, "FILE", NULL,                                                                             \
      "PEM file of the CA that signed the server's certificate; its text is kept")                           \
    X(USER, "user", 0, "NAME", NULL, "user name; asked for on a terminal when left out")                     \
    X(PASSWORD_FILE, "password-file", 0, "FILE", NULL, "read the password from FILE, \"-\" for stdin")       \
    X(ALL, "all", 0, NULL, NULL, "failures: also those that are closed")                                     \
    X(SORT, "sort", 0, "COLUMN", NULL, "sort by this column; -COLUMN for descending")                        \
    X(LIMIT, "limit", 0, "N", NULL, "stop after N rows; all rows when left out")                             \
    X(MACHINE, "machine", 0, "NAME...", NULL,                                                                \
      "these machines, by name or id, instead of a filter; may be repeated")                                 \
    X(SET, "set", 0, "NAME=VALUE", NULL, "a parameter of the repair; may be repeated")                       \
    X(CANARY, "canary", 0, "SHARE", NULL, "share of the first wave, as in 5%; 100% is one wave")             \
    X(DRY_RUN, "dry-run", 0, NULL, NULL,                                                                     \
      "print exactly which machines would get the job, and change nothing")                                  \
    X(WAIT, "wait", 0, NULL, NULL,                                                                           \
      "wait until every job has its result and verdict or its machine is offline")                           \
    X(TIMEOUT, "timeout", 0, "TIME", NULL, "longest time for --wait, as in 90s, 10m, 2h; 10m when left out") \
    X(YES, "yes", 'y', NULL, NULL, "do not ask before a push to more than one machine")                      \
    X(REASON, "reason", 0, "TEXT", NULL, "why; kept in the audit log")                                       \
    X(ENROLL, "enroll", 0, NULL, NULL, "a token machines enrol with")                                        \
    X(API, "api", 0, NULL, NULL, "a token for scripts that use the API, with at most your own roles")        \
    X(NAME, "name", 0, "NAME", NULL, "what the token is for")                                                \
    X(DAYS, "days", 0, "N", NULL, "days it is valid; 30 when left out")                                      \
    X(ROLES, "roles", 0, "ROLE,...", NULL,                                                                   \
      "--api: fewer roles than your own, of viewer, operator, approver, admin")                              \
    X(USES, "uses", 0, "N", NULL, "--enroll: how many machines may use it; any number when left out")        \
    X(APPROVAL, "approval", 0, NULL, NULL, "--enroll: machines wait for `fleetmend approve machine`")        \
    X(TAG, "tag", 0, "TAG", NULL, "--enroll: machines get this tag; may be repeated")

enum option_id {
#define X(id, name, letter, value, words, help) OPT_##id,
    CLI_OPTIONS(X)
#undef X
        OPT_COUNT
};

struct option {
    const char *name;
    char letter;
    const char *value, *words, *help;
};

struct command {
    const char *name;      /* one or two words */
    const char *arguments; /* for the usage line */
    const char *words;     /* what the first argument may be, "a|b"; NULL: anything */
    int min, max;          /* number of arguments; max -1: any */
    unsigned options;      /* bits of enum option_id; OPT_HELP is always allowed */
    int (*run)(struct cli *, const struct args *);
    const char *title; /* one line */
    const char *help;  /* further lines, may be "" */
};

const struct option *option_row(enum option_id);
const struct command *command_table(size_t *count);
/* The row whose name is the longest that the first of these words spell; NULL when there is none. *used: its
 * words. */
const struct command *command_find(const char *const *words, size_t count, size_t *used);
/* Whether `word` is the first word of a two-word command; then `seconds` gets "a|b". */
bool command_second_words(const char *word, char *seconds, size_t size);

#endif
