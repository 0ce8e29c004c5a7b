/* The agent protocol over HTTP. The event loop decodes and encodes; the database works elsewhere. */
#include "app.h"

#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum { WAIT_MAX_S = 110, JOBS_A_SYNC = 20 };

void reply_busy(struct exchange *x)
{
    exchange_set_header(x, "Retry-After", "2");
    exchange_problem(x, 503, "the server is busy; try again in a moment");
}

void reply_json(struct exchange *x, int status, const struct buf *json)
{
    exchange_reply(x, status, "application/json", buf_slice(json));
}

void agent_time(void *ctx, struct exchange *x)
{
    struct app *app = ctx;
    struct err e = {0};
    struct wire_time_request q;
    struct buf out;
    buf_init(&out, 8192);
    if (!wire_decode_time_request(x->body, &x->arena, &q, &e) || !fleet_time(app->fleet, &q, &out, &e))
        exchange_problem_err(x, &e);
    else
        reply_json(x, 200, &out);
    buf_free(&out);
}

/* ---- enrolment ---- */

static void enroll_reply(void *ctx, struct enroll_call *c, bool ok, const struct err *e)
{
    struct exchange *x = ctx;
    if (ok) {
        struct fleet *f = c->fleet;
        const char *pins[FLEET_PINS_MAX];
        for (int i = 0; i < f->tls_pin_count; i++)
            pins[i] = f->tls_pins[i];
        struct wire_enroll_answer a = {.machine_id = c->machine_id,
                                       .state = c->approved ? "active" : "pending",
                                       .order_key = f->order_spki,
                                       .tls_pins = pins,
                                       .tls_pins_count = (size_t)f->tls_pin_count};
        struct buf out;
        buf_init(&out, 4096);
        wire_encode_enroll_answer(&a, &out);
        log_info("machine.enrolled machine=%s name=%s state=%s", c->machine_id, c->msg.machine->name,
                 a.state);
        reply_json(x, 200, &out);
        buf_free(&out);
    } else
        exchange_problem_err(x, e);
    fleet_enroll_free(c);
}

void agent_enroll(void *ctx, struct exchange *x)
{
    struct app *app = ctx;
    struct err e = {0};
    struct enroll_call *c = fleet_enroll_open(app->fleet, x->body, x->peer, &e);
    if (!c) {
        exchange_problem_err(x, &e);
        return;
    }
    c->done = enroll_reply;
    c->ctx = x;
    if (!fleet_enroll_submit(c)) {
        fleet_enroll_free(c);
        reply_busy(x);
    }
}

/* ---- sessions ---- */

static const struct {
    enum session_end end;
    int status;
    const char *text;
} session_refusals[] = {
    {SESSION_UNKNOWN, 404, "this machine is not known here: enrol again with the same key"},
    {SESSION_DENIED, 401, "the session request does not hold"},
    {SESSION_BLOCKED, 403, "this machine is blocked or retired"},
    {SESSION_CLONE, 409, "two installations use this key: both wait for an admin"},
    {SESSION_ERROR, 503, "the server can't look this machine up now"},
};

static void session_reply(void *ctx, struct session_call *c, bool ok, const struct err *e)
{
    struct exchange *x = ctx;
    if (ok && c->end == SESSION_OK) {
        struct wire_session_answer a = {.ticket = buf_text(&c->ticket), .expires = c->expires_ms};
        struct buf out;
        buf_init(&out, 1000);
        wire_encode_session_answer(&a, &out);
        reply_json(x, 200, &out);
        buf_free(&out);
    } else
        for (size_t i = 0; i < sizeof session_refusals / sizeof *session_refusals; i++)
            if (session_refusals[i].end == c->end)
                exchange_problem(x, session_refusals[i].status, "%s%s%s", session_refusals[i].text,
                                 c->end == SESSION_DENIED && !ok ? ": " : "",
                                 c->end == SESSION_DENIED && !ok ? e->text : "");
    fleet_session_free(c);
}

