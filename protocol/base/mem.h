/* Allocation that does not fail: on exhaustion the process says so on stderr and aborts.
 *
 * Everything that must survive is on disk before it is acknowledged, so a death here is one more crash the
 * journal and the database are built for. Input is bounded at the door, so no peer can ask for much. */
#ifndef FLEETMEND_BASE_MEM_H
#define FLEETMEND_BASE_MEM_H

#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, returns_nonnull));
void *mem_zalloc(size_t size) __attribute__((malloc, returns_nonnull));
/* Grows or shrinks; `p` may be NULL. Aborts on count * size overflow. */
void *mem_resize(void *p, size_t count, size_t size) __attribute__((returns_nonnull));
char *mem_strdup(const char *s) __attribute__((malloc, returns_nonnull));
/* Copies n bytes and adds a NUL. */
char *mem_strndup(const char *s, size_t n) __attribute__((malloc, returns_nonnull));
void mem_free(void *p); /* NULL is allowed */
/* Overwrites before the memory is given back; the compiler may not remove it. */
void mem_wipe(void *p, size_t size);

#endif
