/* Jobs in bulk: all that are open, those replaced by a newer push, those whose time ran out. */
#include "mem.h"
#include "rows.h"
#include "store_internal.h"

struct job_list {
    store_job_fn *fn;
    void *ctx;
};

static bool give_job(void *ctx, const struct db_row *row)
{
    struct job_list *l = ctx;
    struct row_reader r = {.row = row};
    struct job_row job = {0};
    read_job(&r, &job, true);
    return l->fn(l->ctx, &job);
}

bool store_jobs_open(struct store *s, store_job_fn *fn, void *ctx, struct err *e)
{
    struct job_list l = {fn, ctx};
    return db_query(s->db, SQL_JOBS_OPEN, NULL, 0, give_job, &l, e);
}

/* Jobs to end, gathered before the first is changed: a list and its changes don't mix. */
struct ending {
    struct arena arena;
    struct job_row *jobs;
    size_t count, room;
};

static struct job_row *ending_add(struct ending *l)
{
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 64;
        l->jobs = mem_resize(l->jobs, l->room, sizeof *l->jobs);
    }
    return &l->jobs[l->count++];
}

static void ending_free(struct ending *l)
{
    mem_free(l->jobs);
    arena_free(&l->arena);
}

static bool add_superseded(void *ctx, const struct db_row *row)
{
    struct ending *l = ctx;
    struct row_reader r = {.row = row, .arena = &l->arena};
    struct job_row *job = ending_add(l);
    *job = (struct job_row){0};
    job->id = read_text(&r);
    job->machine = read_text(&r);
    job->state = (enum job_state)read_word(&r, job_state_words, JOB_STATE_COUNT);
    return true;
}

static bool add_overdue(void *ctx, const struct db_row *row)
{
    struct ending *l = ctx;
    struct row_reader r = {.row = row, .arena = &l->arena};
    read_job(&r, ending_add(l), true);
    return true;
}

bool store_jobs_supersede(struct store *s, const char *machine_id, const char *repair, const char *by_job,
                          int64_t now_ms, store_id_fn *fn, void *ctx, struct err *e)
{
    struct ending l = {0};
    const struct db_value values[] = {db_text(machine_id), db_text(repair), db_text(by_job)};
    const char *reason = arena_printf(&l.arena, "replaced by job %s", by_job);
    bool ok = db_query(s->db, SQL_JOBS_TO_SUPERSEDE, values, COUNT_OF(values), add_superseded, &l, e);
    for (size_t i = 0; ok && i < l.count; i++)
        ok = store_job_move(s, l.jobs[i].id, l.jobs[i].state, JOB_SUPERSEDED, reason, now_ms, e);
    for (size_t i = 0; ok && fn && i < l.count; i++)
        if (!fn(ctx, l.jobs[i].id, l.jobs[i].machine))
            break;
    ending_free(&l);
    return ok;
}

bool store_jobs_expire(struct store *s, int64_t now_ms, store_job_fn *fn, void *ctx, struct err *e)
{
    static const char started[] = "the machine did not report the end of it in time";
    static const char not_started[] = "its time ran out before the machine started it";
    struct ending l = {0};
    const struct db_value values[] = {db_int(now_ms), db_int(now_ms - STORE_STARTED_GRACE_MS)};
    bool ok = db_query(s->db, SQL_JOBS_OVERDUE, values, COUNT_OF(values), add_overdue, &l, e);
    for (size_t i = 0; ok && i < l.count; i++) {
        const struct job_row *j = &l.jobs[i];
        const char *reason = j->state == JOB_RUNNING || j->state == JOB_VERIFYING ? started : not_started;
        ok = store_job_move(s, j->id, j->state, JOB_EXPIRED, reason, now_ms, e);
    }
    for (size_t i = 0; ok && fn && i < l.count; i++)
        if (!fn(ctx, &l.jobs[i]))
            break;
    ending_free(&l);
    return ok;
}
