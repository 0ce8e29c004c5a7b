#include "arena.h"

#include "mem.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

/* Most arenas need little. The first block is of a size malloc keeps at hand (1032 bytes in glibc); a bigger
 * one costs a search each time. */
enum { FIRST_BLOCK_BYTES = 984, BLOCK_BYTES = 4000 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    max_align_t data[];
};

void arena_free(struct arena *a)
{
    while (a->head) {
        struct arena_block *next = a->head->next;
        mem_free(a->head);
        a->head = next;
    }
}

void *arena_alloc(struct arena *a, size_t size)
{
    const size_t align = sizeof(max_align_t);
    size = (size + align - 1) / align * align;
    struct arena_block *b = a->head;
    if (!b || b->size - b->used < size) {
        size_t usual = a->head ? BLOCK_BYTES : FIRST_BLOCK_BYTES, room = size > usual ? size : usual;
        b = mem_alloc(sizeof *b + room);
        *b = (struct arena_block){.size = room};
        /* A big one-off goes behind the head, so the head's free room is not lost. */
        if (a->head && room > BLOCK_BYTES) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
    }
    void *p = (char *)b->data + b->used;
    b->used += size;
    memset(p, 0, size);
    return p;
}

char *arena_strndup(struct arena *a, const char *p, size_t n)
{
    char *copy = arena_alloc(a, n + 1);
    if (n)
        memcpy(copy, p, n);
    return copy;
}

char *arena_strdup(struct arena *a, const char *z)
{
    return arena_strndup(a, z, strlen(z));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    size_t size = n < 0 ? 0 : (size_t)n;
    char *p = arena_alloc(a, size + 1);
    vsnprintf(p, size + 1, fmt, again);
    va_end(again);
    return p;
}
