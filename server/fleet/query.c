/* Reading for the API: each document is a row of one table; all run on the read-only connections. */
#include "query_private.h"

#include "mem.h"

enum { DOCUMENT_MAX = 256 << 20 };

static struct query *query_of(struct work *w)
{
    return (struct query *)((char *)w - offsetof(struct query, work));
}

static const struct {
    const char *what;
    document_fn *write;
} documents[] = {
    {"overview", show_overview}, {"machines", list_machines},
    {"machine", show_machine},   {"timeline", show_timeline},
    {"failures", list_failures}, {"jobs", list_jobs},
    {"job", show_job},           {"rollouts", list_rollouts},
    {"rollout", show_rollout},   {"codes", list_codes},
    {"code", show_code},         {"repairs", list_repairs},
    {"audit", list_audit},       {"users", list_users},
    {"tokens", list_tokens},     {"audit_check", show_audit_check},
};

static bool query_run(struct work *w, struct store *s, struct err *e)
{
    struct query *q = query_of(w);
    buf_clear(&q->out);
    struct reading r = {
        .q = q,
        .s = s,
        .d = {.out = &q->out, .json = {.out = &q->out}, .csv = q->csv, .hub = q->fleet->hub},
        .page = {.cursor = q->cursor,
                 .sort = q->sort,
                 .limit = q->csv ? 0 : q->limit,
                 .now_ms = clock_wall_ms(q->fleet->clock)},
    };
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        if (strcmp(documents[i].what, q->what) == 0)
            return documents[i].write(&r, e) && buf_check(&q->out, "answer", e);
    return err_set(e, ERR_INTERNAL, "no document %s", q->what);
}

static void query_done(struct work *w, bool ok, const struct err *e)
{
    struct query *q = query_of(w);
    q->done(q->ctx, q, ok, e);
}

struct query *fleet_query_new(struct fleet *f, const char *what)
{
    struct query *q = mem_zalloc(sizeof *q);
    q->fleet = f;
    q->what = what;
    q->id = q->filter = q->sort = q->cursor = "";
    q->limit = 200;
    buf_init(&q->out, DOCUMENT_MAX);
    return q;
}

bool fleet_query_submit(struct query *q)
{
    q->work.run = query_run;
    q->work.done = query_done;
    return pool_submit(q->fleet->pool, &q->work);
}

void fleet_query_free(struct query *q)
{
    if (!q)
        return;
    buf_free(&q->out);
    arena_free(&q->arena);
    mem_free(q);
}
