#include "err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The functions themselves, not what err.h puts around their calls. */
#undef err_set
#undef err_wrap

bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    if (!e)
        return false;
    e->kind = kind;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    return false;
}

bool err_wrap(struct err *e, const char *fmt, ...)
{
    if (!e)
        return false;
    char old[ERR_TEXT_MAX];
    memcpy(old, e->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n + 3 >= sizeof e->text)
        return false;
    size_t room = sizeof e->text - (size_t)n - 3;
    snprintf(e->text + n, room + 3, ": %.*s", (int)room, old);
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
        [ERR_NONE] = "none",           [ERR_INVALID] = "invalid",         [ERR_NOT_FOUND] = "not_found",
        [ERR_DENIED] = "denied",       [ERR_CONFLICT] = "conflict",       [ERR_LIMIT] = "limit",
        [ERR_IO] = "io",               [ERR_UNREACHABLE] = "unreachable", [ERR_TLS] = "tls",
        [ERR_TIMEOUT] = "timeout",     [ERR_UNAVAILABLE] = "unavailable", [ERR_INTERNAL] = "internal",
    };
    return names[kind];
}
