/* Changing routes: each reads its body, then one act runs on the writer and its audit row with it. */
#include "app.h"
#include "body.h"

#include "json.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>

/* When it was on disk, by the clock all processes of this machine share, and how long that took: what
 * happened since, e.g. how soon a machine had its order, can then be measured from outside. */
static void put_timing(struct exchange *x, const struct act *a)
{
    char text[80];
    snprintf(text, sizeof text, "commit;dur=%.3f;desc=\"%" PRId64 "\"", (double)a->commit_took_us / 1000,
             a->committed_at_us);
    exchange_set_header(x, "Server-Timing", text);
}

static void act_reply(void *ctx, struct act *a, bool ok, const struct err *e)
{
    struct exchange *x = ctx;
    if (ok) {
        put_timing(x, a);
        exchange_reply(x, a->status, NULL, buf_slice(&a->out));
    } else {
        exchange_problem_err(x, e);
    }
    fleet_act_free(a);
}

static struct act *act_new(struct app *app, struct exchange *x, size_t input_size,
                           bool (*run)(struct act *, struct store *, struct err *),
                           void (*committed)(struct act *))
{
    struct act *a = fleet_act_new(app->fleet);
    a->who.user_id = x->who.user_id;
    a->who.roles = x->who.roles;
    snprintf(a->who.name, sizeof a->who.name, "%s", x->who.name);
    snprintf(a->who.token, sizeof a->who.token, "%s", x->who.token);
    a->input = arena_alloc(&a->arena, input_size);
    a->run = run;
    a->committed = committed;
    a->done = act_reply;
    a->ctx = x;
    return a;
}

static void submit(struct act *a, struct exchange *x)
{
    if (!fleet_act_submit(a)) {
        fleet_act_free(a);
        reply_busy(x);
    }
}

static void refuse(struct act *a, struct exchange *x, const struct err *e)
{
    exchange_problem_err(x, e);
    fleet_act_free(a);
}

static const char *hole(struct act *a, const struct exchange *x)
{
    return arena_strndup(&a->arena, x->params[0].p, x->params[0].n);
}

/* ---- push ---- */

static bool read_push(struct slice body, struct arena *a, struct push_input *in, struct err *e)
{
    static const char *const known[] = {"repair", "params",  "filter",  "machines", "canary",
                                        "reason", "preview", "dry_run", NULL};
    const char *canary = "";
    struct json *j = body_parse(body, known, e);
    bool ok = j && body_string(j, "repair", 40, a, &in->repair, e) &&
              body_string(j, "filter", 4000, a, &in->filter, e) &&
              body_string(j, "reason", 200, a, &in->reason, e) &&
              body_string(j, "canary", 10, a, &canary, e) &&
              body_pairs(j, "params", 64, a, &in->params, &in->param_count, e) &&
              body_strings(j, "machines", 64, a, &in->machines, &in->machine_count, e) &&
              body_bool(j, "preview", &in->preview, e) && body_bool(j, "dry_run", &in->dry_run, e);
    json_free(j);
    if (ok && canary[0] && strcmp(canary, "100%") != 0)
        return err_set(e, ERR_INVALID, "canary: this server pushes in one wave; leave it out or say 100%%");
    return ok;
}

void push_route(void *ctx, struct exchange *x)
{
    struct err e = {0};
    struct act *a = act_new(ctx, x, sizeof(struct push_input), act_push, act_push_committed);
    struct push_input *in = a->input;
    in->repair = in->filter = in->reason = "";
    if (read_push(x->body, &a->arena, in, &e))
        submit(a, x);
    else
        refuse(a, x, &e);
}

/* ---- acts on one thing ---- */

static void on_job(struct app *app, struct exchange *x,
                   bool (*run)(struct act *, struct store *, struct err *), void (*committed)(struct act *))
{
    static const char *const known[] = {"reason", NULL};
    struct err e = {0};
    struct act *a = act_new(app, x, sizeof(struct job_input), run, committed);
    struct job_input *in = a->input;
    in->id = hole(a, x);
    in->reason = "";
    struct json *j = body_parse(x->body, known, &e);
    bool ok = j && body_string(j, "reason", 200, &a->arena, &in->reason, &e);
    json_free(j);
    if (ok)
        submit(a, x);
    else
        refuse(a, x, &e);
}

void job_undo(void *app, struct exchange *x)
{
    on_job(app, x, act_undo, act_undo_committed);
}

void job_cancel(void *app, struct exchange *x)
{
    on_job(app, x, act_job_cancel, act_job_cancel_committed);
}

static void on_rollout(struct app *app, struct exchange *x,
                       bool (*run)(struct act *, struct store *, struct err *),
                       void (*committed)(struct act *))
{
    struct act *a = act_new(app, x, sizeof(struct rollout_input), run, committed);
    ((struct rollout_input *)a->input)->id = hole(a, x);
    submit(a, x);
}

