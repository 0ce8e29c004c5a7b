/* Failures: opened, counted, moved; and which codes the fleet has. */
#include "rows.h"
#include "store_internal.h"

static bool take_id(void *ctx, const struct db_row *row)
{
    *(int64_t *)ctx = db_row_int(row, 0);
    return true;
}

static bool open_failure(struct store *s, const struct failure_row *f, int64_t count, int64_t *id,
                         struct err *e)
{
    int64_t first_ms = f->first_seen_ms ? f->first_seen_ms : f->last_seen_ms;
    const struct db_value values[] = {db_text(f->machine_id), db_int(f->code),         db_int(f->extend),
                                      db_text(f->phase),      db_text(f->update_key),  db_text(f->kb),
                                      db_text(f->title),      db_text(f->why),         db_text(f->text),
                                      db_int(first_ms),       db_int(f->last_seen_ms), db_int(count)};
    return db_query(s->db, SQL_FAILURE_OPEN, values, COUNT_OF(values), take_id, id, e);
}

/* Two plain statements take half the time of one with RETURNING, and nearly every report repeats a failure.
 */
bool store_failure_seen(struct store *s, const struct failure_row *f, bool *opened, int64_t *id,
                        struct err *e)
{
    int64_t count = f->count > 0 ? f->count : 1;
    const struct db_value key[] = {db_text(f->machine_id), db_int(f->code), db_text(f->phase),
                                   db_text(f->update_key)};
    bool live = false;
    if (!store_query_int(s, SQL_FAILURE_LIVE, key, COUNT_OF(key), id, &live, e))
        return false;
    *opened = !live;
    if (!live)
        return open_failure(s, f, count, id, e);
    const struct db_value again[] = {db_int(count), db_int(f->last_seen_ms), db_int(f->extend),
                                     db_text(f->text), db_int(*id)};
    return db_exec(s->db, SQL_FAILURE_AGAIN, again, COUNT_OF(again), NULL, e);
}

bool store_failures_move(struct store *s, const char *machine_id, const char *phase, const char *update_key,
                         uint32_t code, enum failure_state to, const char *why, int64_t now_ms,
                         int64_t *changed, struct err *e)
{
    bool open = failure_state_open(to);
    const struct db_value values[] = {db_text(failure_state_words[to]),
                                      db_text(why),
                                      db_int(open || to == FAILURE_ACCEPTED),
                                      db_int(open ? 0 : now_ms),
                                      db_text(machine_id),
                                      db_text(phase),
                                      db_int(!update_key),
                                      db_text(update_key),
                                      db_int(code),
                                      db_int(!open || to == FAILURE_OPEN)};
    return db_exec(s->db, SQL_FAILURES_MOVE, values, COUNT_OF(values), changed, e);
}

struct take_failure {
    struct arena *arena;
    struct failure_row *out;
    bool found;
};

static bool take_failure(void *ctx, const struct db_row *row)
{
    struct take_failure *t = ctx;
    struct row_reader r = {.row = row, .arena = t->arena};
    read_failure(&r, t->out);
    t->found = true;
    return false;
}

bool store_failure_for_job(struct store *s, struct arena *a, const char *machine_id, uint32_t code,
                           struct failure_row *out, struct err *e)
{
    struct take_failure t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_FAILURE_FOR_JOB, VALUES(db_text(machine_id), db_int(code)), 2, take_failure, &t,
                  e))
        return false;
    return t.found || err_set(e, ERR_NOT_FOUND, "machine %s has no open failure%s", machine_id,
                              code ? " with that code" : "");
}

struct code_list {
    store_code_fn *fn;
    void *ctx;
};

static bool give_code(void *ctx, const struct db_row *row)
{
    struct code_list *l = ctx;
    struct row_reader r = {.row = row};
    struct code_row code = {0};
    code.code = read_code(&r);
    code.machines = read_int(&r);
    code.failures = read_int(&r);
    code.last_seen_ms = read_int(&r);
    return l->fn(l->ctx, &code);
}

bool store_codes(struct store *s, store_code_fn *fn, void *ctx, struct err *e)
{
    struct code_list l = {fn, ctx};
    return db_query(s->db, SQL_CODES, NULL, 0, give_code, &l, e);
}
