/* An aligned table for people. */
#ifndef FLEETMEND_TABLE_H
#define FLEETMEND_TABLE_H

#include "buf.h"
#include "terminal.h"

enum { TABLE_COLUMNS_MAX = 24 };

struct table_cell {
    const char *text; /* borrowed, one line, clean */
    enum colour colour;
};

struct table {
    size_t columns;
    const char *headings[TABLE_COLUMNS_MAX];
    bool right[TABLE_COLUMNS_MAX]; /* numbers stand at the right */
    struct table_cell *cells;      /* row after row */
    size_t rows, room;
};

void table_init(struct table *);
void table_free(struct table *);
/* Before the first row. */
void table_column(struct table *, const char *heading, bool right);
/* `columns` cells, copied (their texts are not). */
void table_add(struct table *, const struct table_cell *row);
/* Columns as wide as their widest cell by display width, two blanks between, nothing after the last. With fit
 * > 0 the widest column is cut, "…" marking it, until a row fits; a column is never cut below its heading
 * or 8. */
void table_print(const struct table *, size_t fit, const struct terminal *, struct buf *out);

/* One CSV record after RFC 4180. A cell that a spreadsheet would take for a formula gets a leading '. */
void csv_record(const char *const *cells, size_t count, struct buf *out);

#endif
