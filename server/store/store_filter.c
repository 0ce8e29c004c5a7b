/* A filter as SQL: every fragment is a constant of this file, every value is bound. */
#include "rows.h"
#include "store_internal.h"

#include "columns.h"

#include <stdlib.h>

/* How a field is asked for. */
enum shape {
    SHAPE_EXACT,   /* the column, as it is */
    SHAPE_NOCASE,  /* without regard to case */
    SHAPE_NAME,    /* a machine's name: its key is stored */
    SHAPE_MACHINE, /* id or name */
    SHAPE_TAG,     /* one of ",a,b," */
    SHAPE_FLAG,
    SHAPE_NUMBER,
    SHAPE_CODE,
    SHAPE_AGE,
    SHAPE_OPEN_CODE,  /* a machine with an open failure of this code */
    SHAPE_OPEN_PHASE, /* ... in this phase */
};

enum { M = FILTER_MACHINES, F = FILTER_FAILURES, J = FILTER_JOBS };

static const struct fragment {
    enum filter_field field;
    unsigned entities;
    enum shape shape;
    const char *column;
} fragments[] = {
    {FIELD_ID, M, SHAPE_EXACT, "m.id"},
    {FIELD_ID, F, SHAPE_NUMBER, "f.id"},
    {FIELD_ID, J, SHAPE_EXACT, "j.id"},
    {FIELD_NAME, M, SHAPE_NAME, "m.name_key"},
    {FIELD_STATE, M, SHAPE_EXACT, "m.state"},
    {FIELD_STATE, F, SHAPE_EXACT, "f.state"},
    {FIELD_STATE, J, SHAPE_EXACT, "j.state"},
    {FIELD_OS, M | F | J, SHAPE_EXACT, "m.os"},
    {FIELD_BUILD, M | F | J, SHAPE_EXACT, "m.build"},
    {FIELD_ROLE, M | F | J, SHAPE_EXACT, "m.role"},
    {FIELD_UPDATE_MANAGER, M | F | J, SHAPE_EXACT, "m.update_manager"},
    {FIELD_UPDATE_SERVER, M | F | J, SHAPE_NOCASE, "m.update_server"},
    {FIELD_DOMAIN, M | F | J, SHAPE_NOCASE, "m.domain"},
    {FIELD_OU, M | F | J, SHAPE_NOCASE, "m.ou"},
    {FIELD_SITE, M | F | J, SHAPE_NOCASE, "m.site"},
    {FIELD_MODEL, M | F | J, SHAPE_EXACT, "m.model"},
    {FIELD_TAG, M | F | J, SHAPE_TAG, "m.tags"},
    {FIELD_LAST_SEEN, M, SHAPE_AGE, "c.last_seen_ms"},
    {FIELD_LAST_SEEN, F, SHAPE_AGE, "f.last_seen_ms"},
    {FIELD_CODE, M, SHAPE_OPEN_CODE, "f.code"},
    {FIELD_CODE, F, SHAPE_CODE, "f.code"},
    {FIELD_CODE, J, SHAPE_CODE, "j.code"},
    {FIELD_PHASE, M, SHAPE_OPEN_PHASE, "f.phase"},
    {FIELD_PHASE, F, SHAPE_EXACT, "f.phase"},
    {FIELD_PHASE, J, SHAPE_EXACT, "j.phase"},
    {FIELD_KB, F, SHAPE_NOCASE, "f.kb"},
    {FIELD_MACHINE, F | J, SHAPE_MACHINE, "m.name_key"},
    {FIELD_REPAIR, J, SHAPE_EXACT, "j.repair"},
    {FIELD_RESULT, J, SHAPE_EXACT, "j.result"},
    {FIELD_VERDICT, J, SHAPE_EXACT, "j.verdict"},
    {FIELD_ROLLOUT, J, SHAPE_EXACT, "j.rollout"},
    {FIELD_SIMULATED, M | F | J, SHAPE_FLAG, "m.simulated"},
};

void list_query_init(struct list_query *q)
{
    *q = (struct list_query){0};
    buf_init(&q->sql, LIST_SQL_MAX_BYTES);
}

void list_query_free(struct list_query *q)
{
    buf_free(&q->sql);
    arena_free(&q->arena);
}

void list_query_value(struct list_query *q, struct db_value value)
{
    q->values[q->count++] = value;
    buf_printf(&q->sql, "$%d", q->count);
}

/* "%text%" with LIKE's own signs taken literally. */
static const char *like_pattern(struct arena *a, const char *before, const char *text, const char *after)
{
    struct buf pattern;
    buf_init(&pattern, 2 * FILTER_VALUE_MAX + 16);
    buf_puts(&pattern, before);
    for (; *text; text++) {
        if (strchr("%_!", *text))
            buf_putc(&pattern, '!');
        buf_putc(&pattern, *text);
    }
    buf_puts(&pattern, after);
    const char *copy = arena_strdup(a, buf_text(&pattern));
    buf_free(&pattern);
    return copy;
}

static void append_like(struct list_query *q, const char *column, const char *pattern, bool lower)
{
    buf_printf(&q->sql, lower ? "LOWER(%s) LIKE LOWER(" : "%s LIKE (", column);
    list_query_value(q, db_text(pattern));
    buf_puts(&q->sql, ") ESCAPE '!'");
}

