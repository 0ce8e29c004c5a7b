/* Machines as they enrol, describe themselves and stay in touch. */
#include "rows.h"
#include "store_internal.h"

#include <inttypes.h>

struct take_machines {
    struct arena *arena;
    struct machine_row *out;
    int found;
    bool second_is_retired;
};

static bool take_machine(void *ctx, const struct db_row *row)
{
    struct take_machines *t = ctx;
    struct row_reader r = {.row = row, .arena = t->arena};
    if (t->found++ == 0) {
        read_machine(&r, t->out, true);
        return true;
    }
    struct machine_row second = {0};
    read_machine(&r, &second, true);
    t->second_is_retired = second.state == MACHINE_RETIRED;
    return false;
}

bool store_machine_get(struct store *s, struct arena *a, const char *id, struct machine_row *out,
                       struct err *e)
{
    struct take_machines t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_MACHINE_GET, VALUES(db_text(id)), 1, take_machine, &t, e))
        return false;
    return t.found || err_set(e, ERR_NOT_FOUND, "there is no machine %s", id);
}

bool store_machine_find(struct store *s, struct arena *a, const char *id_or_name, struct machine_row *out,
                        struct err *e)
{
    struct take_machines t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_MACHINE_GET, VALUES(db_text(id_or_name)), 1, take_machine, &t, e))
        return false;
    if (t.found)
        return true;
    /* Those in the fleet come first, so a retired namesake does not stand in the way. */
    const char *key = store_name_key(a, id_or_name);
    if (!db_query(s->db, SQL_MACHINE_BY_NAME, VALUES(db_text(key)), 1, take_machine, &t, e))
        return false;
    if (!t.found)
        return err_set(e, ERR_NOT_FOUND, "there is no machine %s", id_or_name);
    if (t.found > 1 && (!t.second_is_retired || out->state == MACHINE_RETIRED))
        return err_set(e, ERR_CONFLICT, "several machines are named %s: give the id of the one you mean",
                       id_or_name);
    return true;
}

bool store_machine_same_name(struct store *s, const char *name, const char *not_id, int64_t *count,
                             struct err *e)
{
    struct arena a = {0};
    bool ok = store_query_int(s, SQL_MACHINE_SAME_NAME,
                              VALUES(db_text(store_name_key(&a, name)), db_text(not_id)), 2, count, NULL, e);
    arena_free(&a);
    return ok;
}

bool store_machine_put(struct store *s, const struct machine_row *m, struct err *e)
{
    struct arena a = {0};
    const char *state = machine_state_words[m->approved ? MACHINE_NEVER_SCANNED : MACHINE_PENDING];
    int64_t seen_ms = m->last_seen_ms > m->enrolled_ms ? m->last_seen_ms : m->enrolled_ms;
    const struct db_value machine[] = {db_text(m->id),
                                       db_text(m->name),
                                       db_text(store_name_key(&a, m->name)),
                                       db_text(state),
                                       db_text(m->instance),
                                       db_text(m->os),
                                       db_text(m->build),
                                       db_text(m->role),
                                       db_text(m->update_manager),
                                       db_text(m->update_server),
                                       db_text(m->domain),
                                       db_text(m->ou),
                                       db_text(m->site),
                                       db_text(m->model),
                                       db_text(m->tags),
                                       db_int(m->approved),
                                       db_int(m->simulated),
                                       db_int(m->reboot_pending),
                                       db_int(m->enrolled_ms)};
    const struct db_value details[] = {db_text(m->id), db_text(m->public_key), db_text(m->facts)};
    const struct db_value contact[] = {db_text(m->id),     db_text(m->stream), db_int(m->stream_have),
                                       db_int(seen_ms),    db_int(m->skew_ms), db_text(m->agent_version),
                                       db_text(m->boot_id)};
    bool ok = db_exec(s->db, SQL_MACHINE_PUT, machine, COUNT_OF(machine), NULL, e) &&
              db_exec(s->db, SQL_MACHINE_PUT_DETAILS, details, COUNT_OF(details), NULL, e) &&
              db_exec(s->db, SQL_MACHINE_PUT_CONTACT, contact, COUNT_OF(contact), NULL, e);
    arena_free(&a);
    return ok;
}

bool store_machine_set_approved(struct store *s, const char *id, bool approved, struct err *e)
{
    return store_change_one(s, SQL_MACHINE_SET_APPROVED, VALUES(db_int(approved), db_text(id)), 2, "machine",
                            id, e);
}

