/* A borrowed run of bytes: never freed, not NUL-terminated. */
#ifndef FLEETMEND_BASE_SLICE_H
#define FLEETMEND_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct slice {
    const char *p; /* may be NULL only when n is 0 */
    size_t n;
};

/* For printf: "%.*s", SLICE_ARG(s). */
#define SLICE_ARG(s) (int)(s).n, (s).n ? (s).p : ""

static inline struct slice slice_of(const char *z)
{
    return (struct slice){z, z ? strlen(z) : 0};
}

static inline struct slice slice_make(const void *p, size_t n)
{
    return (struct slice){p, n};
}

static inline bool slice_eq(struct slice a, struct slice b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool slice_eqz(struct slice a, const char *z)
{
    return slice_eq(a, slice_of(z));
}

#endif
