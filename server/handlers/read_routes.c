/* Reading routes: the path says which document, the query which part of it. */
#include "app.h"

#include "log.h"
#include "mem.h"

#include <stdlib.h>

enum { LIMIT_MAX = 1000 };

static const struct {
    const char *path, *document;
} documents[] = {
    {"/api/v1/overview", "overview"},
    {"/api/v1/machines", "machines"},
    {"/api/v1/machines/{id}", "machine"},
    {"/api/v1/machines/{id}/timeline", "timeline"},
    {"/api/v1/failures", "failures"},
    {"/api/v1/codes", "codes"},
    {"/api/v1/codes/{code}", "code"},
    {"/api/v1/repairs", "repairs"},
    {"/api/v1/jobs", "jobs"},
    {"/api/v1/jobs/{id}", "job"},
    {"/api/v1/rollouts", "rollouts"},
    {"/api/v1/rollouts/{id}", "rollout"},
    {"/api/v1/audit", "audit"},
    {"/api/v1/audit/verify", "audit_check"},
    {"/api/v1/users", "users"},
    {"/api/v1/tokens", "tokens"},
};

static const char *document_of(const struct exchange *x)
{
    for (size_t i = 0; i < sizeof documents / sizeof *documents; i++)
        if (strcmp(documents[i].path, x->route->path) == 0)
            return documents[i].document;
    return "";
}

static void query_reply(void *ctx, struct query *q, bool ok, const struct err *e)
{
    struct exchange *x = ctx;
    if (!ok)
        exchange_problem_err(x, e);
    else
        exchange_reply(x, 200, q->csv ? "text/csv; charset=utf-8" : "application/json", buf_slice(&q->out));
    fleet_query_free(q);
}

static const char *parameter(struct exchange *x, struct query *q, const char *name)
{
    const char *z = exchange_query(x, name);
    return z ? arena_strdup(&q->arena, z) : "";
}

static bool read_limit(struct exchange *x, struct query *q)
{
    const char *z = exchange_query(x, "limit");
    if (!z)
        return true;
    char *end;
    q->limit = strtoll(z, &end, 10);
    return *z && !*end && q->limit >= 1 && q->limit <= LIMIT_MAX;
}

static void read_document(struct app *app, struct exchange *x)
{
    struct query *q = fleet_query_new(app->fleet, document_of(x));
    if (!read_limit(x, q)) {
        fleet_query_free(q);
        exchange_problem(x, 400, "limit: a number from 1 to %d", LIMIT_MAX);
        return;
    }
    q->id = arena_strndup(&q->arena, x->params[0].p, x->params[0].n);
    q->filter = parameter(x, q, "filter");
    q->sort = parameter(x, q, "sort");
    q->cursor = parameter(x, q, "cursor");
    q->csv = strcmp(parameter(x, q, "format"), "csv") == 0;
    q->all = strcmp(parameter(x, q, "all"), "true") == 0;
    q->done = query_reply;
    q->ctx = x;
    if (!fleet_query_submit(q)) {
        fleet_query_free(q);
        reply_busy(x);
    }
}

void list_route(void *app, struct exchange *x)
{
    read_document(app, x);
}

void show_route(void *app, struct exchange *x)
{
    read_document(app, x);
}

void overview(void *app, struct exchange *x)
{
    read_document(app, x);
}

void healthz(void *app, struct exchange *x)
{
    (void)app;
    exchange_reply(x, 200, NULL, slice_of("{\"status\":\"ok\",\"version\":\"" FLEETMEND_VERSION "\"}"));
}
