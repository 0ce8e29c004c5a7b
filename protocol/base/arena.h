/* Memory for one request or one message: many small allocations, one release.
 *
 * Nothing in an arena is freed singly. Allocation never returns NULL (see mem.h). Not thread-safe. */
#ifndef FLEETMEND_BASE_ARENA_H
#define FLEETMEND_BASE_ARENA_H

#include "slice.h"

#include "err.h"

struct arena_block;

struct arena {
    struct arena_block *head;
};

/* A zeroed arena is ready: `struct arena a = {0};` */
void arena_free(struct arena *);
/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *, const char *z) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *, const char *p, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *, const char *fmt, ...) FORMAT_PRINTF(2, 3) __attribute__((returns_nonnull));

#endif
