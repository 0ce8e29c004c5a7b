/* A page about one thing: named facts, sections, tables. */
#ifndef FLEETMEND_PAGE_H
#define FLEETMEND_PAGE_H

#include "api.h"
#include "args.h"
#include "rows.h"

struct page {
    struct cli *cli;
    const struct json *json; /* what the server said */
    int64_t now_ms;
    struct buf out;
};

struct fact {
    const char *label, *key;
    enum show_kind kind;
};

/* Fetches `path` and prints by `fill`, or the answer as it is with -o json. Returns the exit code. */
int page_run(struct cli *, const struct args *, const char *path, void (*fill)(struct page *));

void page_title(struct page *, const char *title);
/* "label   value" for every row that has a value; ended by a row with label NULL. */
void page_facts(struct page *, const struct json *object, const struct fact *);
void page_fact(struct page *, const char *label, const char *value);
/* A line of text, indented; line breaks in it stay. Cleaned. */
void page_text(struct page *, const char *text);
/* The rows of an array as a table of this entity, or `none` when it is empty. */
void page_rows(struct page *, const char *entity, const struct json *array, const char *none);

#endif
