/* Errors as sentences.
 *
 * What can fail returns bool (or a pointer) and takes `struct err *e` last. Setting an error returns false,
 * so failing is one line. Callers prefix what they were doing with err_wrap(). `e` may be NULL: the caller
 * only wants the yes or no. Whoever *handles* an error logs it, once. */
#ifndef FLEETMEND_BASE_ERR_H
#define FLEETMEND_BASE_ERR_H

#include <stdbool.h>
#include <stddef.h>

/* gnu_printf on mingw too: the project is built with __USE_MINGW_ANSI_STDIO=1, so %zu and PRId64 agree. */
#ifdef __clang__
#define FORMAT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define FORMAT_PRINTF(fmt, args) __attribute__((format(gnu_printf, fmt, args)))
#endif

enum err_kind {
    ERR_NONE,
    ERR_INVALID, /* the input is wrong; the text names the field and the remedy */
    ERR_NOT_FOUND,
    ERR_DENIED,      /* not allowed for this caller, or a signature or ticket that does not hold */
    ERR_CONFLICT,    /* the state does not allow it now */
    ERR_LIMIT,       /* a stated maximum was reached */
    ERR_IO,          /* disk, registry, device */
    ERR_UNREACHABLE, /* the other side can't be reached, or refused the connection */
    ERR_TLS,         /* the other side could be reached, and is not who it should be */
    ERR_TIMEOUT,
    ERR_UNAVAILABLE, /* this system has no such thing; trying again does not help */
    ERR_INTERNAL,
};

enum { ERR_TEXT_MAX = 512 };

struct err {
    enum err_kind kind;
    char text[ERR_TEXT_MAX]; /* UTF-8, cut at the maximum, never empty when kind != ERR_NONE */
};

/* Sets the error; returns false always. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) FORMAT_PRINTF(3, 4);

/* Puts "context: " in front of the text, keeps the kind; returns false always. */
bool err_wrap(struct err *e, const char *fmt, ...) FORMAT_PRINTF(2, 3);

/* Lets the compiler see the "always" of both: else an optimising build takes what is only set on success for
 * maybe uninitialised in the caller. */
static inline bool err_false(bool always_false)
{
    (void)always_false;
    return false;
}
#define err_set(...)  err_false(err_set(__VA_ARGS__))
#define err_wrap(...) err_false(err_wrap(__VA_ARGS__))

void err_clear(struct err *e);

/* "invalid", "not_found", ...: a stable word for logs and JSON. */
const char *err_kind_name(enum err_kind kind);

#endif
