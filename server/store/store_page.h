/* One page of a list: its order, its cursor.
 *
 * A page begins after the sort value and the row number of the last row before it, not at a count of rows:
 * rows that are added meanwhile move nothing. That pair is the cursor. */
#ifndef FLEETMEND_STORE_PAGE_H
#define FLEETMEND_STORE_PAGE_H

#include "rows.h"
#include "store_internal.h"

enum { PAGE_CURSOR_MAX = 200, PAGE_SORTS_MAX = 9 };

struct sort {
    const char *word, *column;
    bool text;
};

/* What the lists of one entity have in common. */
struct list {
    enum filter_entity entity;
    const char *columns, *from;
    const char *number;   /* the column that tells rows apart and never changes */
    const char *fallback; /* the order when none is asked for */
    const char *words;    /* of `sorts`, for people */
    struct sort sorts[PAGE_SORTS_MAX];
};

/* Reads one row; column 0 of the reader is the first of `columns`. */
typedef bool list_give_fn(void *ctx, struct row_reader *r);

/* `always`: see list_query_where(). */
bool list_run(struct store *, const struct list *, const struct filter *, const char *always,
              const struct store_page *, list_give_fn *give, void *ctx, char next[PAGE_CURSOR_MAX],
              struct err *e);
bool list_count(struct store *, const struct list *, const struct filter *, const char *always,
                int64_t now_ms, int64_t *count, struct err *e);

#endif
