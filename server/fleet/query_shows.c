/* Single things: a machine, a job, a rollout, a code, the overview. */
#include "query_private.h"

#include "code.h"

enum { JOBS_SHOWN = 50, TIMELINE_SHOWN = 500 };

static bool put_event(void *ctx, const struct event_row *v)
{
    document_event(ctx, v);
    return true;
}

static struct filter one(enum filter_field field, const char *value)
{
    return (struct filter){.count = 1, .terms = {{.field = field, .op = FILTER_EQ, .text = value}}};
}

static void array_begin(struct reading *r, const char *key)
{
    json_put_key(&r->d.json, key);
    json_begin(&r->d.json, '[');
}

bool show_machine(struct reading *r, struct err *e)
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
    if (!store_failures(r->s, &of_machine, false, &page, query_put_failure, &r->d, r->next, e))
        return false;
    json_end(w, ']');
    array_begin(r, "jobs");
    page.sort = "-created";
    if (!store_jobs(r->s, &of_machine, &page, query_put_job, &r->d, r->next, e))
        return false;
    json_end(w, ']');
    json_end(w, '}');
    return true;
}

bool show_timeline(struct reading *r, struct err *e)
{
    struct machine_row m;
    if (!store_machine_find(r->s, &r->q->arena, r->q->id, &m, e))
        return false;
    struct filter of_machine = one(FIELD_MACHINE, m.id);
    struct store_page page = {
        .cursor = "", .sort = "-created", .limit = JOBS_SHOWN, .now_ms = r->page.now_ms};
    json_begin(&r->d.json, '{');
    array_begin(r, "events");
    if (!store_events_of(r->s, m.id, TIMELINE_SHOWN, put_event, &r->d, e))
        return false;
    json_end(&r->d.json, ']');
    array_begin(r, "jobs");
    if (!store_jobs(r->s, &of_machine, &page, query_put_job, &r->d, r->next, e))
        return false;
    json_end(&r->d.json, ']');
    json_member_int(&r->d.json, "as_of", r->page.now_ms);
    json_end(&r->d.json, '}');
    return true;
}

bool show_job(struct reading *r, struct err *e)
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

bool show_rollout(struct reading *r, struct err *e)
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
    if (!store_jobs(r->s, &of_rollout, &all, query_put_job, &r->d, r->next, e))
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

bool show_code(struct reading *r, struct err *e)
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

bool show_overview(struct reading *r, struct err *e)
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
    if (!store_codes(r->s, query_put_code, &r->d, e))
        return false;
    json_end(w, ']');
    json_end(w, '}');
    return true;
}

bool show_audit_check(struct reading *r, struct err *e)
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
