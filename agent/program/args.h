/* Command lines: `--name VALUE`, `--name=VALUE`, switches, and operands; by a table that also prints the help.
 *
 * An option that no row names, a missing value and a value given twice are usage errors in words. Everything
 * behind a bare `--` is an operand. Strings are borrowed from argv. */
#ifndef FLEETMEND_ARGS_H
#define FLEETMEND_ARGS_H

#include "err.h"

#include <stdint.h>

struct arg_flag {
    const char *name;  /* without the dashes */
    const char *value; /* placeholder in the help, "URL"; NULL: a switch */
    bool repeated;     /* may be given more than once */
    const char *help;
};

enum { ARGS_GIVEN_MAX = 64, ARGS_OPERANDS_MAX = 64 };

struct args {
    struct {
        const struct arg_flag *flag;
        const char *value; /* "" for switches */
    } given[ARGS_GIVEN_MAX];
    int given_count;
    const char *operands[ARGS_OPERANDS_MAX];
    int operand_count;
};

/* `flags` ends with a row whose name is NULL. argv[0] is the first argument, not the program. */
bool args_parse(struct args *, const struct arg_flag *flags, int argc, char *const *argv, struct err *e);
/* The value, "" for a switch that was given, NULL when not given. */
const char *args_get(const struct args *, const char *name);
bool args_has(const struct args *, const char *name);
/* The n-th value of a repeated flag, NULL behind the last. */
const char *args_nth(const struct args *, const char *name, int n);
/* A whole number within the bounds; `fallback` when not given. ERR_INVALID names the flag. */
bool args_int(const struct args *, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out,
              struct err *e);
/* Two columns, one row a flag, on stdout. */
void args_print_help(const struct arg_flag *flags);

#endif
