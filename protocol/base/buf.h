/* A growing byte buffer created with its maximum.
 *
 * Invariants: `p[n]` is always NUL once anything was appended; n never passes max. The first append that
 * would pass max appends nothing and sets `full`; so do all later ones. Check buf_full() once, at the end. */
#ifndef FLEETMEND_BASE_BUF_H
#define FLEETMEND_BASE_BUF_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

struct buf {
    char *p;
    size_t n, cap, max;
    bool full;
};

void buf_init(struct buf *, size_t max);
void buf_free(struct buf *);
/* Empties, keeps the memory and the maximum. */
void buf_clear(struct buf *);
bool buf_append(struct buf *, const void *p, size_t n);
bool buf_append_slice(struct buf *, struct slice);
bool buf_puts(struct buf *, const char *z);
bool buf_putc(struct buf *, char c);
bool buf_printf(struct buf *, const char *fmt, ...) FORMAT_PRINTF(2, 3);
/* Removes n bytes at the front. */
void buf_drop(struct buf *, size_t n);
/* ERR_LIMIT naming `what` when something did not fit; true when all did. */
bool buf_check(const struct buf *, const char *what, struct err *e);
struct slice buf_slice(const struct buf *);
/* The text, NUL-terminated, "" when empty. Borrowed. */
const char *buf_text(const struct buf *);
/* Gives the memory to the caller (mem_free), never NULL; the buffer is empty afterwards. */
char *buf_take(struct buf *);

#endif