bool store_machine_set_state(struct store *s, const char *id, enum machine_state to, const char *why,
                             struct err *e)
{
    return store_change_one(s, SQL_MACHINE_SET_STATE,
                            VALUES(db_text(machine_state_words[to]), db_text(why), db_text(id)), 3, "machine",
                            id, e);
}

bool store_machine_set_facts(struct store *s, const struct machine_row *m, struct err *e)
{
    struct arena a = {0};
    const struct db_value columns[] = {db_text(m->name),           db_text(store_name_key(&a, m->name)),
                                       db_text(m->instance),       db_text(m->os),
                                       db_text(m->build),          db_text(m->role),
                                       db_text(m->update_manager), db_text(m->update_server),
                                       db_text(m->domain),         db_text(m->ou),
                                       db_text(m->site),           db_text(m->model),
                                       db_text(m->tags),           db_int(m->simulated),
                                       db_int(m->reboot_pending),  db_text(m->id)};
    bool ok =
        store_change_one(s, SQL_MACHINE_SET_FACTS, columns, COUNT_OF(columns), "machine", m->id, e) &&
        db_exec(s->db, SQL_MACHINE_SET_FACTS_TEXT, VALUES(db_text(m->facts), db_text(m->id)), 2, NULL, e);
    arena_free(&a);
    return ok;
}

/* Keeps the high-water of the stream the machine had, and goes on with that of `stream`, 0 when it is new. */
static bool switch_stream(struct store *s, const char *id, const char *stream, struct err *e)
{
    return db_exec(s->db, SQL_STREAM_KEEP, VALUES(db_text(id)), 1, NULL, e) &&
           store_change_one(s, SQL_STREAM_SWITCH, VALUES(db_text(stream), db_text(id)), 2, "machine", id,
                            e) &&
           db_exec(s->db, SQL_STREAM_FORGET, VALUES(db_text(id), db_int(STREAMS_KEPT)), 2, NULL, e);
}

bool store_machine_touch(struct store *s, const struct machine_row *m, struct err *e)
{
    const struct db_value values[] = {
        db_int(m->last_seen_ms), db_int(m->skew_ms), db_text(m->agent_version), db_text(m->boot_id),
        db_int(m->stream_have),  db_text(m->id),     db_text(m->stream)};
    int64_t changes = 0;
    if (!db_exec(s->db, SQL_MACHINE_TOUCH, values, COUNT_OF(values), &changes, e))
        return false;
    /* No row: the machine has a new spool, hence a new stream; or it is not known. */
    return changes > 0 || (switch_stream(s, m->id, m->stream, e) &&
                           db_exec(s->db, SQL_MACHINE_TOUCH, values, COUNT_OF(values), NULL, e));
}

bool store_machine_seen_batch(struct store *s, const char *const *ids, const int64_t *seen_ms, size_t n,
                              struct err *e)
{
    struct arena a = {0};
    struct db_value *values = arena_alloc(&a, 2 * n * sizeof *values);
    for (size_t i = 0; i < n; i++) {
        values[2 * i] = db_int(seen_ms[i]);
        values[2 * i + 1] = db_text(ids[i]);
    }
    bool ok = db_exec_batch(s->db, SQL_MACHINE_SEEN, values, 2, n, e);
    arena_free(&a);
    return ok;
}

bool store_machine_scan_ok(struct store *s, const char *id, int64_t time_ms, struct err *e)
{
    return db_exec(s->db, SQL_MACHINE_SCAN_OK, VALUES(db_int(time_ms), db_text(id)), 2, NULL, e);
}

bool store_stream_have(struct store *s, const char *machine_id, const char *stream, int64_t *have,
                       struct err *e)
{
    return store_query_int(s, SQL_STREAM_HAVE, VALUES(db_text(machine_id), db_text(stream)), 2, have, NULL,
                           e);
}

bool store_stream_set(struct store *s, const char *machine_id, const char *stream, int64_t have,
                      struct err *e)
{
    const struct db_value values[] = {db_int(have), db_text(machine_id), db_text(stream)};
    int64_t changes = 0;
    if (!db_exec(s->db, SQL_STREAM_SET, values, COUNT_OF(values), &changes, e))
        return false;
    return changes > 0 || (switch_stream(s, machine_id, stream, e) &&
                           db_exec(s->db, SQL_STREAM_SET, values, COUNT_OF(values), NULL, e));
}
