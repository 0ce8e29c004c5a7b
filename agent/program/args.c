#include "args.h"

#include "slice.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct arg_flag *find(const struct arg_flag *flags, const char *name, size_t n)
{
    for (const struct arg_flag *f = flags; f->name; f++)
        if (strlen(f->name) == n && memcmp(f->name, name, n) == 0)
            return f;
    return NULL;
}

static bool keep_operand(struct args *a, const char *text, struct err *e)
{
    if (a->operand_count == ARGS_OPERANDS_MAX)
        return err_set(e, ERR_INVALID, "more than %d arguments", ARGS_OPERANDS_MAX);
    a->operands[a->operand_count++] = text;
    return true;
}

static bool keep_flag(struct args *a, const struct arg_flag *f, const char *value, struct err *e)
{
    if (!f->repeated && args_has(a, f->name))
        return err_set(e, ERR_INVALID, "--%s: given twice", f->name);
    if (a->given_count == ARGS_GIVEN_MAX)
        return err_set(e, ERR_INVALID, "more than %d options", ARGS_GIVEN_MAX);
    a->given[a->given_count].flag = f;
    a->given[a->given_count++].value = value;
    return true;
}

/* `next` is the following argument or NULL; *used says whether it was the value. */
static bool read_flag(struct args *a, const struct arg_flag *flags, const char *text, const char *next, bool *used,
                      struct err *e)
{
    size_t n = strcspn(text, "=");
    const struct arg_flag *f = find(flags, text, n);
    const char *value = text[n] ? text + n + 1 : NULL;
    *used = false;
    if (!f)
        return err_set(e, ERR_INVALID, "--%.*s: no such option here", (int)n, text);
    if (!f->value)
        return value ? err_set(e, ERR_INVALID, "--%s takes no value", f->name) : keep_flag(a, f, "", e);
    if (!value) {
        if (!next)
            return err_set(e, ERR_INVALID, "--%s needs a value: %s", f->name, f->value);
        value = next;
        *used = true;
    }
    return keep_flag(a, f, value, e);
}

bool args_parse(struct args *a, const struct arg_flag *flags, int argc, char *const *argv, struct err *e)
{
    *a = (struct args){0};
    bool operands_only = false;
    for (int i = 0; i < argc; i++) {
        const char *text = argv[i];
        bool used = false;
        if (operands_only || text[0] != '-' || text[1] == '\0') {
            if (!keep_operand(a, text, e))
                return false;
        } else if (strcmp(text, "--") == 0) {
            operands_only = true;
        } else if (text[1] != '-') {
            return err_set(e, ERR_INVALID, "%.40s: options begin with two dashes", text);
        } else if (!read_flag(a, flags, text + 2, i + 1 < argc ? argv[i + 1] : NULL, &used, e)) {
            return false;
        }
        i += used;
    }
    return true;
}

const char *args_nth(const struct args *a, const char *name, int n)
{
    for (int i = 0; i < a->given_count; i++)
        if (strcmp(a->given[i].flag->name, name) == 0 && n-- == 0)
            return a->given[i].value;
    return NULL;
}

const char *args_get(const struct args *a, const char *name)
{
    return args_nth(a, name, 0);
}

bool args_has(const struct args *a, const char *name)
{
    return args_get(a, name) != NULL;
}

bool args_int(const struct args *a, const char *name, int64_t min, int64_t max, int64_t fallback, int64_t *out,
              struct err *e)
{
    const char *text = args_get(a, name);
    *out = fallback;
    if (!text)
        return true;
    char *end = NULL;
    errno = 0;
    long long v = strtoll(text, &end, 10);
    bool number = text[0] != '\0' && !isspace((unsigned char)text[0]) && *end == '\0' && errno == 0;
    if (!number || v < min || v > max)
        return err_set(e, ERR_INVALID, "--%s %.40s: a whole number from %" PRId64 " to %" PRId64 " expected", name,
                       text, min, max);
    *out = v;
    return true;
}

void args_print_help(const struct arg_flag *flags)
{
    for (const struct arg_flag *f = flags; f->name; f++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", f->name, f->value ? " " : "", f->value ? f->value : "");
        printf("  %-24s %s%s\n", left, f->help, f->repeated ? " (may be repeated)" : "");
    }
}
