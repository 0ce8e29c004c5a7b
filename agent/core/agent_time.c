/* TIME: the server's signed time, before anything else. It can be asked over unchecked TLS, because only a
 * nonce leaves and only a signed answer is believed. */
#include "agent_internal.h"

#include "log.h"
#include "text.h"

#include <stdio.h>

bool agent_time_ask(struct agent *a, struct err *e)
{
    (void)e;
    random_hex(16, a->nonce);
    struct wire_time_request msg = {.nonce = a->nonce};
    wire_encode_time_request(&msg, &a->body);
    snprintf(a->path, sizeof a->path, "/agent/v1/time");
    return true;
}

/* The order key an answer names, before anything of it is verified. False when it names none. */
static bool named_key(struct slice body, struct buf *spki)
{
    struct arena arena = {0};
    struct buf payload;
    struct wire_time_answer msg;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    bool ok = envelope_peek(body, ENVELOPE_TIME, &payload, NULL) &&
              wire_decode_time_answer(buf_slice(&payload), &arena, &msg, NULL) && msg.order_key &&
              base64_decode(slice_of(msg.order_key), spki, NULL) && spki->n == PUBLIC_KEY_BYTES;
    buf_free(&payload);
    arena_free(&arena);
    return ok;
}

/* Whether a key that came with the answer may verify it: pinned; or nothing is pinned yet and TLS vouches for
 * the server. */
static bool key_acceptable(const struct agent *a, struct slice spki)
{
    if (identity_pinned(a->identity))
        return identity_allows(a->identity, spki);
    return a->asked_trust == AGENT_TRUST_CA;
}

static bool open_with(struct agent *a, struct slice body, struct slice spki, struct buf *payload,
                      struct err *e)
{
    struct verify_key *key = verify_key_new(spki, e);
    if (!key)
        return false;
    const struct verify_key *keys[] = {key};
    bool ok = envelope_open(body, ENVELOPE_TIME, keys, 1, payload, e);
    verify_key_free(key);
    if (!ok)
        return false;
    if (identity_pinned(a->identity))
        return identity_pin(a->identity, spki, e);
    memcpy(a->first_key, spki.p, PUBLIC_KEY_BYTES);
    a->has_first_key = true;
    return true;
}

/* The verified payload. */
static bool open_answer(struct agent *a, struct slice body, struct buf *payload, struct err *e)
{
    const struct verify_key *const *known;
    size_t n = identity_order_keys(a->identity, &known);
    if (n && envelope_open(body, ENVELOPE_TIME, known, n, payload, e))
        return true;
    struct buf spki;
    buf_init(&spki, 2 * PUBLIC_KEY_BYTES);
    bool ok = false;
    if (!named_key(body, &spki))
        err_set(e, ERR_DENIED, "signed by none of the pinned order keys, and naming no key");
    else if (!key_acceptable(a, buf_slice(&spki)))
        err_set(e, ERR_DENIED, "signed by an order key that is not pinned");
    else
        ok = open_with(a, body, buf_slice(&spki), payload, e);
    buf_free(&spki);
    return ok;
}

static void take_pins(struct agent *a, const struct wire_time_answer *msg)
{
    a->pin_count = 0;
    for (size_t i = 0; i < msg->tls_pins_count && a->pin_count < SERVER_PINS_MAX; i++) {
        if (strlen(msg->tls_pins[i]) >= PIN_TEXT_MAX)
            continue;
        char *pin = a->pins[a->pin_count];
        snprintf(pin, PIN_TEXT_MAX, "%s", msg->tls_pins[i]);
        a->pin_list[a->pin_count++] = pin;
    }
}

/* Which way of looking at the certificate follows from how this answer came. */
static bool take_trust(struct agent *a, struct err *e)
{
    if (a->asked_trust == AGENT_TRUST_CA) {
        a->pin_mode = a->pin_sticky = false;
        return true;
    }
    if (!a->pin_count)
        return err_set(e, ERR_TLS,
                       "the certificate's dates do not hold, and the signed time brought no TLS pin");
    a->unchecked_next = false;
    a->pin_mode = true;
    return true;
}

static bool store_time(struct agent *a, const struct wire_time_answer *msg)
{
    struct err e;
    int64_t ticks = agent_ticks(a);
    trusted_time_take(&a->time, msg->time, msg->time_epoch, ticks);
    int64_t behind_ms = trusted_time_behind_ms(&a->time, ticks);
    if (behind_ms > SKEW_GONE_MS) {
        char text[ERR_TEXT_MAX];
        snprintf(text, sizeof text,
                 "the server's time is %lld minutes behind what it signed before; trusted time stands still "
                 "(if the server is right now: fleetmend-server clock accept)",
                 (long long)(behind_ms / 60000));
        agent_note_error(a, text);
    }
    if (!identity_set_time(a->identity, a->time.floor_ms, a->time.epoch, &e))
        log_warn("agent.time_not_stored reason=\"%s\"", e.text);
    return true;
}

static bool take_message(struct agent *a, const struct wire_time_answer *msg, struct err *e)
{
    if (strcmp(msg->nonce, a->nonce) != 0)
        return err_set(e, ERR_DENIED, "the answer is not to this question (nonce)");
    if (msg->challenge[0] == '\0')
        return err_set(e, ERR_INVALID, "challenge: empty");
    take_pins(a, msg);
    if (!take_trust(a, e))
        return false;
    store_time(a, msg);
    snprintf(a->challenge, sizeof a->challenge, "%s", msg->challenge);
    a->challenge_ticks = agent_ticks(a);
    a->phase = identity_enrolled(a->identity) ? AGENT_SESSION : AGENT_ENROLL;
    a->runner_ticks = 0; /* it may have waited for trusted time */
    return true;
}

bool agent_time_take(struct agent *a, struct slice body, struct err *e)
{
    struct arena arena = {0};
    struct buf payload;
    struct wire_time_answer msg;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    bool ok = open_answer(a, body, &payload, e) &&
              wire_decode_time_answer(buf_slice(&payload), &arena, &msg, e) && take_message(a, &msg, e);
    buf_free(&payload);
    arena_free(&arena);
    return ok;
}