void agent_session(void *ctx, struct exchange *x)
{
    struct app *app = ctx;
    struct err e = {0};
    struct session_call *c = fleet_session_open(app->fleet, x->body, &e);
    if (!c) {
        exchange_problem_err(x, &e);
        return;
    }
    c->done = session_reply;
    c->ctx = x;
    if (!fleet_session_submit(c)) {
        fleet_session_free(c);
        reply_busy(x);
    }
}

/* ---- sync ---- */

struct answer {
    struct fleet *fleet;
    const char *machine_id;
    const struct hub_known *known;
    const char **acked;
    size_t acked_count;
    const char **cancelled; /* besides the hub's */
    size_t cancelled_count;
};

static size_t sign_offers(const struct answer *a, struct arena *arena, struct offer **offers, size_t n,
                          struct slice *jobs)
{
    size_t signed_count = 0;
    for (size_t i = 0; i < n; i++) {
        struct err e = {0};
        struct buf order;
        buf_init(&order, 8192);
        if (fleet_order_sign(a->fleet, a->machine_id, offers[i], &order, &e))
            jobs[signed_count++] = slice_make(arena_strndup(arena, buf_text(&order), order.n), order.n);
        else
            log_error("order.unsigned job=%s error=%s", offers[i]->job, e.text);
        buf_free(&order);
    }
    return signed_count;
}

/* A tenth up or down, so that a fleet does not come back in step. Nobody gains by guessing it, so a cheap
 * generator (xorshift) does, one for each thread. */
static int64_t wait_of(const struct fleet *f)
{
    static _Thread_local uint32_t r;
    int64_t tenth = f->settings.wait_s / 10;
    while (!r)
        random_bytes(&r, sizeof r);
    r ^= r << 13;
    r ^= r >> 17;
    r ^= r << 5;
    return f->settings.wait_s + (tenth ? r % (2 * tenth + 1) - tenth : 0);
}

static void sync_reply(struct exchange *x, const struct answer *a)
{
    struct arena arena = {0};
    struct offer *offers[JOBS_A_SYNC];
    struct slice jobs[JOBS_A_SYNC];
    const char **told;
    size_t told_count, n = 0;
    n = hub_hand_out(a->fleet->hub, a->machine_id, &arena, a->known->approved ? JOBS_A_SYNC : 0, offers,
                     &told, &told_count);
    const char **cancelled = arena_alloc(&arena, (told_count + a->cancelled_count + 1) * sizeof *cancelled);
    for (size_t i = 0; i < told_count + a->cancelled_count; i++)
        cancelled[i] = i < told_count ? told[i] : a->cancelled[i - told_count];
    const char *want[] = {"facts"};
    struct wire_next next = {.wait = wait_of(a->fleet)};
    struct wire_sync_answer msg = {
        .epoch = a->fleet->epoch,
        .have = a->known->have,
        .want = want,
        .want_count = !a->known->has_facts,
        .state = a->known->approved ? "active" : "pending",
        .acked_results = a->acked,
        .acked_results_count = a->acked_count,
        .jobs = jobs,
        .jobs_count = sign_offers(a, &arena, offers, n, jobs),
        .cancelled = cancelled,
        .cancelled_count = told_count + a->cancelled_count,
        .next = &next,
    };
    struct buf out;
    buf_init(&out, 512 * 1024);
    wire_encode_sync_answer(&msg, &out);
    reply_json(x, 200, &out);
    buf_free(&out);
    arena_free(&arena);
}

static bool waiter_gone(void *ctx, struct exchange *x)
{
    struct app *app = ctx;
    return hub_leave(app->fleet->hub, x->who.machine_id, x);
}

static void reply_waiter(struct app *app, struct exchange *x)
{
    struct hub_known known;
    hub_known_get(app->fleet->hub, x->who.machine_id, &known);
    struct answer a = {.fleet = app->fleet, .machine_id = x->who.machine_id, .known = &known};
    sync_reply(x, &a);
}

struct woken {
    struct app *app;
    struct exchange *x;
};

static void woken_run(void *ctx)
{
    struct woken w = *(struct woken *)ctx;
    mem_free(ctx);
    reply_waiter(w.app, w.x);
}

