#include "page.h"

#include "json_copy.h"
#include "run.h"
#include "screen_text.h"

enum { PAGE_MAX_BYTES = 1 << 26, LABEL_WIDTH = 16 };

int page_run(struct cli *c, const struct args *args, const char *path, void (*fill)(struct page *))
{
    const char *format = args_text(args, OPT_OUTPUT, "table");
    bool as_json = strcmp(format, "json") == 0;
    if (!as_json && strcmp(format, "table") != 0)
        return cli_usage(c, args->command->name, "-o %s is for lists; \"%s\" has table and json", format,
                         args->command->name);
    struct answer a;
    int exit = api_call_or_say(c, "GET", path, NULL, &a);
    if (exit == CLI_OK && as_json) {
        json_print(c->out, buf_slice(&a.text));
    } else if (exit == CLI_OK) {
        struct page p = {.cli = c, .json = a.json, .now_ms = now_of(c, a.json)};
        buf_init(&p.out, PAGE_MAX_BYTES);
        fill(&p);
        fwrite(buf_text(&p.out), 1, p.out.n, c->out);
        buf_free(&p.out);
    }
    answer_free(&a);
    return exit;
}

void page_title(struct page *p, const char *title)
{
    const struct terminal *t = &p->cli->terminal;
    buf_printf(&p->out, "%s%s", p->out.n ? "\n" : "", colour_on(t, COLOUR_TITLE));
    screen_clean(&p->out, slice_of(title), false);
    buf_printf(&p->out, "%s\n", colour_off(t, COLOUR_TITLE));
}

void page_fact(struct page *p, const char *label, const char *value)
{
    if (!*value)
        return;
    size_t width = screen_width(slice_of(label));
    buf_puts(&p->out, "  ");
    screen_clean(&p->out, slice_of(label), false);
    buf_printf(&p->out, "%*s  ", width < LABEL_WIDTH ? (int)(LABEL_WIDTH - width) : 0, "");
    screen_clean(&p->out, slice_of(value), false);
    buf_putc(&p->out, '\n');
}

void page_facts(struct page *p, const struct json *object, const struct fact *facts)
{
    const struct terminal *t = &p->cli->terminal;
    for (; facts->label; facts++) {
        const char *value = show_value(json_get(object, facts->key), facts->kind, p->now_ms, &p->cli->arena);
        if (!*value)
            continue;
        enum colour colour = facts->kind == SHOW_STATE ? show_state_colour(value) : COLOUR_NONE;
        buf_printf(&p->out, "  %-*s  %s%s%s\n", LABEL_WIDTH, facts->label, colour_on(t, colour), value,
                   colour_off(t, colour));
    }
}

void page_text(struct page *p, const char *text)
{
    while (*text) {
        size_t n = strcspn(text, "\n");
        size_t shown = n && text[n - 1] == '\r' ? n - 1 : n; /* Windows' line ends */
        buf_puts(&p->out, shown ? "  " : "");
        screen_clean(&p->out, slice_make(text, shown), true);
        buf_putc(&p->out, '\n');
        text += n;
        text += *text == '\n';
    }
}

void page_rows(struct page *p, const char *entity, const struct json *array, const char *none)
{
    struct rows rows = {0};
    rows_add_all(&rows, array);
    if (rows.n)
        rows_table(p->cli, entity_find(entity), &rows, p->now_ms, false, &p->out);
    else
        page_text(p, none);
    rows_free(&rows);
}
