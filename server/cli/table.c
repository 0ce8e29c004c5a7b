#include "table.h"

#include "mem.h"
#include "screen_text.h"

enum { GAP = 2, NARROWEST = 8 };

void table_init(struct table *t)
{
    *t = (struct table){0};
}

void table_free(struct table *t)
{
    mem_free(t->cells);
    table_init(t);
}

void table_column(struct table *t, const char *heading, bool right)
{
    t->headings[t->columns] = heading;
    t->right[t->columns++] = right;
}

void table_add(struct table *t, const struct table_cell *row)
{
    if (t->rows == t->room) {
        t->room = t->room ? t->room * 2 : 64;
        t->cells = mem_resize(t->cells, t->room * t->columns, sizeof *t->cells);
    }
    memcpy(t->cells + t->rows * t->columns, row, t->columns * sizeof *row);
    t->rows++;
}

static void measure(const struct table *t, size_t *widths)
{
    for (size_t c = 0; c < t->columns; c++)
        widths[c] = screen_width(slice_of(t->headings[c]));
    for (size_t i = 0; i < t->rows * t->columns; i++) {
        size_t w = screen_width(slice_of(t->cells[i].text));
        if (w > widths[i % t->columns])
            widths[i % t->columns] = w;
    }
}

static size_t floor_of(const struct table *t, size_t c)
{
    size_t heading = screen_width(slice_of(t->headings[c]));
    return heading > NARROWEST ? heading : NARROWEST;
}

/* Takes from the widest column that has something to give, one by one: the others stay whole. */
static void narrow(const struct table *t, size_t fit, size_t *widths)
{
    size_t total = GAP * (t->columns - 1);
    for (size_t c = 0; c < t->columns; c++)
        total += widths[c];
    while (total > fit) {
        size_t widest = t->columns;
        for (size_t c = 0; c < t->columns; c++)
            if (widths[c] > floor_of(t, c) && (widest == t->columns || widths[c] > widths[widest]))
                widest = c;
        if (widest == t->columns)
            return;
        widths[widest]--;
        total--;
    }
}

static void put_blanks(struct buf *out, size_t n)
{
    while (n--)
        buf_putc(out, ' ');
}

static void put_cell(const struct table *t, size_t c, struct table_cell cell, const size_t *widths,
                     const struct terminal *term, struct buf *out)
{
    struct slice text = slice_of(cell.text);
    size_t width = screen_width(text);
    bool cut = width > widths[c];
    if (cut) {
        text.n = screen_fit(text, widths[c] - 1);
        width = screen_width(text) + 1;
    }
    if (t->right[c])
        put_blanks(out, widths[c] - width);
    buf_puts(out, colour_on(term, cell.colour));
    buf_append_slice(out, text);
    buf_puts(out, cut ? "\xE2\x80\xA6" : "");
    buf_puts(out, colour_off(term, cell.colour));
    if (!t->right[c] && c + 1 < t->columns)
        put_blanks(out, widths[c] - width);
}

static void put_row(const struct table *t, const struct table_cell *row, const size_t *widths,
                    const struct terminal *term, struct buf *out)
{
    size_t line = out->n;
    for (size_t c = 0; c < t->columns; c++) {
        if (c)
            put_blanks(out, GAP);
        put_cell(t, c, row[c], widths, term, out);
    }
    while (out->n > line && out->p[out->n - 1] == ' ') /* empty cells at the end */
        out->n--;
    buf_putc(out, '\n');
}

void table_print(const struct table *t, size_t fit, const struct terminal *term, struct buf *out)
{
    size_t widths[TABLE_COLUMNS_MAX];
    struct table_cell head[TABLE_COLUMNS_MAX];
    measure(t, widths);
    if (fit && t->columns)
        narrow(t, fit, widths);
    for (size_t c = 0; c < t->columns; c++)
        head[c] = (struct table_cell){t->headings[c], COLOUR_TITLE};
    put_row(t, head, widths, term, out);
    for (size_t r = 0; r < t->rows; r++)
        put_row(t, t->cells + r * t->columns, widths, term, out);
}

/* ---- CSV ---- */

/* Control characters have no business in a list; a line feed may stand in a quoted cell. */
static void put_csv_cell(const char *cell, struct buf *out)
{
    struct buf clean;
    buf_init(&clean, strlen(cell) + 1);
    screen_clean(&clean, slice_of(cell), true);
    const char *text = buf_text(&clean);
    bool formula = *text && strchr("=+-@\t", *text);
    bool quoted = strpbrk(text, "\",\n\t") || (*text && (*text == ' ' || text[clean.n - 1] == ' '));
    if (quoted)
        buf_putc(out, '"');
    if (formula)
        buf_putc(out, '\'');
    for (; *text; text++) {
        if (*text == '"')
            buf_putc(out, '"');
        buf_putc(out, *text);
    }
    if (quoted)
        buf_putc(out, '"');
    buf_free(&clean);
}

void csv_record(const char *const *cells, size_t count, struct buf *out)
{
    for (size_t i = 0; i < count; i++) {
        if (i)
            buf_putc(out, ',');
        put_csv_cell(cells[i], out);
    }
    buf_puts(out, "\r\n");
}
