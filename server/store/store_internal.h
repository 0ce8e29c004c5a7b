/* What the store's files share; nobody else includes it. */
#ifndef FLEETMEND_STORE_INTERNAL_H
#define FLEETMEND_STORE_INTERNAL_H

#include "store.h"

struct store {
    struct db *db;
};

enum { STREAMS_KEPT = 8 };

#define VALUES(...)                                                                                          \
    (const struct db_value[])                                                                                \
    {                                                                                                        \
        __VA_ARGS__                                                                                          \
    }
#define COUNT_OF(list) (int)(sizeof(list) / sizeof(list)[0])

/* Names are compared by this: ASCII letters lowered. In the arena. */
const char *store_name_key(struct arena *, const char *name);

/* Runs a statement that must change one row; ERR_NOT_FOUND "no WHAT ID" when it changed none. */
bool store_change_one(struct store *, enum db_statement s, const struct db_value *values, int n,
                      const char *what, const char *id, struct err *e);
/* The first column of the first row; *found false when there is none. */
bool store_query_int(struct store *, enum db_statement s, const struct db_value *values, int n,
                     int64_t *value, bool *found, struct err *e);

/* " WHERE ..." of a filter, appended to `sql`, its values to `values`; see store_filter.c. */
enum { LIST_VALUES_MAX = 2 * FILTER_TERMS_MAX + 8, LIST_SQL_MAX_BYTES = 16384 };
struct list_query {
    struct buf sql;
    struct db_value values[LIST_VALUES_MAX];
    int count;
    struct arena arena;
};
void list_query_init(struct list_query *);
void list_query_free(struct list_query *);
void list_query_value(struct list_query *, struct db_value);
/* `always`: a condition that holds for every row of the list, "" for none. */
bool list_query_where(struct list_query *, enum filter_entity, const struct filter *, const char *always,
                      int64_t now_ms, struct err *e);

#endif
