#include "agent_internal.h"

#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>

static void saw_event(void *ctx, const struct wire_event *ev)
{
    struct agent *a = ctx;
    runner_saw_event(a->runner, ev);
    a->runner_ticks = 0;
}

static bool open_parts(struct agent *a, const struct agent_options *o, struct err *e)
{
    a->identity = identity_open(o->machine, o->config, o->key_secret, e);
    if (!a->identity)
        return false;
    a->spool = spool_open(o->machine, NULL, e);
    if (!a->spool)
        return false;
    struct runner_options r = {.machine = o->machine, .spool = a->spool, .speed = o->speed ? o->speed : 1};
    a->runner = runner_open(&r, e);
    if (!a->runner)
        return false;
    a->follow = follow_open(o->machine, a->spool, saw_event, a, e);
    return a->follow;
}

struct agent *agent_open(const struct agent_options *o, struct err *e)
{
    struct agent *a = mem_zalloc(sizeof *a);
    a->machine = o->machine;
    a->config = o->config;
    a->server_wait_s = POLL_WAIT_S;
    a->wait_limit_s = POLL_WAIT_MAX_S;
    a->facts_due = true;
    buf_init(&a->body, ENVELOPE_MAX);
    backoff_init(&a->backoff, o->seed);
    if (!open_parts(a, o, e)) {
        agent_close(a);
        return NULL;
    }
    trusted_time_init(&a->time, identity_time_floor_ms(a->identity), identity_time_epoch(a->identity));
    return a;
}

static void save_time(struct agent *a)
{
    struct err e;
    trusted_time_advance(&a->time, agent_ticks(a));
    if (!identity_set_time(a->identity, a->time.floor_ms, a->time.epoch, &e))
        log_warn("agent.time_not_stored reason=\"%s\"", e.text);
}

void agent_close(struct agent *a)
{
    if (!a)
        return;
    if (a->follow)
        save_time(a);
    follow_close(a->follow);
    if (a->runner)
        runner_close(a->runner);
    spool_close(a->spool);
    identity_close(a->identity);
    buf_free(&a->body);
    mem_free(a);
}

int64_t agent_ticks(const struct agent *a)
{
    return clock_ticks_ms(a->machine->clock);
}

void agent_note_error(struct agent *a, const char *text)
{
    snprintf(a->last_error, sizeof a->last_error, "%s", text);
    a->last_error_ticks = agent_ticks(a);
    log_warn("agent.trouble server=%s reason=\"%s\"", a->config->server_urls[a->server], text);
}

void agent_back_off(struct agent *a, int retry_after_s)
{
    a->not_before_ticks = agent_ticks(a) + backoff_next(&a->backoff, retry_after_s);
}

void agent_back_off_slowly(struct agent *a)
{
    a->not_before_ticks = agent_ticks(a) + SLOW_RETRY_MS + backoff_jitter(&a->backoff, SLOW_RETRY_MS / 5);
}

void agent_start_over(struct agent *a)
{
    a->phase = AGENT_TIME;
    a->challenge[0] = '\0';
}

/* ---- what to send ---- */

static bool request_under_way(struct agent *a, struct agent_want *out)
{
    int64_t now = agent_ticks(a), most = a->asked_ticks + ((int64_t)a->asked_limit_s + 60) * 1000;
    int64_t gap_end = a->asked_ticks + POLL_GAP_MS;
    bool news = a->quiet && agent_has_news(a);
    out->wake_ticks_ms = news && now < gap_end ? gap_end : most;
    if ((!news || now < gap_end) && now < most)
        return true;
    out->abort = true;
    out->wake_ticks_ms = now;
    a->asked = false;
    if (now >= most) /* the host lost it */
        agent_back_off(a, 0);
    return true;
}

/* Leaves the pins when the clock is right again: then the CA's word holds. */
static void pin_mode_review(struct agent *a)
{
    bool known;
    int64_t skew_ms = agent_skew_ms(a, &known);
    if (a->pin_mode && !a->pin_sticky && known && skew_ms < SKEW_GONE_MS && skew_ms > -SKEW_GONE_MS)
        a->pin_mode = false;
}

static bool too_early(struct agent *a, struct agent_want *out)
{
    int64_t now = agent_ticks(a), until = a->not_before_ticks;
    if (a->phase == AGENT_SYNC && a->idle_until_ticks > until && !agent_has_news(a))
        until = a->idle_until_ticks;
    out->wake_ticks_ms = until;
    return now < until;
}