void app_answer_waiter(void *ctx, int loop, void *token, const char *machine_id)
{
    struct app *app = ctx;
    (void)machine_id;
    if (app->loop_now(app->server) == loop) {
        reply_waiter(app, token);
        return;
    }
    struct woken *w = mem_alloc(sizeof *w);
    *w = (struct woken){app, token};
    app->post(app->server, loop, woken_run, w);
}

void app_tick(void *ctx, int loop)
{
    struct app *app = ctx;
    hub_expire(app->fleet->hub, loop, app->fleet->stopping ? INT64_MAX : clock_ticks_ms(app->fleet->clock));
}

struct sync_context {
    struct app *app;
    struct exchange *x;
    struct sync_call *call;
    int64_t wait_s;
    bool said; /* it brought something: it is answered as soon as that is on disk */
    bool ok;
    struct err error;
};

static void sync_context_free(struct sync_context *s)
{
    fleet_sync_free(s->call);
    mem_free(s);
}

/* What follows `key` at the start or after an ampersand, to the end of the query. */
static struct slice query_value(struct slice query, const char *key)
{
    size_t n = strlen(key);
    for (size_t i = 0; i + n <= query.n; i++)
        if ((i == 0 || query.p[i - 1] == '&') && memcmp(query.p + i, key, n) == 0)
            return slice_make(query.p + i + n, query.n - i - n);
    return slice_make(NULL, 0);
}

/* Read where it stands: exchange_query() would copy it into the arena, and a parked request would hold a
 * block for that. */
static int64_t wait_asked(const struct exchange *x)
{
    int64_t s = 0;
    struct slice value = query_value(x->query, "wait=");
    for (size_t i = 0; i < value.n && value.p[i] >= '0' && value.p[i] <= '9' && s <= WAIT_MAX_S; i++)
        s = s * 10 + (value.p[i] - '0');
    return s > WAIT_MAX_S ? WAIT_MAX_S : s;
}

/* On the loop's thread, with everything that came in on disk. */
static void sync_finish(void *ctx)
{
    struct sync_context *s = ctx;
    struct fleet *f = s->app->fleet;
    struct exchange *x = s->x;
    struct sync_call *c = s->call;
    if (!s->ok) {
        exchange_problem_err(x, &s->error);
        sync_context_free(s);
        return;
    }
    bool park = !s->said && s->wait_s > 0 && !c->cancelled_count && c->known.has_facts && !f->stopping;
    struct app *app = s->app;
    int64_t deadline = clock_ticks_ms(f->clock) + s->wait_s * 1000;
    bool takes_jobs = c->known.approved && !f->clock_doubtful;
    if (park) {
        sync_context_free(s);
        exchange_watch(x, waiter_gone, app);
        if (!hub_wait(f->hub, x->who.machine_id, x->loop, x, deadline, takes_jobs))
            reply_waiter(app, x);
        return;
    }
    struct answer a = {
        f, c->machine_id, &c->known, c->acked, c->acked_count, c->cancelled, c->cancelled_count};
    sync_reply(x, &a);
    sync_context_free(s);
}

static void sync_committed(void *ctx, struct sync_call *c, bool ok, const struct err *e)
{
    struct sync_context *s = ctx;
    (void)c;
    s->ok = ok;
    if (!ok)
        s->error = *e;
    s->app->post(s->app->server, s->x->loop, sync_finish, s);
}

void agent_sync(void *ctx, struct exchange *x)
{
    struct app *app = ctx;
    struct err e = {0};
    struct sync_context *s = mem_zalloc(sizeof *s);
    *s = (struct sync_context){.app = app, .x = x, .wait_s = wait_asked(x), .ok = true};
    struct sync_call *c = s->call = fleet_sync_new(app->fleet, x->who.machine_id);
    if (!wire_decode_sync(x->body, &c->arena, &c->msg, &e)) {
        exchange_problem_err(x, &e);
        sync_context_free(s);
        return;
    }
    s->said = c->msg.events_count || c->msg.results_count || c->msg.facts;
    if (!fleet_sync_has_news(c)) {
        sync_finish(s);
        return;
    }
    c->done = sync_committed;
    c->ctx = s;
    if (!fleet_sync_submit(c)) {
        sync_context_free(s);
        reply_busy(x);
    }
}
