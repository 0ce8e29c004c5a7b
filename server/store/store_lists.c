/* The lists of machines, failures and jobs. */
#include "columns.h"
#include "store_page.h"

static const struct list machines = {
    .entity = FILTER_MACHINES,
    .columns = MACHINE_COLUMNS,
    .from = MACHINE_FROM,
    .number = "m.n",
    .fallback = "name",
    .words = "name, id, state, os, build, last_seen, last_error, enrolled",
    .sorts =
        {
            {"name", "m.name_key", true},
            {"id", "m.id", true},
            {"state", "m.state", true},
            {"os", "m.os", true},
            {"build", "m.build", true},
            {"last_seen", "c.last_seen_ms", false},
            {"last_error", "m.last_error", false},
            {"enrolled", "m.enrolled_ms", false},
        },
};

static const struct list failures = {
    .entity = FILTER_FAILURES,
    .columns = FAILURE_COLUMNS,
    .from = FAILURE_FROM,
    .number = "f.id",
    .fallback = "-id",
    .words = "id, machine, code, state, phase, first_seen, last_seen, count",
    .sorts =
        {
            {"id", "f.id", false},
            {"machine", "m.name_key", true},
            {"code", "f.code", false},
            {"state", "f.state", true},
            {"phase", "f.phase", true},
            {"first_seen", "f.first_seen_ms", false},
            {"last_seen", "f.last_seen_ms", false},
            {"count", "f.count", false},
        },
};

static const struct list jobs = {
    .entity = FILTER_JOBS,
    .columns = JOB_COLUMNS_BUT_OUTPUT,
    .from = JOB_FROM,
    .number = "j.n",
    .fallback = "-created",
    .words = "created, machine, repair, state, result, verdict, ended",
    .sorts =
        {
            {"created", "j.n", false},
            {"machine", "m.name_key", true},
            {"repair", "j.repair", true},
            {"state", "j.state", true},
            {"result", "j.result", true},
            {"verdict", "j.verdict", true},
            {"ended", "j.ended_ms", false},
        },
};

static const struct list *list_of(enum filter_entity entity)
{
    return entity == FILTER_MACHINES ? &machines : entity == FILTER_FAILURES ? &failures : &jobs;
}

const char *store_sort_words(enum filter_entity entity)
{
    return list_of(entity)->words;
}

struct machine_give {
    store_machine_fn *fn;
    void *ctx;
};

static bool give_machine(void *ctx, struct row_reader *r)
{
    struct machine_give *g = ctx;
    struct machine_row row = {0};
    read_machine(r, &row, false);
    return g->fn(g->ctx, &row);
}

bool store_machines(struct store *s, const struct filter *filter, const struct store_page *page,
                    store_machine_fn *fn, void *ctx, char next[PAGE_CURSOR_MAX], struct err *e)
{
    struct machine_give g = {fn, ctx};
    return list_run(s, &machines, filter, "", page, give_machine, &g, next, e);
}

bool store_machines_count(struct store *s, const struct filter *filter, int64_t now_ms, int64_t *count,
                          struct err *e)
{
    return list_count(s, &machines, filter, "", now_ms, count, e);
}

struct id_give {
    store_id_fn *fn;
    void *ctx;
};

static bool give_id(void *ctx, const struct db_row *row)
{
    struct id_give *g = ctx;
    return g->fn(g->ctx, db_row_text(row, 0).p, db_row_text(row, 1).p);
}

bool store_machine_ids(struct store *s, const struct filter *filter, int64_t now_ms, store_id_fn *fn,
                       void *ctx, struct err *e)
{
    struct id_give g = {fn, ctx};
    struct list_query q;
    list_query_init(&q);
    buf_puts(&q.sql, "SELECT m.id, m.name FROM " MACHINE_FROM);
    bool ok = list_query_where(&q, FILTER_MACHINES, filter, "", now_ms, e) &&
              buf_puts(&q.sql, " ORDER BY m.name_key, m.n") &&
              db_query_text(s->db, buf_text(&q.sql), q.values, q.count, give_id, &g, e);
    list_query_free(&q);
    return ok;
}

struct failure_give {
    store_failure_fn *fn;
    void *ctx;
};

static bool give_failure(void *ctx, struct row_reader *r)
{
    struct failure_give *g = ctx;
    struct failure_row row = {0};
    read_failure(r, &row);
    return g->fn(g->ctx, &row);
}

bool store_failures(struct store *s, const struct filter *filter, bool open_only,
                    const struct store_page *page, store_failure_fn *fn, void *ctx,
                    char next[PAGE_CURSOR_MAX], struct err *e)
{
    struct failure_give g = {fn, ctx};
    return list_run(s, &failures, filter, open_only ? OPEN_FAILURE : "", page, give_failure, &g, next, e);
}

bool store_failures_count(struct store *s, const struct filter *filter, bool open_only, int64_t now_ms,
                          int64_t *count, struct err *e)
{
    return list_count(s, &failures, filter, open_only ? OPEN_FAILURE : "", now_ms, count, e);
}

struct job_give {
    store_job_fn *fn;
    void *ctx;
};

static bool give_job(void *ctx, struct row_reader *r)
{
    struct job_give *g = ctx;
    struct job_row row = {0};
    read_job(r, &row, false);
    return g->fn(g->ctx, &row);
}

bool store_jobs(struct store *s, const struct filter *filter, const struct store_page *page, store_job_fn *fn,
                void *ctx, char next[PAGE_CURSOR_MAX], struct err *e)
{
    struct job_give g = {fn, ctx};
    return list_run(s, &jobs, filter, "", page, give_job, &g, next, e);
}

bool store_jobs_count(struct store *s, const struct filter *filter, int64_t now_ms, int64_t *count,
                      struct err *e)
{
    return list_count(s, &jobs, filter, "", now_ms, count, e);
}
