#include "program.h"

static const struct option_row *find(const struct option_row *rows, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    return NULL;
}

bool options_parse(const struct option_row *rows, size_t n, int argc, char **argv, const char **rest, int max,
                   int *count, struct err *e)
{
    for (int i = 0; i < argc; i++) {
        if (argv[i][0] != '-') {
            if (*count == max)
                return err_set(e, ERR_INVALID, "\"%.60s\" is one argument too many", argv[i]);
            rest[(*count)++] = argv[i];
            continue;
        }
        const struct option_row *row = find(rows, n, argv[i]);
        if (!row)
            return err_set(e, ERR_INVALID, "unknown option %.60s", argv[i]);
        if (!row->value)
            *row->on = true;
        else if (i + 1 == argc)
            return err_set(e, ERR_INVALID, "%s needs a value", argv[i]);
        else
            *row->value = argv[++i];
    }
    for (size_t i = 0; i < n; i++)
        if (rows[i].required && rows[i].value && !*rows[i].value)
            return err_set(e, ERR_INVALID, "%s is missing: %s", rows[i].name, rows[i].help);
    return true;
}
