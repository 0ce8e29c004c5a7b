#include "filter_terms.h"

#include "slice.h"

static size_t field_length(const char *arg)
{
    return strspn(arg, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_");
}

static size_t operator_length(const char *at)
{
    if (at[0] == '!' && at[1] == '=')
        return 2;
    return at[0] && strchr("=~<>", at[0]) ? 1 : 0;
}

bool filter_term_is(const char *arg)
{
    size_t field = field_length(arg);
    return field && operator_length(arg + field);
}

/* Quoted by its writer: from the first to the last byte one pair of quotes. */
static bool is_quoted(const char *value)
{
    if (*value != '"')
        return false;
    const char *at = value + 1;
    while (*at && *at != '"')
        at += at[0] == '\\' && (at[1] == '"' || at[1] == '\\') ? 2 : 1;
    return at[0] == '"' && !at[1];
}

static void put_value(const char *value, struct buf *out)
{
    bool plain = *value && !strpbrk(value, " \t\r\n\"");
    if (plain || is_quoted(value)) {
        buf_puts(out, value);
        return;
    }
    buf_putc(out, '"');
    for (; *value; value++) {
        if (*value == '"' || *value == '\\')
            buf_putc(out, '\\');
        buf_putc(out, *value);
    }
    buf_putc(out, '"');
}

bool filter_terms_join(const char *const *args, size_t count, struct buf *out, struct err *e)
{
    for (size_t i = 0; i < count; i++) {
        const char *arg = args[i];
        if (strcmp(arg, "and") == 0)
            continue;
        if (!*arg)
            return err_set(e, ERR_INVALID, "an argument is empty, which is no filter term");
        if (!filter_term_is(arg))
            return err_set(e, ERR_INVALID,
                           "\"%s\" is not a filter term; write FIELD=VALUE, as in state=failing", arg);
        size_t head = field_length(arg);
        head += operator_length(arg + head);
        if (out->n)
            buf_putc(out, ' ');
        buf_append(out, arg, head);
        put_value(arg + head, out);
    }
    return buf_check(out, "the filter", e);
}