typedef bool ask_fn(struct agent *, struct err *e);

static ask_fn *const askers[] = {[AGENT_TIME] = agent_time_ask,
                                 [AGENT_ENROLL] = agent_enroll_ask,
                                 [AGENT_SESSION] = agent_session_ask,
                                 [AGENT_SYNC] = agent_sync_ask};

static void fill_want(struct agent *a, struct agent_want *out)
{
    enum agent_trust usual = a->pin_mode ? AGENT_TRUST_PIN : AGENT_TRUST_CA;
    enum agent_trust time = a->unchecked_next ? AGENT_TRUST_NONE : AGENT_TRUST_CA;
    a->asked_trust = a->phase == AGENT_TIME ? time : usual;
    *out = (struct agent_want){.send = true,
                               .path = a->path,
                               .ticket = a->phase == AGENT_SYNC ? a->ticket : NULL,
                               .body = buf_slice(&a->body),
                               .limit_s = a->asked_limit_s,
                               .trust = a->asked_trust,
                               .server = a->server};
    if (a->asked_trust == AGENT_TRUST_PIN) {
        out->pins = a->pin_list;
        out->pin_count = a->pin_count;
    }
    a->asked = true;
    a->asked_phase = a->phase;
    a->asked_ticks = agent_ticks(a);
    out->wake_ticks_ms = a->asked_ticks + ((int64_t)a->asked_limit_s + 60) * 1000;
}

/* A session that is old, or a challenge, begins anew with the time. */
static void phase_review(struct agent *a)
{
    int64_t now = agent_ticks(a);
    bool challenged = a->phase == AGENT_ENROLL || a->phase == AGENT_SESSION;
    if ((a->phase == AGENT_SYNC && now >= a->renew_ticks) ||
        (challenged && now > a->challenge_ticks + CHALLENGE_GOOD_MS)) {
        agent_start_over(a);
        a->server = 0;
    }
}

void agent_want(struct agent *a, struct agent_want *out)
{
    struct err e = {0};
    *out = (struct agent_want){0};
    if (a->asked && request_under_way(a, out))
        return;
    if (a->phase == AGENT_STOPPED) {
        out->wake_ticks_ms = INT64_MAX;
        return;
    }
    pin_mode_review(a);
    phase_review(a);
    if (too_early(a, out))
        return;
    buf_clear(&a->body);
    a->asked_limit_s = REQUEST_LIMIT_S;
    a->quiet = false;
    if (!askers[a->phase](a, &e) || !buf_check(&a->body, "request", &e)) {
        agent_note_error(a, e.text);
        agent_back_off_slowly(a); /* what fails before anything is sent is a matter of set-up */
        agent_start_over(a);
        out->wake_ticks_ms = a->not_before_ticks;
        return;
    }
    fill_want(a, out);
}

/* ---- local work ---- */

int64_t agent_work(struct agent *a)
{
    int64_t now = agent_ticks(a);
    int64_t server_ms = trusted_time_advance(&a->time, now);
    if (now >= a->follow_ticks) {
        follow_set_server_time(a->follow, server_ms);
        a->follow_ticks = follow_step(a->follow);
    }
    if (now >= a->runner_ticks)
        a->runner_ticks = runner_step(a->runner, server_ms);
    return a->follow_ticks < a->runner_ticks ? a->follow_ticks : a->runner_ticks;
}

void agent_nudge(struct agent *a)
{
    a->follow_ticks = a->runner_ticks = a->facts_look_ticks = 0;
}

enum agent_phase agent_phase(const struct agent *a)
{
    return a->phase;
}

int64_t agent_server_now_ms(const struct agent *a)
{
    return trusted_time_now(&a->time, agent_ticks(a));
}

int64_t agent_skew_ms(const struct agent *a, bool *known)
{
    *known = a->time.known;
    return a->time.known ? clock_wall_ms(a->machine->clock) - agent_server_now_ms(a) : 0;
}

const char *agent_machine_id(const struct agent *a)
{
    return identity_enrolled(a->identity) ? identity_id(a->identity) : "";
}

struct runner *agent_runner(struct agent *a)
{
    return a->runner;
}

struct spool *agent_spool(struct agent *a)
{
    return a->spool;
}
