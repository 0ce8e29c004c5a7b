/* The command line: what was typed, checked against the table of commands. */
#ifndef FLEETMEND_ARGS_H
#define FLEETMEND_ARGS_H

#include "commands.h"

#include "arena.h"
#include "err.h"

struct arg_list {
    const char **v;
    size_t n;
};

struct args {
    const struct command *command;      /* NULL only when help was asked for without one */
    struct arg_list words;              /* what follows the command's name, less options */
    struct arg_list options[OPT_COUNT]; /* every value given; "" for options without one */
};

/* Reads argv[1...]. Options may stand anywhere; after "--" there are none; a negative number is never one
 * (codes are written so). On failure the text is the sentence for the person, and out->command is set when it
 * was understood. */
bool args_parse(int argc, char **argv, struct arena *, struct args *out, struct err *e);

bool args_has(const struct args *, enum option_id);
/* The value given last, or `fallback`. */
const char *args_text(const struct args *, enum option_id, const char *fallback);
/* A whole number from `low` to `high`; `fallback` when not given. */
bool args_number(const struct args *, enum option_id, int64_t low, int64_t high, int64_t fallback,
                 int64_t *out, struct err *e);
/* "90", "90s", "10m", "2h", "1d" as milliseconds. */
bool args_span(const struct args *, enum option_id, int64_t fallback_ms, int64_t *out_ms, struct err *e);

/* Whether `word` is one of "a|b|c". */
bool words_contain(const char *words, const char *word);

#endif
