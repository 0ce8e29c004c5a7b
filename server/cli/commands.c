#include "commands.h"

#include "run.h"

#include "repair.h"

#include <stdio.h>
#include <string.h>

static const struct option options[OPT_COUNT] = {
#define X(id, name, letter, value, words, help) {name, letter, value, words, help},
    CLI_OPTIONS(X)
#undef X
};

#define O(id) (1u << OPT_##id)

/* "|time_resync|...": the first bar is skipped below. */
#define REPAIR_WORD(id, name) "|" name
static const char repair_words_barred[] = REPAIRS(REPAIR_WORD);

static const struct command commands[] = {
    {"login", "URL", NULL, 1, 1, O(CA) | O(USER) | O(PASSWORD_FILE), run_login, "log in to a server",
     "The login is kept in ~/.config/fleetmend/config.json, readable by you alone. FLEETMEND_URL, "
     "FLEETMEND_TOKEN\n"
     "and FLEETMEND_CA (a file) stand above it; FLEETMEND_CONFIG names another file.\n"
     "The server's CA is tls/ca.pem in its data folder; without --ca the system's own certificates decide."},
    {"logout", "", NULL, 0, 0, 0, run_logout, "end the login and forget it", ""},
    {"get", "WHAT [FILTER...]", "machines|failures|jobs|rollouts|codes|repairs|tokens|users|audit", 1, -1,
     O(OUTPUT) | O(ALL) | O(SORT) | O(LIMIT), run_get, "list things",
     "One argument is one term of the filter, joined by \"and\": FIELD=VALUE, FIELD!=VALUE, FIELD~PART, and\n"
     "last_seen<7d (seen within 7 days) or last_seen>7d. A value may hold blanks: 'os~Windows 10'.\n"
     "-o json prints {\"items\":[...],\"total\":N,\"as_of\":MS} with every row and every field."},
    {"describe machine", "NAME", NULL, 1, 1, O(OUTPUT), run_describe_machine,
     "one machine: why it is not healthy yet, failures, jobs, facts", "NAME is a name or an id."},
    {"describe rollout", "ID", NULL, 1, 1, O(OUTPUT), run_describe_rollout, "one push and its jobs", ""},
    {"describe job", "ID", NULL, 1, 1, O(OUTPUT), run_describe_job,
     "one job: steps, result, verdict and its evidence", ""},
    {"describe code", "CODE", NULL, 1, 1, O(OUTPUT), run_describe_code,
     "one code, and what the fleet sees of it", ""},
    {"explain", "CODE...", NULL, 1, -1, 0, run_explain, "what a code means and what helps; needs no server",
     "Any spelling: 0x80070002, 80070002, -2147024894, 2147942402."},
    {"push", "REPAIR FILTER... | REPAIR --machine NAME...", repair_words_barred + 1, 1, -1,
     O(OUTPUT) | O(MACHINE) | O(SET) | O(CANARY) | O(DRY_RUN) | O(WAIT) | O(TIMEOUT) | O(YES) | O(REASON),
     run_push, "run a repair on machines",
     "Machines are named by a filter (see `fleetmend help get`), as in state=failing code=0x80070002, or one "
     "by one.\n"
     "With --wait the exit code is 0 when every result is \"done\", 8 when some are not or machines are "
     "offline, and\n"
     "7 when the time ran out. -o json prints {\"rollout\",\"matched\",\"jobs\":[...]} alone on stdout."},
    {"undo", "JOB", NULL, 1, 1, O(OUTPUT) | O(WAIT) | O(TIMEOUT) | O(REASON), run_undo,
     "put back what a job changed", "Only the newest job of a repair on a machine can be undone."},
    {"approve", "ROLLOUT", NULL, 1, 1, 0, run_approve, "let a push go that waits for approval",
     "Nobody approves a push of his own."},
    {"approve machine", "NAME", NULL, 1, 1, 0, run_approve_machine, "admit a machine that waits for approval",
     ""},
    {"cancel", "ROLLOUT|JOB", NULL, 1, 1, 0, run_cancel, "take back what has not started", ""},
    {"watch", "ROLLOUT", NULL, 1, 1, 0, run_watch, "follow a push until it ends",
     "Ends when every job has ended; machines that are offline are waited for. Exit codes as for push "
     "--wait."},
    {"create token", "--enroll|--api --name NAME", NULL, 0, 0,
     O(ENROLL) | O(API) | O(NAME) | O(DAYS) | O(ROLES) | O(USES) | O(APPROVAL) | O(TAG) | O(OUTPUT),
     run_create_token, "make a token; it is shown once", ""},
    {"delete token", "ID", NULL, 1, 1, 0, run_delete_token, "end a token", ""},
    {"audit verify", "", NULL, 0, 0, 0, run_audit_verify, "check that nobody changed the audit log", ""},
    {"completion", "SHELL", "bash|zsh", 1, 1, 0, run_completion, "print the completion script of a shell",
     "bash: source <(fleetmend completion bash)\nzsh:  source <(fleetmend completion zsh)"},
    {"version", "", NULL, 0, 0, 0, run_version, "print the version", ""},
    {"help", "[COMMAND]", NULL, 0, 2, 0, run_help, "print help", ""},
};

enum { COMMANDS = sizeof commands / sizeof *commands };

const struct option *option_row(enum option_id id)
{
    return &options[id];
}

const struct command *command_table(size_t *count)
{
    *count = COMMANDS;
    return commands;
}

/* How many of the words spell the name, 0 when they do not. */
static size_t spells(const char *name, const char *const *words, size_t count)
{
    size_t used = 0;
    for (const char *at = name; *at; at += *at == ' ') {
        size_t n = strcspn(at, " ");
        if (used == count || strlen(words[used]) != n || memcmp(words[used], at, n) != 0)
            return 0;
        at += n;
        used++;
    }
    return used;
}

const struct command *command_find(const char *const *words, size_t count, size_t *used)
{
    const struct command *best = NULL;
    *used = 0;
    for (size_t i = 0; i < COMMANDS; i++) {
        size_t n = spells(commands[i].name, words, count);
        if (n > *used) {
            best = &commands[i];
            *used = n;
        }
    }
    return best;
}

bool command_second_words(const char *word, char *seconds, size_t size)
{
    size_t n = 0, length = strlen(word);
    seconds[0] = '\0';
    for (size_t i = 0; i < COMMANDS; i++) {
        const char *name = commands[i].name;
        if (strncmp(name, word, length) != 0 || name[length] != ' ')
            continue;
        int put = snprintf(seconds + n, size - n, "%s%s", n ? "|" : "", name + length + 1);
        n += put > 0 ? (size_t)put : 0;
        if (n >= size)
            return true;
    }
    return n > 0;
}