void rollout_approve(void *app, struct exchange *x)
{
    on_rollout(app, x, act_rollout_approve, act_rollout_approve_committed);
}

void rollout_cancel(void *app, struct exchange *x)
{
    on_rollout(app, x, act_rollout_cancel, act_rollout_cancel_committed);
}

void machine_approve(void *app, struct exchange *x)
{
    struct act *a =
        act_new(app, x, sizeof(struct machine_input), act_machine_approve, act_machine_approve_committed);
    ((struct machine_input *)a->input)->id = hole(a, x);
    submit(a, x);
}

/* ---- tokens ---- */

static bool joined(struct arena *a, const char *const *words, size_t n, const char **out)
{
    for (size_t i = 0; i < n; i++)
        *out = arena_printf(a, "%s%s%s", *out, **out ? "," : "", words[i]);
    return n > 0;
}

static bool read_token(struct slice body, struct arena *a, struct token_input *in, struct err *e)
{
    static const char *const known[] = {"kind", "name", "days", "roles", "uses", "approval", "tags", NULL};
    const char **roles = NULL, **tags = NULL, *role_words = "", *tag_words = "";
    size_t role_count = 0, tag_count = 0;
    struct json *j = body_parse(body, known, e);
    bool ok = j && body_string(j, "kind", 20, a, &in->kind, e) &&
              body_string(j, "name", 60, a, &in->name, e) && body_int(j, "days", &in->days, e) &&
              body_int(j, "uses", &in->uses, e) && body_bool(j, "approval", &in->approval, e) &&
              body_strings(j, "roles", 20, a, &roles, &role_count, e) &&
              body_strings(j, "tags", 60, a, &tags, &tag_count, e);
    json_free(j);
    if (!ok)
        return false;
    if (joined(a, roles, role_count, &role_words) && !roles_parse(role_words, &in->roles, e))
        return false;
    if (joined(a, tags, tag_count, &tag_words))
        in->tags = arena_printf(a, ",%s,", tag_words);
    return true;
}

void token_create(void *ctx, struct exchange *x)
{
    struct err e = {0};
    struct act *a = act_new(ctx, x, sizeof(struct token_input), act_token_create, act_token_create_committed);
    struct token_input *in = a->input;
    *in = (struct token_input){.kind = "api", .name = "", .tags = "", .days = 30};
    if (read_token(x->body, &a->arena, in, &e))
        submit(a, x);
    else
        refuse(a, x, &e);
}

void token_delete(void *ctx, struct exchange *x)
{
    struct act *a = act_new(ctx, x, sizeof(struct token_input), act_token_delete, act_token_delete_committed);
    ((struct token_input *)a->input)->id = hole(a, x);
    submit(a, x);
}

void logout(void *ctx, struct exchange *x)
{
    struct act *a = act_new(ctx, x, sizeof(struct token_input), act_token_delete, act_token_delete_committed);
    ((struct token_input *)a->input)->id = arena_strdup(&a->arena, x->who.token);
    submit(a, x);
}

/* ---- login ---- */

static void login_reply(void *ctx, struct login_call *c, bool ok, const struct err *e)
{
    struct exchange *x = ctx;
    char roles[64];
    if (!ok)
        exchange_problem_err(x, e);
    else if (!c->matches)
        exchange_problem(x, 401, "user or password is wrong");
    else {
        struct buf out;
        buf_init(&out, 1000);
        struct json_writer w = {.out = &out};
        roles_print(c->found.roles, roles);
        json_begin(&w, '{');
        json_member_string(&w, "token", c->secret);
        json_member_int(&w, "expires", c->token.expires_ms);
        json_member_string(&w, "user", c->found.name);
        json_put_key(&w, "roles");
        json_begin(&w, '[');
        for (const char *r = roles; *r;) {
            size_t n = strcspn(r, ",");
            json_put_slice(&w, slice_make(r, n));
            r += n + (r[n] == ',');
        }
        json_end(&w, ']');
        json_end(&w, '}');
        reply_json(x, 200, &out);
        buf_free(&out);
    }
    fleet_login_free(c);
}

void login(void *ctx, struct exchange *x)
{
    static const char *const known[] = {"user", "password", NULL};
    struct app *app = ctx;
    struct err e = {0};
    struct login_call *c = fleet_login_new(app->fleet);
    c->user = c->password = "";
    c->done = login_reply;
    c->ctx = x;
    struct json *j = body_parse(x->body, known, &e);
    bool ok = j && body_string(j, "user", 60, &c->arena, &c->user, &e) &&
              body_string(j, "password", 1000, &c->arena, &c->password, &e);
    json_free(j);
    if (!ok) {
        exchange_problem_err(x, &e);
        fleet_login_free(c);
    } else if (!fleet_login_submit(c)) {
        fleet_login_free(c);
        exchange_set_header(x, "Retry-After", "5");
        exchange_problem(x, 429, "too many logins at once; try again in a few seconds");
    }
}
