/* Reading for the API: each document is a row of one table; all run on the read-only connections. */
#include "document.h"

#include "code.h"
#include "filter.h"
#include "mem.h"
#include "repair.h"

enum { DOCUMENT_MAX = 256 << 20, JOBS_SHOWN = 50, TIMELINE_SHOWN = 500 };

struct reading {
    struct query *q;
    struct store *s;
    struct document d;
    struct filter filter;
    struct store_page page;
    char next[200];
    int64_t total;
};

typedef bool document_fn(struct reading *, struct err *e);

static struct query *query_of(struct work *w)
{
    return (struct query *)((char *)w - offsetof(struct query, work));
}

static bool put_machine(void *ctx, const struct machine_row *m)
{
    document_machine(ctx, m);
    return true;
}

static bool put_failure(void *ctx, const struct failure_row *f)
{
    document_failure(ctx, f);
    return true;
}

static bool put_job(void *ctx, const struct job_row *j)
{
    document_job(ctx, j);
    return true;
}

static bool put_rollout(void *ctx, const struct rollout_row *r)
{
    document_rollout(ctx, r);
    return true;
}

static bool put_code(void *ctx, const struct code_row *c)
{
    document_code(ctx, c);
    return true;
}

static bool put_audit(void *ctx, const struct audit_row *a)
{
    document_audit(ctx, a);
    return true;
}

static bool put_user(void *ctx, const struct user_row *u)
{
    document_user(ctx, u);
    return true;
}

static bool put_token(void *ctx, const struct token_row *t)
{
    document_token(ctx, t);
    return true;
}

static bool put_enroll_token(void *ctx, const struct enroll_token_row *t)
{
    document_enroll_token(ctx, t);
    return true;
}

static bool put_event(void *ctx, const struct event_row *v)
{
    document_event(ctx, v);
    return true;
}

/* ---- lists ---- */

static void list_begin(struct reading *r, const char *entity)
{
    if (r->d.csv) {
        document_head(&r->d, entity);
        return;
    }
    json_begin(&r->d.json, '{');
    json_put_key(&r->d.json, "items");
    json_begin(&r->d.json, '[');
}

static void list_end(struct reading *r)
{
    if (r->d.csv)
        return;
    json_end(&r->d.json, ']');
    json_member_int(&r->d.json, "total", r->total);
    json_member_int(&r->d.json, "as_of", r->page.now_ms);
    json_put_key(&r->d.json, "next");
    if (r->next[0])
        json_put_string(&r->d.json, r->next);
    else
        json_put_null(&r->d.json);
    json_end(&r->d.json, '}');
}

static bool parse_filter(struct reading *r, enum filter_entity entity, struct err *e)
{
    return filter_parse(slice_of(r->q->filter), entity, &r->q->arena, &r->filter, e) || err_wrap(e, "filter");
}

static bool list_machines(struct reading *r, struct err *e)
{
    return parse_filter(r, FILTER_MACHINES, e) &&
           store_machines_count(r->s, &r->filter, r->page.now_ms, &r->total, e) && (list_begin(r, "machines"), true) &&
           store_machines(r->s, &r->filter, &r->page, put_machine, &r->d, r->next, e) && (list_end(r), true);
}

static bool list_failures(struct reading *r, struct err *e)
{
    bool open_only = !r->q->all;
    return parse_filter(r, FILTER_FAILURES, e) &&
           store_failures_count(r->s, &r->filter, open_only, r->page.now_ms, &r->total, e) &&
           (list_begin(r, "failures"), true) &&
           store_failures(r->s, &r->filter, open_only, &r->page, put_failure, &r->d, r->next, e) && (list_end(r), true);
}

static bool list_jobs(struct reading *r, struct err *e)
{
    return parse_filter(r, FILTER_JOBS, e) && store_jobs_count(r->s, &r->filter, r->page.now_ms, &r->total, e) &&
           (list_begin(r, "jobs"), true) &&
           store_jobs(r->s, &r->filter, &r->page, put_job, &r->d, r->next, e) && (list_end(r), true);
}

static bool count_code(void *ctx, const struct code_row *c)
{
    struct reading *r = ctx;
    r->total++;
    return put_code(&r->d, c);
}

static bool list_codes(struct reading *r, struct err *e)
{
    list_begin(r, "codes");
    bool ok = store_codes(r->s, count_code, r, e);
    list_end(r);
    return ok;
}

static bool count_rollout(void *ctx, const struct rollout_row *row)
{
    struct reading *r = ctx;
    r->total++;
    return put_rollout(&r->d, row);
}

static bool list_rollouts(struct reading *r, struct err *e)
{
    list_begin(r, "rollouts");
    bool ok = store_rollouts(r->s, 0, count_rollout, r, e);
    list_end(r);
    return ok;
}

static bool count_audit(void *ctx, const struct audit_row *row)
{
    struct reading *r = ctx;
    r->total++;
    return put_audit(&r->d, row);
}

static bool list_audit(struct reading *r, struct err *e)
{
    list_begin(r, "audit");
    bool ok = store_audit(r->s, INT64_MAX, count_audit, r, e);
    list_end(r);
    return ok;
}

