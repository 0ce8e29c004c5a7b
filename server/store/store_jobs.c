/* Jobs and rollouts: added, moved by compare-and-set, reported on, ended without a start. */
#include "mem.h"
#include "rows.h"
#include "store_internal.h"

enum { JOB_VALUES = 29 };

bool store_rollout_add(struct store *s, const struct rollout_row *r, struct err *e)
{
    const struct db_value values[] = {
        db_text(r->id),        db_text(r->repair),     db_text(r->params),         db_text(r->filter),
        db_text(r->reason),    db_text(r->created_by), db_text(r->targets_sha256), db_text(r->state),
        db_int(r->created_ms), db_int(r->matched),     db_int(r->dry_run)};
    return db_exec(s->db, SQL_ROLLOUT_ADD, values, COUNT_OF(values), NULL, e);
}

struct take_rollout {
    struct arena *arena;
    struct rollout_row *out;
    bool found;
};

static void read_rollout(struct row_reader *r, struct rollout_row *out)
{
    out->id = read_text(r);
    out->repair = read_text(r);
    out->params = read_text(r);
    out->filter = read_text(r);
    out->reason = read_text(r);
    out->created_by = read_text(r);
    out->targets_sha256 = read_text(r);
    out->state = read_text(r);
    out->created_ms = read_int(r);
    out->matched = read_int(r);
    out->dry_run = read_flag(r);
}

static bool take_rollout(void *ctx, const struct db_row *row)
{
    struct take_rollout *t = ctx;
    struct row_reader r = {.row = row, .arena = t->arena};
    t->found = true;
    read_rollout(&r, t->out);
    return false;
}

bool store_rollout_get(struct store *s, struct arena *a, const char *id, struct rollout_row *out,
                       struct err *e)
{
    struct take_rollout t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_ROLLOUT_GET, VALUES(db_text(id)), 1, take_rollout, &t, e))
        return false;
    return t.found || err_set(e, ERR_NOT_FOUND, "there is no rollout %s", id);
}

bool store_rollout_settle(struct store *s, const char *id, struct err *e)
{
    return db_exec(s->db, SQL_ROLLOUT_SETTLE, VALUES(db_text(id)), 1, NULL, e);
}

struct rollout_list {
    store_rollout_fn *fn;
    void *ctx;
};

static bool give_rollout(void *ctx, const struct db_row *row)
{
    struct rollout_list *l = ctx;
    struct arena a = {0};
    struct row_reader r = {.row = row, .arena = &a};
    struct rollout_row out;
    read_rollout(&r, &out);
    bool more = l->fn(l->ctx, &out);
    arena_free(&a);
    return more;
}

bool store_rollouts(struct store *s, int64_t limit, store_rollout_fn *fn, void *ctx, struct err *e)
{
    struct rollout_list l = {fn, ctx};
    return db_query(s->db, SQL_ROLLOUT_LIST, VALUES(db_int(limit ? limit : INT64_MAX)), 1, give_rollout, &l,
                    e);
}

bool store_rollout_move(struct store *s, const char *id, const char *from, const char *to, struct err *e)
{
    int64_t changes = 0;
    if (!db_exec(s->db, SQL_ROLLOUT_MOVE, VALUES(db_text(to), db_text(id), db_text(from)), 3, &changes, e))
        return false;
    return changes > 0 || err_set(e, ERR_CONFLICT, "rollout %s is not %s any more", id, from);
}

static void job_values(const struct job_row *j, struct db_value out[JOB_VALUES])
{
    const struct db_value values[JOB_VALUES] = {db_text(j->id),
                                                db_text(j->rollout_id),
                                                db_text(j->machine_id),
                                                db_text(j->repair),
                                                db_text(j->op),
                                                db_text(j->params),
                                                db_text(j->origin),
                                                db_int(j->repair_class),
                                                db_text(job_state_name(j->state)),
                                                db_int(!job_state_final(j->state)),
                                                db_text(job_result_name(j->result)),
                                                db_text(job_verdict_name(j->verdict)),
                                                db_text(j->reason),
                                                db_text(j->verdict_reason),
                                                db_text(j->output),
                                                db_text(j->undo_of),
                                                db_int(j->code),
                                                db_int(j->verdict_code),
                                                db_text(j->phase),
                                                db_text(j->update_key),
                                                db_int(j->dry_run),
                                                db_int(j->undoable),
                                                db_int(j->late),
                                                db_int(j->rev),
                                                db_int(j->start_seq),
                                                db_int(j->created_ms),
                                                db_int(j->started_ms),
                                                db_int(j->ended_ms),
                                                db_int(j->expires_ms)};
    memcpy(out, values, sizeof values);
}

