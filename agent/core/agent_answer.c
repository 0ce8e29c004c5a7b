/* What came back: an answer of the server, or why there is none. */
#include "agent_internal.h"

#include "log.h"

#include <stdio.h>

static void next_server(struct agent *a)
{
    a->server = (a->server + 1) % a->config->server_count;
}

static void unreachable(struct agent *a, const char *why)
{
    bool poll = a->asked_phase == AGENT_SYNC && a->quiet;
    bool cut = poll && agent_ticks(a) - a->asked_ticks >= POLL_QUICK_MS;
    if (cut && ++a->cut_polls >= 2) {
        /* Something between ends what is silent for so long. */
        int half = (a->server_wait_s < a->wait_limit_s ? a->server_wait_s : a->wait_limit_s) / 2;
        a->wait_limit_s = half > POLL_WAIT_LEAST_S ? half : POLL_WAIT_LEAST_S;
        a->cut_polls = 0;
    }
    if (!cut)
        next_server(a);
    if (a->asked_phase != AGENT_SYNC)
        agent_start_over(a);
    agent_note_error(a, why);
    agent_back_off(a, 0);
}

static void certificate_time(struct agent *a, const char *why)
{
    char text[ERR_TEXT_MAX];
    if (!identity_pinned(a->identity)) {
        snprintf(text, sizeof text,
                 "%s; no order key is pinned to check the time by, so nothing was sent: give --order-key "
                 "(OrderKey), or set the clock",
                 why);
        agent_note_error(a, text);
        agent_start_over(a);
        next_server(a);
        agent_back_off(a, 0);
        return;
    }
    bool known;
    int64_t skew_ms = agent_skew_ms(a, &known);
    a->pin_sticky = known && skew_ms < SKEW_GONE_MS && skew_ms > -SKEW_GONE_MS;
    a->unchecked_next = true;
    a->pin_mode = false;
    agent_start_over(a);
    log_info("agent.time_step reason=\"%s\"", why);
}

static void certificate_wrong(struct agent *a, const char *why)
{
    char text[ERR_TEXT_MAX];
    snprintf(text, sizeof text, "the server is not trusted, nothing was sent: %s", why);
    agent_note_error(a, text);
    a->pin_mode = a->unchecked_next = false;
    agent_start_over(a);
    next_server(a);
    agent_back_off(a, 0);
}

/* 401: the ticket ran out, or the server has another key now. */
static void no_ticket(struct agent *a, int retry_after_s)
{
    bool first = a->asked_phase == AGENT_SYNC && a->proved;
    agent_start_over(a);
    a->proved = false;
    if (first)
        return;
    agent_note_error(a, a->asked_phase == AGENT_ENROLL
                            ? "401: the server does not take the enrolment (token?)"
                            : "401: the server does not take this machine's signature or ticket");
    if (a->asked_phase == AGENT_ENROLL)
        agent_back_off_slowly(a);
    else
        agent_back_off(a, retry_after_s);
}

/* 404: the server does not know this machine (it was removed, or an old backup came back): same key, new
 * enrolment. */
static void unknown_machine(struct agent *a, int retry_after_s)
{
    struct err e;
    bool again = !a->proved;
    bool enrolled = a->asked_phase == AGENT_SESSION || a->asked_phase == AGENT_SYNC;
    agent_note_error(a, enrolled ? "404: the server does not know this machine; it enrols again"
                                 : "404: there is no Fleetmend server at this address");
    agent_start_over(a);
    if (enrolled && !identity_set_enrolled(a->identity, false, &e))
        log_warn("agent.not_stored reason=\"%s\"", e.text);
    a->facts_known = a->proved = false;
    if (again || !enrolled)
        agent_back_off(a, retry_after_s);
}

static void held_back(struct agent *a, int retry_after_s)
{
    (void)retry_after_s;
    agent_note_error(a, a->asked_phase == AGENT_ENROLL
                            ? "403: the server refuses the enrolment: the token is unknown, used up or "
                              "expired, or this machine is blocked"
                            : "403: this machine is blocked on the server");
    agent_start_over(a);
    agent_back_off_slowly(a);
}

static void cloned(struct agent *a, int retry_after_s)
{
    (void)retry_after_s;
    agent_note_error(
        a, "409: another Windows uses the same key (a cloned disk?); an admin must decide on the server");
    agent_start_over(a);
    agent_back_off_slowly(a);
}

static void busy(struct agent *a, int retry_after_s)
{
    agent_note_error(a, "the server is busy and asks to come back later");
    if (a->asked_phase != AGENT_SYNC)
        agent_start_over(a);
    agent_back_off(a, retry_after_s);
}

static void other_status(struct agent *a, int status, int retry_after_s)
{
    char text[80];
    snprintf(text, sizeof text, "%s was answered with status %d", a->path, status);
    agent_note_error(a, text);
    if (a->asked_phase != AGENT_SYNC)
        agent_start_over(a);
    agent_back_off(a, retry_after_s);
}

static void bad_status(struct agent *a, int status, int retry_after_s)
{
    static const struct {
        int status;
        void (*act)(struct agent *, int retry_after_s);
    } rows[] = {{401, no_ticket}, {403, held_back}, {404, unknown_machine},
                {409, cloned},    {429, busy},      {503, busy}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].status == status) {
            rows[i].act(a, retry_after_s);
            return;
        }
    other_status(a, status, retry_after_s);
}

typedef bool take_fn(struct agent *, struct slice body, struct err *e);

static const struct {
    const char *name;
    take_fn *take;
} takers[] = {[AGENT_TIME] = {"time", agent_time_take},
              [AGENT_ENROLL] = {"enroll", agent_enroll_take},
              [AGENT_SESSION] = {"session", agent_session_take},
              [AGENT_SYNC] = {"sync", agent_sync_take}};

static void answered(struct agent *a, const struct agent_reply *r)
{
    struct err e = {0};
    if (r->status != 200) {
        bad_status(a, r->status, r->retry_after_s);
        return;
    }
    if (takers[a->asked_phase].take(a, r->body, &e))
        return;
    err_wrap(&e, "answer to %s", takers[a->asked_phase].name);
    agent_note_error(a, e.text);
    if (a->asked_phase != AGENT_SYNC)
        agent_start_over(a);
    agent_back_off(a, r->retry_after_s);
}

void agent_answer(struct agent *a, const struct agent_reply *r)
{
    const char *why = r->error && *r->error ? r->error : "no answer";
    if (!a->asked)
        return;
    a->asked = false;
    switch (r->failure) {
    case AGENT_ANSWERED:
        answered(a, r);
        break;
    case AGENT_UNREACHABLE:
        unreachable(a, why);
        break;
    case AGENT_CERT_TIME:
        /* Only the CA's judgement can be cured by the time step. */
        if (a->asked_trust == AGENT_TRUST_CA)
            certificate_time(a, why);
        else
            certificate_wrong(a, why);
        break;
    case AGENT_CERT_WRONG:
        certificate_wrong(a, why);
        break;
    }
    buf_free(&a->body);
}
