/* run, once, enroll: what talks to the server. */
#include "command_list.h"

#include "json.h"
#include "runner.h"
#include "spool.h"

#include <stdio.h>

enum {
    GIVE_UP_MS = 60 * 1000, /* enroll and once: this long without any answer */
    SETTLE_MS = 2000,       /* once: this long with nothing left to do */
    STATUS_UNAUTHORISED = 401,
    STATUS_DENIED = 403,
    STATUS_MAX_BYTES = 64 * 1024,
};

int program_serve(struct program *p, void (*started)(void *ctx, struct host *), void *ctx)
{
    struct session s;
    struct err e = {0};
    if (!session_open(&s, p, SESSION_SERVER, &e))
        return program_fail(&e);
    log_info("agent.started version=%s server=%s", p->version, p->config.server_urls[0]);
    if (started)
        started(ctx, s.host);
    host_run(s.host, NULL, NULL);
    log_info("agent.stopped");
    session_close(&s);
    return EXIT_OK;
}

int command_run(struct program *p)
{
    return program_serve(p, NULL, NULL);
}

/* What ends a command that should not wait for ever. */
struct errand {
    const struct clock *clock;
    int64_t begun_ms, idle_since_ms; /* ticks */
    int64_t answered;                /* requests answered well so far */
    bool done, denied, gave_up;
};

static bool errand_hopeless(struct errand *r, struct host *h)
{
    const struct agent_link_counts *c = host_counts(h);
    int64_t now = clock_ticks_ms(r->clock);
    if (c->answered > r->answered) {
        r->answered = c->answered;
        r->begun_ms = now;
    }
    bool known = agent_machine_id(host_agent(h))[0] != '\0';
    r->denied = c->last_status == STATUS_DENIED || (c->last_status == STATUS_UNAUTHORISED && !known);
    r->gave_up = now - r->begun_ms > GIVE_UP_MS;
    return r->denied || r->gave_up;
}

static bool until_enrolled(void *ctx, struct host *h)
{
    struct errand *r = ctx;
    r->done = agent_machine_id(host_agent(h))[0] != '\0';
    return r->done || errand_hopeless(r, h);
}

/* Everything reported, a sync answered, no job left; and so for a moment, for logs are read in slices. */
static bool until_idle(void *ctx, struct host *h)
{
    struct errand *r = ctx;
    struct agent *a = host_agent(h);
    int64_t now = clock_ticks_ms(r->clock);
    bool idle = host_counts(h)->syncs > 0 && !spool_has_news(agent_spool(a)) && runner_idle(agent_runner(a));
    if (!idle)
        r->idle_since_ms = now;
    r->done = idle && now - r->idle_since_ms >= SETTLE_MS;
    return r->done || (!idle && errand_hopeless(r, h));
}

/* What the core says is in its way. */
static void set_trouble(struct err *e, enum err_kind kind, struct agent *a)
{
    struct buf text;
    struct slice trouble = slice_of("no answer");
    buf_init(&text, STATUS_MAX_BYTES);
    agent_status(a, &text);
    struct json *status = json_parse(buf_slice(&text), NULL);
    json_string(json_get(json_get(status, "last_error"), "text"), &trouble);
    err_set(e, kind, "%.*s", SLICE_ARG(trouble));
    json_free(status);
    buf_free(&text);
}

static int errand_end(const struct errand *r, struct host *h)
{
    struct err e = {0};
    if (r->done)
        return EXIT_OK;
    if (r->denied) {
        set_trouble(&e, ERR_DENIED, host_agent(h));
    } else if (r->gave_up) {
        set_trouble(&e, ERR_UNREACHABLE, host_agent(h));
        err_wrap(&e, "gave up after %d s", GIVE_UP_MS / 1000);
    } else {
        err_set(&e, ERR_TIMEOUT, "stopped before it was done");
    }
    return program_fail(&e);
}

static int run_errand(struct program *p, host_until_fn *until, void (*say)(struct agent *))
{
    struct session s;
    struct err e = {0};
    if (!session_open(&s, p, SESSION_SERVER, &e))
        return program_fail(&e);
    int64_t now = clock_ticks_ms(s.machine->clock);
    struct errand r = {.clock = s.machine->clock, .begun_ms = now, .idle_since_ms = now};
    host_run(s.host, until, &r);
    int code = errand_end(&r, s.host);
    if (code == EXIT_OK)
        say(host_agent(s.host));
    session_close(&s);
    return code;
}

static void say_enrolled(struct agent *a)
{
    printf("enrolled machine_id=%s\n", agent_machine_id(a));
}

static void say_idle(struct agent *a)
{
    printf("reported machine_id=%s events=%lld\n", agent_machine_id(a), (long long)spool_last_seq(agent_spool(a)));
}

int command_enroll(struct program *p)
{
    return run_errand(p, until_enrolled, say_enrolled);
}

int command_once(struct program *p)
{
    return run_errand(p, until_idle, say_idle);
}
