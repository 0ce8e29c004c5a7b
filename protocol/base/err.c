#include "err.h"

#include "text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The functions themselves, not what err.h puts around their calls. */
#undef err_set
#undef err_wrap

/* Quoted input may be anything, and may be cut anywhere by the quoting format; an error is shown to people.
 */
static void take_text(struct err *e, char *text, bool cut)
{
    size_t n = strlen(text);
    if (cut)
        text[n = utf8_whole(slice_make(text, n))] = '\0';
    for (size_t i = 0; (i += utf8_valid_prefix(slice_make(text + i, n - i))) < n; i++)
        text[i] = '?';
    snprintf(e->text, sizeof e->text, "%s", n ? text : err_kind_name(e->kind));
}

/* Formats aside first: an error may quote itself. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    if (!e)
        return false;
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    e->kind = kind;
    take_text(e, text, n >= (int)sizeof text);
    return false;
}

bool err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return false;
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (n >= 0 && n < (int)sizeof text)
        n += snprintf(text + n, sizeof text - (size_t)n, ": %s", e->text);
    take_text(e, text, n >= (int)sizeof text);
    return false;
}

void err_clear(struct err *e)
{
    if (e)
        *e = (struct err){0};
}

const char *err_kind_name(enum err_kind kind)
{
    static const char *const names[] = {
        [ERR_NONE] = "none",       [ERR_INVALID] = "invalid",         [ERR_NOT_FOUND] = "not_found",
        [ERR_DENIED] = "denied",   [ERR_CONFLICT] = "conflict",       [ERR_LIMIT] = "limit",
        [ERR_IO] = "io",           [ERR_UNREACHABLE] = "unreachable", [ERR_TLS] = "tls",
        [ERR_TIMEOUT] = "timeout", [ERR_UNAVAILABLE] = "unavailable", [ERR_INTERNAL] = "internal",
    };
    return names[kind];
}
