/* ENROLL and SESSION: the machine shows its key, once for good and then every hour for a ticket. */
#include "agent_internal.h"

#include "log.h"
#include "text.h"

#include <stdio.h>

void agent_facts(struct agent *a, struct arena *arena, struct wire_facts *out)
{
    *out = (struct wire_facts){0};
    a->machine->ops->facts(a->machine->ctx, arena, out);
    if (!out->name || !*out->name)
        out->name = "unknown";
    if (a->config->tag_count && !out->tags_count) {
        out->tags = arena_alloc(arena, (size_t)a->config->tag_count * sizeof *out->tags);
        for (int i = 0; i < a->config->tag_count; i++)
            out->tags[out->tags_count++] = a->config->tags[i];
    }
}

static bool sign_into_body(struct agent *a, const char *type, const char *path, const struct buf *payload,
                           struct err *e)
{
    snprintf(a->path, sizeof a->path, "%s", path);
    return buf_check(payload, "request", e) &&
           envelope_sign(identity_key(a->identity), type, buf_slice(payload), &a->body, e);
}

bool agent_enroll_ask(struct agent *a, struct err *e)
{
    if (!a->config->enroll_token)
        return err_set(e, ERR_INVALID,
                       "this machine is not enrolled, and there is no enrolment token: give --token "
                       "(EnrollToken)");
    struct arena arena = {0};
    struct wire_facts facts;
    uint8_t spki[PUBLIC_KEY_BYTES];
    struct buf key, payload;
    buf_init(&key, 256);
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    sign_key_public(identity_key(a->identity), spki);
    base64_encode(slice_make(spki, sizeof spki), &key);
    agent_facts(a, &arena, &facts);
    struct wire_enroll msg = {.token = a->config->enroll_token,
                              .public_key = buf_text(&key),
                              .challenge = a->challenge,
                              .machine = &facts};
    wire_encode_enroll(&msg, &payload);
    bool ok = sign_into_body(a, ENVELOPE_ENROLL, "/agent/v1/enroll", &payload, e);
    buf_free(&payload);
    buf_free(&key);
    arena_free(&arena);
    return ok;
}

/* The order key the server names must be the one already believed; where none was, it is pinned now. */
static bool take_order_key(struct agent *a, const char *text, struct err *e)
{
    struct buf spki;
    buf_init(&spki, 2 * PUBLIC_KEY_BYTES);
    bool ok = base64_decode(slice_of(text), &spki, e);
    if (ok && identity_pinned(a->identity))
        ok = identity_allows(a->identity, buf_slice(&spki)) ||
             err_set(e, ERR_DENIED, "not the pinned order key");
    else if (ok)
        ok = (a->has_first_key && a->asked_trust == AGENT_TRUST_CA &&
              slice_eq(buf_slice(&spki), slice_make(a->first_key, sizeof a->first_key))) ||
             err_set(e, ERR_DENIED, "not the key that signed the time");
    ok = ok && identity_pin(a->identity, buf_slice(&spki), e);
    buf_free(&spki);
    return ok || err_wrap(e, "order_key");
}

bool agent_enroll_take(struct agent *a, struct slice body, struct err *e)
{
    struct arena arena = {0};
    struct wire_enroll_answer msg;
    bool ok = wire_decode_enroll_answer(body, &arena, &msg, e);
    if (ok && strcmp(msg.machine_id, identity_id(a->identity)) != 0)
        ok = err_set(e, ERR_INVALID, "machine_id is not the hash of this machine's key");
    ok = ok && take_order_key(a, msg.order_key, e) && identity_set_enrolled(a->identity, true, e);
    if (ok) {
        snprintf(a->server_state, sizeof a->server_state, "%s", msg.state);
        a->facts_known = a->proved = false;
        a->phase = AGENT_SESSION;
        log_info("agent.enrolled id=%s state=%s order_key=%s pinned_by=%s", identity_id(a->identity),
                 msg.state, identity_first_pin(a->identity), identity_pinned_by_text(a->identity));
    }
    arena_free(&arena);
    return ok;
}

bool agent_session_ask(struct agent *a, struct err *e)
{
    struct arena arena = {0};
    struct wire_facts facts;
    struct buf payload;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    agent_facts(a, &arena, &facts);
    struct wire_session msg = {
        .machine_id = identity_id(a->identity), .challenge = a->challenge, .instance = facts.instance};
    wire_encode_session(&msg, &payload);
    bool ok = sign_into_body(a, ENVELOPE_SESSION, "/agent/v1/session", &payload, e);
    buf_free(&payload);
    arena_free(&arena);
    return ok;
}

/* Renewed a while before the end, each machine at another moment. */
static int64_t renew_after(struct agent *a, int64_t expires_ms)
{
    int64_t left_ms = expires_ms - agent_server_now_ms(a);
    if (left_ms <= 0 || left_ms > SESSION_MAX_MS)
        left_ms = SESSION_MAX_MS;
    return left_ms * 4 / 5 + backoff_jitter(&a->backoff, left_ms * 3 / 20);
}

bool agent_session_take(struct agent *a, struct slice body, struct err *e)
{
    struct arena arena = {0};
    struct wire_session_answer msg;
    bool ok = wire_decode_session_answer(body, &arena, &msg, e);
    if (ok) {
        snprintf(a->ticket, sizeof a->ticket, "%s", msg.ticket);
        a->renew_ticks = agent_ticks(a) + renew_after(a, msg.expires);
        a->wait_limit_s = POLL_WAIT_MAX_S;
        a->cut_polls = a->idle_answers = 0;
        a->idle_until_ticks = 0;
        a->phase = AGENT_SYNC;
    }
    arena_free(&arena);
    return ok;
}