static bool count_user(void *ctx, const struct user_row *row)
{
    struct reading *r = ctx;
    r->total++;
    return put_user(&r->d, row);
}

static bool list_users(struct reading *r, struct err *e)
{
    list_begin(r, "users");
    bool ok = store_users(r->s, count_user, r, e);
    list_end(r);
    return ok;
}

static bool count_token(void *ctx, const struct token_row *row)
{
    struct reading *r = ctx;
    r->total++;
    return put_token(&r->d, row);
}

static bool count_enroll_token(void *ctx, const struct enroll_token_row *row)
{
    struct reading *r = ctx;
    r->total++;
    return put_enroll_token(&r->d, row);
}

static bool list_tokens(struct reading *r, struct err *e)
{
    list_begin(r, "tokens");
    bool ok = store_tokens(r->s, r->page.now_ms, count_token, r, e) && store_enroll_tokens(r->s, count_enroll_token, r, e);
    list_end(r);
    return ok;
}

static bool list_repairs(struct reading *r, struct err *e)
{
    (void)e;
    r->d.csv = false;
    list_begin(r, "repairs");
    document_repairs(&r->d);
    r->total = REPAIR_COUNT;
    list_end(r);
    return true;
}

/* ---- single things ---- */

static struct filter one(enum filter_field field, const char *value)
{
    return (struct filter){.count = 1, .terms = {{.field = field, .op = FILTER_EQ, .text = value}}};
}

static void array_begin(struct reading *r, const char *key)
{
    json_put_key(&r->d.json, key);
    json_begin(&r->d.json, '[');
}

static bool show_machine(struct reading *r, struct err *e)
{
    struct machine_row m;
    struct json_writer *w = &r->d.json;
    if (!store_machine_find(r->s, &r->q->arena, r->q->id, &m, e))
        return false;
    json_begin(w, '{');
    document_machine_members(&r->d, &m);
    json_member_int(w, "enrolled", m.enrolled_ms);
    json_member_int(w, "skew_ms", m.skew_ms);
    json_member_int(w, "last_scan_ok", m.last_scan_ok_ms);
    json_member_string(w, "agent_version", m.agent_version);
    json_put_key(w, "facts");
    json_put_raw(w, slice_of(m.facts[0] ? m.facts : "{}"));
    struct filter of_machine = one(FIELD_MACHINE, m.id);
    struct store_page page = {.cursor = "", .sort = "", .limit = JOBS_SHOWN, .now_ms = r->page.now_ms};
    array_begin(r, "failures");
    if (!store_failures(r->s, &of_machine, false, &page, put_failure, &r->d, r->next, e))
        return false;
    json_end(w, ']');
    array_begin(r, "jobs");
    page.sort = "-created";
    if (!store_jobs(r->s, &of_machine, &page, put_job, &r->d, r->next, e))
        return false;
    json_end(w, ']');
    json_end(w, '}');
    return true;
}

static bool show_timeline(struct reading *r, struct err *e)
{
    struct machine_row m;
    if (!store_machine_find(r->s, &r->q->arena, r->q->id, &m, e))
        return false;
    struct filter of_machine = one(FIELD_MACHINE, m.id);
    struct store_page page = {.cursor = "", .sort = "-created", .limit = JOBS_SHOWN, .now_ms = r->page.now_ms};
    json_begin(&r->d.json, '{');
    array_begin(r, "events");
    if (!store_events_of(r->s, m.id, TIMELINE_SHOWN, put_event, &r->d, e))
        return false;
    json_end(&r->d.json, ']');
    array_begin(r, "jobs");
    if (!store_jobs(r->s, &of_machine, &page, put_job, &r->d, r->next, e))
        return false;
    json_end(&r->d.json, ']');
    json_member_int(&r->d.json, "as_of", r->page.now_ms);
    json_end(&r->d.json, '}');
    return true;
}

static bool show_job(struct reading *r, struct err *e)
{
    struct job_row j;
    struct json_writer *w = &r->d.json;
    if (!store_job_get(r->s, &r->q->arena, r->q->id, &j, e))
        return err_wrap(e, "job %.40s", r->q->id);
    char code[CODE_TEXT_MAX] = "", verdict_code[CODE_TEXT_MAX] = "";
    if (j.code)
        code_print(j.code, code);
    if (j.verdict_code)
        code_print(j.verdict_code, verdict_code);
    json_begin(w, '{');
    document_job_members(&r->d, &j);
    json_member_string(w, "output", j.output);
    json_put_key(w, "params");
    json_put_raw(w, slice_of(j.params[0] ? j.params : "{}"));
    json_member_string(w, "code", code);
    json_member_string(w, "phase", j.phase);
    json_member_string(w, "update", j.update_key);
    json_member_string(w, "verdict_code", verdict_code);
    json_member_string(w, "undo_of", j.undo_of);
    json_member_string(w, "origin", j.origin);
    json_end(w, '}');
    return true;
}

