#include "store_page.h"

#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* One call of list_run(). */
struct run {
    const struct list *list;
    const struct sort *sort;
    bool descending;
    int64_t limit, given;
    char last[PAGE_CURSOR_MAX]; /* cursor of the row given last */
    bool more, cursor_fits;
    list_give_fn *give;
    void *ctx;
};

static bool choose_sort(struct run *run, const char *words, struct err *e)
{
    const char *word = *words ? words : run->list->fallback;
    run->descending = *word == '-';
    word += run->descending;
    for (const struct sort *s = run->list->sorts; s->word; s++)
        if (strcmp(s->word, word) == 0) {
            run->sort = s;
            return true;
        }
    return err_set(e, ERR_INVALID,
                   "sort: there is no column \"%s\"; it is one of %s, with - in front for the reverse", word,
                   run->list->words);
}

/* NUMBER.BASE64, of the sort value as text, in the letters that need no escape in a URL. */
static bool print_cursor(struct run *run, const struct db_row *row)
{
    struct slice value = db_row_text(row, 0);
    struct buf text;
    buf_init(&text, PAGE_CURSOR_MAX - 1);
    buf_printf(&text, "%" PRId64 ".", db_row_int(row, 1));
    base64_encode(value, &text);
    bool ok = !text.full;
    for (size_t i = 0; ok && i <= text.n; i++)
        run->last[i] = text.p[i] == '+' ? '-' : text.p[i] == '/' ? '_' : text.p[i];
    buf_free(&text);
    return ok;
}

static bool parse_number(const char *text, size_t n, int64_t *out)
{
    char copy[24];
    if (n == 0 || n >= sizeof copy)
        return false;
    memcpy(copy, text, n);
    copy[n] = '\0';
    size_t sign = copy[0] == '-';
    if (strspn(copy + sign, "0123456789") != n - sign || n - sign > 18 || n == sign)
        return false;
    *out = strtoll(copy, NULL, 10);
    return true;
}

static bool decode_value(const char *text, struct buf *out)
{
    char copy[PAGE_CURSOR_MAX];
    size_t n = strlen(text);
    if (n >= sizeof copy)
        return false;
    for (size_t i = 0; i <= n; i++)
        copy[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
    return base64_decode(slice_make(copy, n), out, NULL) && utf8_valid_prefix(buf_slice(out)) == out->n;
}

/* Cursors come back from outside: anything may stand in them. */
static bool parse_cursor(const struct run *run, const char *cursor, struct arena *a, struct db_value value[2],
                         struct err *e)
{
    const char *dot = strchr(cursor, '.');
    struct buf text;
    buf_init(&text, PAGE_CURSOR_MAX);
    int64_t number = 0, sort_number = 0;
    bool ok = dot && parse_number(cursor, (size_t)(dot - cursor), &number) && decode_value(dot + 1, &text);
    if (ok && !run->sort->text)
        ok = parse_number(buf_text(&text), text.n, &sort_number);
    if (ok && run->sort->text)
        value[0] = db_slice(slice_make(arena_strndup(a, text.p, text.n), text.n));
    else
        value[0] = db_int(sort_number);
    value[1] = db_int(number);
    buf_free(&text);
    return ok || err_set(e, ERR_INVALID, "cursor: it is not one that this list gave in this order");
}

static bool append_page(struct list_query *q, const struct run *run, const char *cursor, struct err *e)
{
    const char *column = run->sort->column, *number = run->list->number;
    bool same = strcmp(column, number) == 0;
    if (*cursor) {
        struct db_value after[2];
        if (!parse_cursor(run, cursor, &q->arena, after, e))
            return false;
        const char *beyond = run->descending ? "<" : ">";
        buf_printf(&q->sql, same ? " AND %s " : " AND (%s, ", same ? number : column);
        if (same) {
            buf_printf(&q->sql, "%s ", beyond);
            list_query_value(q, after[1]);
        } else {
            buf_printf(&q->sql, "%s) %s (", number, beyond);
            list_query_value(q, after[0]);
            buf_puts(&q->sql, ", ");
            list_query_value(q, after[1]);
            buf_putc(&q->sql, ')');
        }
    }
    const char *direction = run->descending ? " DESC" : "";
    buf_printf(&q->sql, " ORDER BY %s%s", column, direction);
    if (!same)
        buf_printf(&q->sql, ", %s%s", number, direction);
    if (run->limit > 0) {
        buf_puts(&q->sql, " LIMIT ");
        list_query_value(q, db_int(run->limit + 1));
    }
    return true;
}

/* One row more than the page holds is asked for: it tells that there is a next page. */
static bool give_row(void *ctx, const struct db_row *row)
{
    struct run *run = ctx;
    if (run->limit > 0 && run->given == run->limit) {
        run->more = true;
        return false;
    }
    run->given++;
    run->cursor_fits = print_cursor(run, row);
    struct row_reader r = {.row = row, .column = 2};
    return run->cursor_fits && run->give(run->ctx, &r);
}

bool list_run(struct store *s, const struct list *list, const struct filter *filter, const char *always,
              const struct store_page *page, list_give_fn *give, void *ctx, char next[PAGE_CURSOR_MAX],
              struct err *e)
{
    struct run run = {.list = list, .limit = page->limit, .cursor_fits = true, .give = give, .ctx = ctx};
    struct list_query q;
    list_query_init(&q);
    next[0] = '\0';
    bool ok = choose_sort(&run, page->sort ? page->sort : "", e);
    if (ok) {
        buf_printf(&q.sql, "SELECT %s, %s, %s FROM %s", run.sort->column, list->number, list->columns,
                   list->from);
        ok = list_query_where(&q, list->entity, filter, always, page->now_ms, e) &&
             append_page(&q, &run, page->cursor ? page->cursor : "", e) &&
             buf_check(&q.sql, "the filter", e) &&
             db_query_text(s->db, buf_text(&q.sql), q.values, q.count, give_row, &run, e);
    }
    if (ok && !run.cursor_fits)
        ok = err_set(e, ERR_INTERNAL, "sort: a value of %s is too long for a cursor", run.sort->word);
    if (ok && run.more)
        memcpy(next, run.last, sizeof run.last);
    list_query_free(&q);
    return ok;
}

static bool take_count(void *ctx, const struct db_row *row)
{
    *(int64_t *)ctx = db_row_int(row, 0);
    return false;
}

bool list_count(struct store *s, const struct list *list, const struct filter *filter, const char *always,
                int64_t now_ms, int64_t *count, struct err *e)
{
    struct list_query q;
    list_query_init(&q);
    buf_printf(&q.sql, "SELECT COUNT(*) FROM %s", list->from);
    bool ok = list_query_where(&q, list->entity, filter, always, now_ms, e) &&
              buf_check(&q.sql, "the filter", e) &&
              db_query_text(s->db, buf_text(&q.sql), q.values, q.count, take_count, count, e);
    list_query_free(&q);
    return ok;
}
