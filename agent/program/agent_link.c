#include "agent_link.h"

#include "mem.h"

#include <stdio.h>

enum {
    ANSWER_MAX_BYTES = 512 * 1024, /* 20 orders of 8 kB, 200 cancelled ids and their surroundings fit well */
    URL_MAX = 600,
};

struct agent_link {
    struct agent_link_options o;
    struct http_peer *peer;
    char *body;               /* of the request under way: the core may change its own meanwhile */
    size_t body_n;
    char path[100];
    bool offline;
    int64_t work_ticks_ms;
    struct agent_link_counts counts;
};

struct agent_link *agent_link_new(const struct agent_link_options *o)
{
    struct agent_link *l = mem_zalloc(sizeof *l);
    l->o = *o;
    l->peer = http_peer_new(o->client);
    return l;
}

static void body_drop(struct agent_link *l)
{
    mem_free(l->body);
    l->body = NULL;
    l->body_n = 0;
}

void agent_link_free(struct agent_link *l)
{
    if (!l)
        return;
    http_peer_free(l->peer);
    body_drop(l);
    mem_free(l);
}

static enum agent_failure failure_of(enum http_failure f)
{
    static const enum agent_failure map[] = {
        [HTTP_ANSWERED] = AGENT_ANSWERED,
        [HTTP_UNREACHABLE] = AGENT_UNREACHABLE,
        [HTTP_CERT_TIME] = AGENT_CERT_TIME,
        [HTTP_CERT_WRONG] = AGENT_CERT_WRONG,
    };
    return map[f];
}

static void count(struct agent_link *l, const struct agent_reply *r)
{
    bool good = r->failure == AGENT_ANSWERED && r->status >= 200 && r->status < 300;
    l->counts.errors += !good;
    l->counts.answered += good;
    l->counts.syncs += good && strncmp(l->path, "/agent/v1/sync", 14) == 0;
    if (r->failure == AGENT_ANSWERED)
        l->counts.last_status = r->status;
    snprintf(l->counts.last_error, sizeof l->counts.last_error, "%s", r->error ? r->error : "");
}

static void hand_over(struct agent_link *l, const struct agent_reply *r)
{
    count(l, r);
    if (l->o.exchanged)
        l->o.exchanged(l->o.ctx, l->path, slice_make(l->body, l->body_n), r);
    agent_answer(l->o.agent, r);
    body_drop(l);
    l->work_ticks_ms = 0; /* an answer may have brought work */
    if (l->o.due)
        l->o.due(l->o.ctx);
}

static void on_answer(void *ctx, const struct http_answer *a)
{
    struct agent_link *l = ctx;
    struct agent_reply r = {
        .failure = failure_of(a->failure),
        .status = a->status,
        .body = a->body,
        .retry_after_s = a->retry_after_s,
        .error = a->failure == HTTP_ANSWERED ? NULL : a->error,
    };
    hand_over(l, &r);
}

static void say_unreachable(struct agent_link *l, const char *why)
{
    struct agent_reply r = {.failure = AGENT_UNREACHABLE, .error = why};
    hand_over(l, &r);
}

/* The core says how far it trusts; the configuration says by what. */
static void set_trust(const struct agent_link *l, const struct agent_want *w, struct http_call *call)
{
    const struct agent_config *c = l->o.config;
    if (w->trust == AGENT_TRUST_NONE) {
        call->trust = HTTP_TRUST_NONE;
    } else if (w->trust == AGENT_TRUST_PIN) {
        call->trust = HTTP_TRUST_PINS;
        call->pins = w->pins;
        call->pin_count = w->pin_count;
    } else if (c->tls_mode == TLS_MODE_PIN) {
        call->trust = HTTP_TRUST_PINS;
        call->pins = (const char *const *)c->tls_pins;
        call->pin_count = (size_t)c->tls_pin_count;
    } else {
        call->trust = HTTP_TRUST_CA;
        call->ca_pem = c->tls_mode == TLS_MODE_CA ? c->ca_pem : NULL;
    }
}

static void request_keep(struct agent_link *l, const struct agent_want *w)
{
    snprintf(l->path, sizeof l->path, "%s", w->path);
    body_drop(l);
    l->body = mem_strndup(w->body.n ? w->body.p : "", w->body.n);
    l->body_n = w->body.n;
    l->counts.requests++;
}

static void request_send(struct agent_link *l, const struct agent_want *w)
{
    char url[URL_MAX];
    snprintf(url, sizeof url, "%s%s", l->o.config->server_urls[w->server], w->path);
    struct http_call call = {
        .method = "POST",
        .url = url,
        .bearer = w->ticket,
        .body = slice_make(l->body, l->body_n),
        .limit_s = w->limit_s,
        .answer_max_bytes = ANSWER_MAX_BYTES,
        .proxy = l->o.config->proxy,
    };
    set_trust(l, w, &call);
    http_peer_start(l->peer, &call, on_answer, l);
}

int64_t agent_link_step(struct agent_link *l)
{
    int64_t now = clock_ticks_ms(l->o.clock);
    if (now >= l->work_ticks_ms)
        l->work_ticks_ms = agent_work(l->o.agent);
    struct agent_want w = {0};
    agent_want(l->o.agent, &w);
    if (w.abort && http_peer_busy(l->peer)) {
        http_peer_abort(l->peer);
        body_drop(l);
        agent_want(l->o.agent, &w);
    }
    if (w.send && !http_peer_busy(l->peer)) {
        request_keep(l, &w);
        if (!l->offline) {
            request_send(l, &w);
        } else {
            say_unreachable(l, "no network");
            return now;
        }
    }
    return w.wake_ticks_ms < l->work_ticks_ms ? w.wake_ticks_ms : l->work_ticks_ms;
}

void agent_link_offline(struct agent_link *l, bool offline)
{
    l->offline = offline;
    if (offline && http_peer_busy(l->peer)) {
        http_peer_abort(l->peer);
        say_unreachable(l, "the network went away");
    }
}

const struct agent_link_counts *agent_link_counts(const struct agent_link *l)
{
    return &l->counts;
}
