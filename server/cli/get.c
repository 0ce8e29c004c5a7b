/* fleetmend get: lists, page by page until there is no more. */
#include "api.h"
#include "filter_terms.h"
#include "json_copy.h"
#include "mem.h"
#include "rows.h"
#include "run.h"

enum { PAGE_ROWS = 1000, FILTER_MAX_BYTES = 16 * 1024, PATH_MAX_BYTES = 64 * 1024 };

#define OUTPUT_MAX_BYTES ((size_t)1 << 32)

/* Pages stay parsed until all is printed: column widths need every row, and half a list must not look like
 * one. */
struct listing {
    struct answer *pages;
    size_t page_count, page_room;
    struct rows rows;
    int64_t total, as_of, limit;
};

static void listing_free(struct listing *l)
{
    for (size_t i = 0; i < l->page_count; i++)
        answer_free(&l->pages[i]);
    mem_free(l->pages);
    rows_free(&l->rows);
}

static struct answer *next_page(struct listing *l)
{
    if (l->page_count == l->page_room) {
        l->page_room = l->page_room ? l->page_room * 2 : 16;
        l->pages = mem_resize(l->pages, l->page_room, sizeof *l->pages);
    }
    return &l->pages[l->page_count++];
}

static void print_path(struct cli *c, const struct args *args, const char *filter, const char *cursor,
                       int64_t left, struct buf *path)
{
    buf_puts(path, api_path(c, args->words.v[0], "", ""));
    api_query(path, "limit",
              arena_printf(&c->arena, "%lld", (long long)(left < PAGE_ROWS ? left : PAGE_ROWS)));
    if (*filter)
        api_query(path, "filter", filter);
    if (args_has(args, OPT_SORT))
        api_query(path, "sort", args_text(args, OPT_SORT, ""));
    if (args_has(args, OPT_ALL))
        api_query(path, "all", "true");
    if (*cursor)
        api_query(path, "cursor", cursor);
}

static void take_page(struct listing *l, const struct answer *page)
{
    if (l->page_count == 1) {
        l->total = int_member(page->json, "total");
        l->as_of = int_member(page->json, "as_of");
    }
    for (const struct json *row = json_first(json_get(page->json, "items")); row; row = json_next(row))
        if ((int64_t)l->rows.n < l->limit)
            rows_add(&l->rows, row);
}

static int fetch(struct cli *c, const struct args *args, const char *filter, struct listing *l)
{
    const char *cursor = "";
    int exit = CLI_OK;
    struct buf path;
    buf_init(&path, PATH_MAX_BYTES);
    do {
        buf_clear(&path);
        print_path(c, args, filter, cursor, l->limit - (int64_t)l->rows.n, &path);
        struct answer *page = next_page(l);
        exit = api_call_or_say(c, "GET", buf_text(&path), NULL, page);
        if (exit != CLI_OK)
            break;
        take_page(l, page);
        const char *next = raw_member(page->json, "next", &c->arena);
        if (*next && strcmp(next, cursor) == 0) {
            struct err e = {0};
            err_set(&e, ERR_INTERNAL, "the server sends the same page again and again");
            exit = cli_fail(c, CLI_ERROR, &e);
        }
        cursor = next;
    } while (exit == CLI_OK && *cursor && (int64_t)l->rows.n < l->limit);
    buf_free(&path);
    return exit;
}

static void print_json_list(struct cli *c, const struct listing *l)
{
    struct buf out;
    buf_init(&out, OUTPUT_MAX_BYTES);
    struct json_writer w = {.out = &out};
    json_begin(&w, '{');
    json_put_key(&w, "items");
    json_begin(&w, '[');
    for (size_t i = 0; i < l->rows.n; i++)
        json_copy(&w, l->rows.v[i]);
    json_end(&w, ']');
    json_member_int(&w, "total", l->total);
    json_member_int(&w, "as_of", l->as_of);
    json_end(&w, '}');
    json_print(c->out, buf_slice(&out));
    buf_free(&out);
}

static void print_listing(struct cli *c, const struct args *args, const struct entity *entity,
                          const struct listing *l)
{
    const char *format = args_text(args, OPT_OUTPUT, "table");
    if (strcmp(format, "json") == 0) {
        print_json_list(c, l);
        return;
    }
    rows_print(c, entity, &l->rows, l->as_of ? l->as_of : clock_wall_ms(c->clock), format);
    fflush(c->out); /* the count stands below the list */
    if (strcmp(format, "table") != 0 && strcmp(format, "wide") != 0)
        return;
    if ((int64_t)l->rows.n < l->total)
        cli_say(c, "%lld of %s", (long long)l->rows.n, count_text(c, entity, l->total));
    else
        cli_say(c, "%s", count_text(c, entity, (int64_t)l->rows.n));
}

int run_get(struct cli *c, const struct args *args)
{
    const struct entity *entity = entity_find(args->words.v[0]);
    struct listing l = {0};
    struct err e = {0};
    struct buf filter;
    buf_init(&filter, FILTER_MAX_BYTES);
    int exit = CLI_OK;
    if (args_has(args, OPT_ALL) && strcmp(entity->name, "failures") != 0)
        exit = cli_usage(c, "get", "--all is for failures: closed ones too");
    else if (!args_number(args, OPT_LIMIT, 1, INT32_MAX, INT64_MAX, &l.limit, &e) ||
             !filter_terms_join(args->words.v + 1, args->words.n - 1, &filter, &e))
        exit = cli_usage(c, "get", "%s", e.text);
    else
        exit = fetch(c, args, buf_text(&filter), &l);
    if (exit == CLI_OK)
        print_listing(c, args, entity, &l);
    listing_free(&l);
    buf_free(&filter);
    return exit;
}