static bool show_rollout(struct reading *r, struct err *e)
{
    struct rollout_row row;
    struct json_writer *w = &r->d.json;
    if (!store_rollout_get(r->s, &r->q->arena, r->q->id, &row, e))
        return err_wrap(e, "rollout %.40s", r->q->id);
    json_begin(w, '{');
    json_member_string(w, "id", row.id);
    json_member_string(w, "rollout", row.id);
    json_member_string(w, "repair", row.repair);
    json_member_string(w, "state", row.state);
    json_member_string(w, "filter", row.filter);
    json_member_string(w, "reason", row.reason);
    json_member_string(w, "created_by", row.created_by);
    json_member_int(w, "created", row.created_ms);
    json_member_int(w, "matched", row.matched);
    struct filter of_rollout = one(FIELD_ROLLOUT, row.id);
    struct store_page all = {.cursor = "", .sort = "", .now_ms = r->page.now_ms};
    array_begin(r, "jobs");
    if (!store_jobs(r->s, &of_rollout, &all, put_job, &r->d, r->next, e))
        return false;
    json_end(w, ']');
    json_member_int(w, "as_of", r->page.now_ms);
    json_end(w, '}');
    return true;
}

struct wanted_code {
    struct code_row row;
    bool found;
};

static bool pick_code(void *ctx, const struct code_row *c)
{
    struct wanted_code *want = ctx;
    want->found = c->code == want->row.code;
    if (want->found)
        want->row = *c;
    return !want->found;
}

static bool show_code(struct reading *r, struct err *e)
{
    struct wanted_code want = {.found = false};
    struct json_writer *w = &r->d.json;
    if (!code_parse(slice_of(r->q->id), &want.row.code, e) || !store_codes(r->s, pick_code, &want, e))
        return false;
    struct code_info info = code_lookup(want.row.code);
    char z[CODE_TEXT_MAX];
    code_print(want.row.code, z);
    struct buf page;
    buf_init(&page, 8192);
    code_explain(want.row.code, &page);
    json_begin(w, '{');
    json_member_string(w, "code", z);
    json_member_string(w, "symbol", info.symbol);
    json_member_string(w, "kind", code_kind_name(info.kind));
    json_member_string(w, "cause", code_cause_name(info.cause));
    json_member_string(w, "text", code_text(want.row.code));
    json_member_string(w, "cause_text", code_cause_text(info.cause));
    json_member_string(w, "hint", info.hint);
    json_member_int(w, "machines", want.row.machines);
    json_member_int(w, "failures", want.row.failures);
    json_member_int(w, "last_seen", want.row.last_seen_ms);
    array_begin(r, "ladder");
    for (const char *l = info.ladder; *l;) {
        size_t n = strcspn(l, ";");
        json_put_slice(w, slice_make(l, n));
        l += n + (l[n] == ';');
    }
    json_end(w, ']');
    json_member_string(w, "explain", buf_text(&page));
    json_end(w, '}');
    buf_free(&page);
    return true;
}

static bool show_overview(struct reading *r, struct err *e)
{
    struct overview_counts c;
    struct json_writer *w = &r->d.json;
    if (!store_overview(r->s, r->page.now_ms, &c, e))
        return false;
    json_begin(w, '{');
    json_member_int(w, "as_of", r->page.now_ms);
    json_put_key(w, "machines");
    json_begin(w, '{');
    json_member_int(w, "total", c.machines);
    json_member_int(w, "connected", (int64_t)hub_waiting(r->q->fleet->hub));
    json_put_key(w, "by_state");
    json_begin(w, '{');
    for (int i = 0; i < MACHINE_STATE_COUNT; i++)
        json_member_int(w, machine_state_words[i], c.by_state[i]);
    json_end(w, '}');
    json_end(w, '}');
    json_member_int(w, "failures_open", c.failures_open);
    json_member_int(w, "fixed_24h", c.fixed_24h);
    json_member_int(w, "jobs_open", c.jobs_open);
    json_member_int(w, "jobs_done_24h", c.jobs_done_24h);
    array_begin(r, "codes");
    if (!store_codes(r->s, put_code, &r->d, e))
        return false;
    json_end(w, ']');
    json_end(w, '}');
    return true;
}

static bool show_audit_check(struct reading *r, struct err *e)
{
    int64_t rows = 0;
    if (!store_audit_verify(r->s, &rows, e))
        return false;
    json_begin(&r->d.json, '{');
    json_member_int(&r->d.json, "rows", rows);
    json_member_bool(&r->d.json, "ok", true);
    json_end(&r->d.json, '}');
    return true;
}

static const struct {
    const char *what;
    document_fn *write;
} documents[] = {
    {"overview", show_overview},   {"machines", list_machines}, {"machine", show_machine}, {"timeline", show_timeline},
    {"failures", list_failures},   {"jobs", list_jobs},         {"job", show_job},         {"rollouts", list_rollouts},
    {"rollout", show_rollout},     {"codes", list_codes},       {"code", show_code},       {"repairs", list_repairs},
    {"audit", list_audit},         {"users", list_users},       {"tokens", list_tokens},   {"audit_check", show_audit_check},
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
