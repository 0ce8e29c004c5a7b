#include "rows.h"

#include "mem.h"
#include "table.h"

#include <inttypes.h>

#define PRINT_MAX_BYTES ((size_t)1 << 32)

void rows_add(struct rows *r, const struct json *row)
{
    if (r->n == r->room) {
        r->room = r->room ? r->room * 2 : 256;
        r->v = mem_resize(r->v, r->room, sizeof *r->v);
    }
    r->v[r->n++] = row;
}

void rows_add_all(struct rows *r, const struct json *array)
{
    for (const struct json *row = json_first(array); row; row = json_next(row))
        rows_add(r, row);
}

void rows_free(struct rows *r)
{
    mem_free(r->v);
    *r = (struct rows){0};
}

const char *count_text(struct cli *c, const struct entity *e, int64_t n)
{
    return arena_printf(&c->arena, "%" PRId64 " %s", n, n == 1 ? e->one : e->many);
}

int64_t now_of(struct cli *c, const struct json *document)
{
    int64_t now = int_member(document, "as_of");
    return now ? now : clock_wall_ms(c->clock);
}

static bool has_value(const struct rows *r, const struct column *col)
{
    struct slice s;
    for (size_t i = 0; i < r->n; i++) {
        const struct json *v = json_get(r->v[i], col->key);
        bool empty = json_type(v) <= JSON_NULL || (json_string(v, &s) && !s.n);
        if (!empty)
            return true;
    }
    return false;
}

/* A reason that nobody has is a column of blanks. What a list is about stays, even when it is empty. */
static size_t choose_columns(const struct entity *e, const struct rows *r, bool wide,
                             const struct column **chosen)
{
    size_t n = 0;
    for (const struct column *col = e->columns; col->heading && n < TABLE_COLUMNS_MAX; col++)
        if ((wide || !col->wide) && (col == e->columns || has_value(r, col)))
            chosen[n++] = col;
    return n;
}

void rows_table(struct cli *c, const struct entity *e, const struct rows *r, int64_t now_ms, bool wide,
                struct buf *out)
{
    const struct column *chosen[TABLE_COLUMNS_MAX];
    size_t n = choose_columns(e, r, wide, chosen);
    struct table t;
    table_init(&t);
    for (size_t i = 0; i < n; i++)
        table_column(&t, chosen[i]->heading, chosen[i]->kind == SHOW_NUMBER);
    for (size_t row = 0; row < r->n; row++) {
        struct table_cell cells[TABLE_COLUMNS_MAX];
        for (size_t i = 0; i < n; i++) {
            cells[i].text =
                show_value(json_get(r->v[row], chosen[i]->key), chosen[i]->kind, now_ms, &c->arena);
            cells[i].colour = chosen[i]->kind == SHOW_STATE ? show_state_colour(cells[i].text) : COLOUR_NONE;
        }
        table_add(&t, cells);
    }
    table_print(&t, c->terminal.out ? c->terminal.columns : 0, &c->terminal, out);
    table_free(&t);
}

/* CSV has every column always: a program relies on them. */
static void put_csv(struct cli *c, const struct entity *e, const struct rows *r, struct buf *out)
{
    const char *cells[TABLE_COLUMNS_MAX];
    size_t n = 0;
    for (const struct column *col = e->columns; col->heading && n < TABLE_COLUMNS_MAX; col++)
        cells[n++] = col->key;
    csv_record(cells, n, out);
    for (size_t row = 0; row < r->n; row++) {
        for (size_t i = 0; i < n; i++)
            cells[i] = show_exact(json_get(r->v[row], e->columns[i].key), e->columns[i].kind, &c->arena);
        csv_record(cells, n, out);
    }
}

static void put_names(struct cli *c, const struct entity *e, const struct rows *r, struct buf *out)
{
    for (size_t i = 0; i < r->n; i++)
        buf_printf(out, "%s\n", show_member(r->v[i], e->name_key, &c->arena));
}

void rows_print(struct cli *c, const struct entity *e, const struct rows *r, int64_t now_ms,
                const char *format)
{
    struct buf out;
    buf_init(&out, PRINT_MAX_BYTES);
    if (strcmp(format, "csv") == 0)
        put_csv(c, e, r, &out);
    else if (strcmp(format, "name") == 0)
        put_names(c, e, r, &out);
    else if (r->n)
        rows_table(c, e, r, now_ms, strcmp(format, "wide") == 0, &out);
    fwrite(buf_text(&out), 1, out.n, c->out);
    buf_free(&out);
}
