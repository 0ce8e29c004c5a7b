/* Events as the agents sent them: added, read back newest first. */
#include "rows.h"
#include "store_internal.h"

enum { EVENT_VALUES = 18 };

static bool add_one(struct store *s, const struct event_row *v, struct err *e)
{
    const struct db_value values[EVENT_VALUES] = {
        db_text(v->stream),  db_int(v->seq),        db_int(v->received_ms), db_int(v->time_ms),
        db_int(v->revision), db_int(v->count),      db_int(v->failed),      db_int(v->history),
        db_int(v->code),     db_int(v->extend),     db_text(v->phase),      db_text(v->source),
        db_text(v->context), db_text(v->update_id), db_text(v->kb),         db_text(v->title),
        db_text(v->text),    db_text(v->machine_id)};
    return store_change_one(s, SQL_EVENT_ADD, values, EVENT_VALUES, "machine", v->machine_id, e) &&
           db_exec(s->db, SQL_EVENT_CHAIN, VALUES(db_text(v->machine_id)), 1, NULL, e);
}

bool store_events_add(struct store *s, const struct event_row *rows, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (!add_one(s, &rows[i], e))
            return false;
    return true;
}

struct event_list {
    store_event_fn *fn;
    void *ctx;
};

static bool give_event(void *ctx, const struct db_row *row)
{
    struct event_list *l = ctx;
    struct row_reader r = {.row = row};
    struct event_row event = {0};
    read_event(&r, &event);
    return l->fn(l->ctx, &event);
}

bool store_events_of(struct store *s, const char *machine_id, int64_t limit, store_event_fn *fn, void *ctx,
                     struct err *e)
{
    struct event_list l = {fn, ctx};
    return db_query(s->db, SQL_EVENTS_OF, VALUES(db_text(machine_id), db_int(limit)), 2, give_event, &l, e);
}