bool store_jobs_add(struct store *s, const struct job_row *rows, size_t n, struct err *e)
{
    struct db_value *values = mem_alloc(n * JOB_VALUES * sizeof *values);
    for (size_t i = 0; i < n; i++)
        job_values(&rows[i], values + i * JOB_VALUES);
    bool ok = db_exec_batch(s->db, SQL_JOB_ADD, values, JOB_VALUES, n, e);
    mem_free(values);
    return ok;
}

struct take_job {
    struct arena *arena;
    struct job_row *out;
    bool found;
};

static bool take_job(void *ctx, const struct db_row *row)
{
    struct take_job *t = ctx;
    struct row_reader r = {.row = row, .arena = t->arena};
    read_job(&r, t->out, true);
    t->found = true;
    return false;
}

bool store_job_get(struct store *s, struct arena *a, const char *id, struct job_row *out, struct err *e)
{
    struct take_job t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_JOB_GET, VALUES(db_text(id)), 1, take_job, &t, e))
        return false;
    return t.found || err_set(e, ERR_NOT_FOUND, "there is no job %s", id);
}

bool store_job_newest_undoable(struct store *s, struct arena *a, const char *machine_id, const char *repair,
                               struct job_row *out, struct err *e)
{
    struct take_job t = {.arena = a, .out = out};
    if (!db_query(s->db, SQL_JOB_NEWEST_UNDOABLE, VALUES(db_text(machine_id), db_text(repair)), 2, take_job,
                  &t, e))
        return false;
    return t.found ||
           err_set(e, ERR_NOT_FOUND, "machine %s has no %s that could be undone", machine_id, repair);
}

struct job_standing {
    enum job_state state;
    int64_t rev;
    bool found;
};

static bool read_standing(void *ctx, const struct db_row *row)
{
    struct row_reader r = {.row = row};
    struct job_standing *j = ctx;
    j->state = (enum job_state)read_word(&r, job_state_words, JOB_STATE_COUNT);
    j->rev = read_int(&r);
    j->found = true;
    return false;
}

static bool job_standing(struct store *s, const char *id, struct job_standing *out, struct err *e)
{
    *out = (struct job_standing){0};
    if (!db_query(s->db, SQL_JOB_STANDING, VALUES(db_text(id)), 1, read_standing, out, e))
        return false;
    return out->found || err_set(e, ERR_NOT_FOUND, "there is no job %s", id);
}

bool store_job_move(struct store *s, const char *id, enum job_state from, enum job_state to,
                    const char *reason, int64_t now_ms, struct err *e)
{
    if (!job_move_allowed(from, to))
        return err_set(e, ERR_CONFLICT, "a job that is %s can't become %s", job_state_name(from),
                       job_state_name(to));
    bool final = job_state_final(to);
    const struct db_value values[] = {
        db_text(job_state_name(to)), db_text(reason), db_int(!final),
        db_int(final ? now_ms : 0),  db_text(id),     db_text(job_state_name(from))};
    int64_t changes = 0;
    if (!db_exec(s->db, SQL_JOB_MOVE, values, COUNT_OF(values), &changes, e))
        return false;
    if (changes > 0)
        return true;
    struct job_standing now;
    return job_standing(s, id, &now, e) && err_set(e, ERR_CONFLICT, "job %s is %s, not %s any more", id,
                                                   job_state_name(now.state), job_state_name(from));
}

/* An agent's word counts in every state. Where its state is not a move from the stored one (the job had
 * expired, or the agent tells of its past), what it found is kept and the state stays. */
bool store_job_report(struct store *s, const struct job_row *j, bool *applied, struct err *e)
{
    struct job_standing was;
    *applied = false;
    if (!job_standing(s, j->id, &was, e))
        return false;
    if (j->rev <= was.rev)
        return true;
    bool late = job_state_final(was.state) && was.state != JOB_DONE;
    enum job_state state = job_move_allowed(was.state, j->state) ? j->state : was.state;
    const struct db_value values[] = {db_text(job_state_name(state)),
                                      db_int(!job_state_final(state)),
                                      db_int(late),
                                      db_int(j->rev),
                                      db_text(job_result_name(j->result)),
                                      db_text(job_verdict_name(j->verdict)),
                                      db_text(j->reason),
                                      db_text(j->verdict_reason),
                                      db_int(j->verdict_code),
                                      db_text(j->output),
                                      db_int(j->undoable),
                                      db_int(j->start_seq),
                                      db_int(j->started_ms),
                                      db_int(j->ended_ms),
                                      db_text(j->id),
                                      db_text(job_state_name(was.state))};
    int64_t changes = 0;
    if (!db_exec(s->db, SQL_JOB_REPORT, values, COUNT_OF(values), &changes, e))
        return false;
    *applied = changes > 0;
    return true;
}