static void append_compare(struct list_query *q, const char *column, enum filter_op op, struct db_value value)
{
    buf_printf(&q->sql, "%s %s ", column, op == FILTER_NE ? "<>" : "=");
    list_query_value(q, value);
}

static void append_text(struct list_query *q, const char *column, const struct filter_term *t, bool nocase)
{
    if (t->op == FILTER_CONTAINS) {
        append_like(q, column, like_pattern(&q->arena, "%", t->text, "%"), true);
        return;
    }
    if (!nocase) {
        append_compare(q, column, t->op, db_text(t->text));
        return;
    }
    buf_printf(&q->sql, "LOWER(%s) %s LOWER(", column, t->op == FILTER_NE ? "<>" : "=");
    list_query_value(q, db_text(t->text));
    buf_putc(&q->sql, ')');
}

static void append_name(struct list_query *q, const char *column, const struct filter_term *t)
{
    const char *key = store_name_key(&q->arena, t->text);
    if (t->op == FILTER_CONTAINS)
        append_like(q, column, like_pattern(&q->arena, "%", key, "%"), false);
    else
        append_compare(q, column, t->op, db_text(key));
}

static void append_machine(struct list_query *q, const char *column, const struct filter_term *t)
{
    buf_puts(&q->sql, "(m.id ");
    buf_puts(&q->sql, t->op == FILTER_NE ? "<> " : "= ");
    list_query_value(q, db_text(t->text));
    buf_puts(&q->sql, t->op == FILTER_NE ? " AND " : " OR ");
    append_name(q, column, t);
    buf_putc(&q->sql, ')');
}

static void append_tag(struct list_query *q, const char *column, const struct filter_term *t)
{
    bool part = t->op == FILTER_CONTAINS;
    if (t->op == FILTER_NE)
        buf_puts(&q->sql, "NOT ");
    append_like(q, column, like_pattern(&q->arena, part ? "%" : "%,", t->text, part ? "%" : ",%"), true);
}

/* An age of 7d is the moment 7 days ago; "less than 7d" is later than that. */
static void append_age(struct list_query *q, const char *column, const struct filter_term *t, int64_t now_ms)
{
    buf_printf(&q->sql, "%s %s ", column, t->op == FILTER_LESS ? ">" : "<");
    list_query_value(q, db_int(now_ms - t->age_ms));
}

static void append_open_failure(struct list_query *q, const struct fragment *f, const struct filter_term *t)
{
    struct filter_term inner = *t;
    if (t->op == FILTER_NE) {
        buf_puts(&q->sql, "NOT ");
        inner.op = FILTER_EQ;
    }
    buf_puts(&q->sql, "EXISTS (SELECT 1 FROM failures f WHERE f.machine = m.n AND " OPEN_FAILURE " AND ");
    if (f->shape == SHAPE_OPEN_CODE)
        append_compare(q, f->column, FILTER_EQ, db_int(t->code));
    else
        append_text(q, f->column, &inner, false);
    buf_putc(&q->sql, ')');
}

static void append_term(struct list_query *q, const struct fragment *f, const struct filter_term *t,
                        int64_t now_ms)
{
    switch (f->shape) {
    case SHAPE_EXACT:
        append_text(q, f->column, t, false);
        return;
    case SHAPE_NOCASE:
        append_text(q, f->column, t, true);
        return;
    case SHAPE_NAME:
        append_name(q, f->column, t);
        return;
    case SHAPE_MACHINE:
        append_machine(q, f->column, t);
        return;
    case SHAPE_TAG:
        append_tag(q, f->column, t);
        return;
    case SHAPE_FLAG:
        append_compare(q, f->column, t->op, db_int(strcmp(t->text, "true") == 0));
        return;
    case SHAPE_NUMBER:
        append_compare(q, f->column, t->op, db_int(strtoll(t->text, NULL, 10)));
        return;
    case SHAPE_CODE:
        append_compare(q, f->column, t->op, db_int(t->code));
        return;
    case SHAPE_AGE:
        append_age(q, f->column, t, now_ms);
        return;
    case SHAPE_OPEN_CODE:
    case SHAPE_OPEN_PHASE:
        append_open_failure(q, f, t);
        return;
    }
}

static const struct fragment *find_fragment(enum filter_entity entity, enum filter_field field)
{
    for (int i = 0; i < COUNT_OF(fragments); i++)
        if (fragments[i].field == field && (fragments[i].entities & entity))
            return &fragments[i];
    return NULL;
}

bool list_query_where(struct list_query *q, enum filter_entity entity, const struct filter *filter,
                      const char *always, int64_t now_ms, struct err *e)
{
    buf_printf(&q->sql, " WHERE %s", *always ? always : "1 = 1");
    for (int i = 0; i < filter->count; i++) {
        const struct filter_term *t = &filter->terms[i];
        const struct fragment *f = find_fragment(entity, t->field);
        if (!f)
            return err_set(e, ERR_INVALID, "the field \"%s\" is not one of this list",
                           filter_field_name(t->field));
        buf_puts(&q->sql, " AND ");
        append_term(q, f, t, now_ms);
    }
    return true;
}
