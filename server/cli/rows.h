/* Rows of an entity, printed in the format asked for. */
#ifndef FLEETMEND_ROWS_H
#define FLEETMEND_ROWS_H

#include "cli.h"
#include "entity.h"

struct rows {
    const struct json **v; /* borrowed objects */
    size_t n, room;
};

void rows_add(struct rows *, const struct json *row);
/* Every element of an array. */
void rows_add_all(struct rows *, const struct json *array);
void rows_free(struct rows *);

/* Formats table, wide, csv and name, on c->out. Columns that no row has a value for are left out of tables.
 */
void rows_print(struct cli *, const struct entity *, const struct rows *, int64_t now_ms, const char *format);
/* The table alone, for a page with more on it. */
void rows_table(struct cli *, const struct entity *, const struct rows *, int64_t now_ms, bool wide,
                struct buf *out);

/* "1 machine", "12 machines". From the arena. */
const char *count_text(struct cli *, const struct entity *, int64_t n);
/* What ages are counted from: the server's clock where it says it, else this one. */
int64_t now_of(struct cli *, const struct json *document);

#endif
