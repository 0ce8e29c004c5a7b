/* Lists: a page as JSON, or all as CSV. */
#include "query_private.h"

#include "repair.h"

static bool put_machine(void *ctx, const struct machine_row *m)
{
    document_machine(ctx, m);
    return true;
}

bool query_put_failure(void *ctx, const struct failure_row *f)
{
    document_failure(ctx, f);
    return true;
}

bool query_put_job(void *ctx, const struct job_row *j)
{
    document_job(ctx, j);
    return true;
}

static bool put_rollout(void *ctx, const struct rollout_row *r)
{
    document_rollout(ctx, r);
    return true;
}

bool query_put_code(void *ctx, const struct code_row *c)
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

bool list_machines(struct reading *r, struct err *e)
{
    return parse_filter(r, FILTER_MACHINES, e) &&
           store_machines_count(r->s, &r->filter, r->page.now_ms, &r->total, e) &&
           (list_begin(r, "machines"), true) &&
           store_machines(r->s, &r->filter, &r->page, put_machine, &r->d, r->next, e) && (list_end(r), true);
}

bool list_failures(struct reading *r, struct err *e)
{
    bool open_only = !r->q->all;
    return parse_filter(r, FILTER_FAILURES, e) &&
           store_failures_count(r->s, &r->filter, open_only, r->page.now_ms, &r->total, e) &&
           (list_begin(r, "failures"), true) &&
           store_failures(r->s, &r->filter, open_only, &r->page, query_put_failure, &r->d, r->next, e) &&
           (list_end(r), true);
}

bool list_jobs(struct reading *r, struct err *e)
{
    return parse_filter(r, FILTER_JOBS, e) &&
           store_jobs_count(r->s, &r->filter, r->page.now_ms, &r->total, e) &&
           (list_begin(r, "jobs"), true) &&
           store_jobs(r->s, &r->filter, &r->page, query_put_job, &r->d, r->next, e) && (list_end(r), true);
}

static bool count_code(void *ctx, const struct code_row *c)
{
    struct reading *r = ctx;
    r->total++;
    return query_put_code(&r->d, c);
}

bool list_codes(struct reading *r, struct err *e)
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

bool list_rollouts(struct reading *r, struct err *e)
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

bool list_audit(struct reading *r, struct err *e)
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

bool list_users(struct reading *r, struct err *e)
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

bool list_tokens(struct reading *r, struct err *e)
{
    list_begin(r, "tokens");
    bool ok = store_tokens(r->s, r->page.now_ms, count_token, r, e) &&
              store_enroll_tokens(r->s, count_enroll_token, r, e);
    list_end(r);
    return ok;
}

bool list_repairs(struct reading *r, struct err *e)
{
    (void)e;
    r->d.csv = false;
    list_begin(r, "repairs");
    document_repairs(&r->d);
    r->total = REPAIR_COUNT;
    list_end(r);
    return true;
}
