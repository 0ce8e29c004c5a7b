/* Orders: verified first, parsed second, then handed to the runner. What is refused is counted and, where
 * that can't hide the record of a real job, reported. */
#include "agent_internal.h"

#include "log.h"

static void digest_of(const struct wire_order *order, uint8_t digest[8])
{
    /* The server signs anew with every offer, so the times may differ; what is to be done may not. */
    struct wire_order same = *order;
    uint8_t full[SHA256_BYTES];
    struct buf text;
    same.not_before = same.not_after = 0;
    same.reason = NULL;
    buf_init(&text, ENVELOPE_PAYLOAD_MAX);
    wire_encode_order(&same, &text);
    sha256(buf_slice(&text), full);
    memcpy(digest, full, 8);
    buf_free(&text);
}

static struct order_seen *seen_find(struct agent *a, const char *id)
{
    for (size_t i = 0; i < ORDERS_SEEN_MAX; i++)
        if (strcmp(a->seen[i].id, id) == 0)
            return &a->seen[i];
    return NULL;
}

static struct order_seen *seen_add(struct agent *a, const char *id)
{
    struct order_seen *s = &a->seen[a->seen_next];
    a->seen_next = (a->seen_next + 1) % ORDERS_SEEN_MAX;
    *s = (struct order_seen){0};
    memcpy(s->id, id, strlen(id) < sizeof s->id ? strlen(id) : sizeof s->id - 1);
    return s;
}

static bool runner_knows(struct agent *a, const char *id)
{
    struct arena arena = {0};
    const char **ids;
    bool known = runner_result(a->runner, id);
    size_t n = runner_running(a->runner, &arena, &ids);
    for (size_t i = 0; i < n && !known; i++)
        known = strcmp(ids[i], id) == 0;
    arena_free(&arena);
    return known;
}

static void count_refusal(struct agent *a, const char *id, const char *reason)
{
    struct err e;
    a->refused_orders++;
    err_set(&e, ERR_DENIED, "order %.32s refused: %s", *id ? id : "(without an id)", reason);
    agent_note_error(a, e.text);
}

static void report_refusal(struct agent *a, const struct wire_order *order, const char *reason)
{
    struct err e;
    struct wire_result r = {.job = order->id,
                            .rev = 1,
                            .op = order->op && strlen(order->op) <= 10 ? order->op : NULL,
                            .state = JOB_DONE,
                            .result = JOB_RESULT_REFUSED,
                            .reason = reason,
                            .start_seq = spool_last_seq(a->spool),
                            .ended = agent_server_now_ms(a)};
    if (!spool_put_result(a->spool, &r, &e))
        log_warn("agent.refusal_not_stored job=%s reason=\"%s\"", order->id, e.text);
}

/* An id of a job this machine has is left alone: a forged order must not change what is said of the real one.
 */
static void refuse(struct agent *a, const struct wire_order *order, const char *reason)
{
    const char *id = order->id ? order->id : "";
    if (!job_id_valid(id)) {
        count_refusal(a, id, reason);
        return;
    }
    struct order_seen *seen = seen_find(a, id);
    if (seen && seen->refused)
        return; /* said once; the server offers it again until it has read that */
    count_refusal(a, id, reason);
    bool known = runner_knows(a, id);
    if (!seen)
        seen = seen_add(a, id);
    seen->refused = true;
    if (!known)
        report_refusal(a, order, reason);
}

static const char *objection(const struct agent *a, const struct wire_order *order)
{
    if (strcmp(order->machine_id, identity_id(a->identity)) != 0)
        return "it is made for another machine";
    if (strcmp(order->op, "run") != 0 && strcmp(order->op, "undo") != 0)
        return "neither run nor undo";
    return NULL;
}

/* True when the runner has it for the first time. */
static bool take_verified(struct agent *a, const struct wire_order *order)
{
    struct err e;
    uint8_t digest[8];
    const char *no = job_id_valid(order->id) ? objection(a, order) : "its id is not 32 hex digits";
    if (no) {
        refuse(a, order, no);
        return false;
    }
    digest_of(order, digest);
    struct order_seen *seen = seen_find(a, order->id);
    bool known = runner_knows(a, order->id);
    if (seen && known && !seen->refused && memcmp(seen->digest, digest, sizeof digest) != 0) {
        refuse(a, order, "another order came before under the same id");
        return false;
    }
    if (!runner_take(a->runner, order, agent_server_now_ms(a), &e)) {
        agent_note_error(a, e.text);
        return false;
    }
    if (!seen)
        seen = seen_add(a, order->id);
    if (!known) {
        memcpy(seen->digest, digest, sizeof digest);
        seen->refused = false;
    }
    return !known;
}

static void refuse_forged(struct agent *a, struct slice envelope, const char *why)
{
    struct arena arena = {0};
    struct buf payload;
    struct wire_order order = {0};
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    bool readable = envelope_peek(envelope, ENVELOPE_ORDER, &payload, NULL) &&
                    wire_decode_order(buf_slice(&payload), &arena, &order, NULL);
    if (!readable)
        order = (struct wire_order){0};
    log_debug("agent.forged_order detail=\"%s\"", why);
    refuse(a, &order, "its signature does not hold under the pinned order key");
    buf_free(&payload);
    arena_free(&arena);
}

static bool take_one(struct agent *a, struct slice envelope)
{
    const struct verify_key *const *keys;
    size_t n = identity_order_keys(a->identity, &keys);
    struct arena arena = {0};
    struct buf payload;
    struct wire_order order;
    struct err e = {0};
    bool taken = false;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    if (!envelope_open(envelope, ENVELOPE_ORDER, keys, n, &payload, &e))
        refuse_forged(a, envelope, e.text);
    else if (!wire_decode_order(buf_slice(&payload), &arena, &order, &e))
        count_refusal(a, "", e.text);
    else
        taken = take_verified(a, &order);
    buf_free(&payload);
    arena_free(&arena);
    return taken;
}

size_t agent_take_orders(struct agent *a, const struct slice *envelopes, size_t count)
{
    size_t taken = 0;
    for (size_t i = 0; i < count; i++)
        taken += take_one(a, envelopes[i]) ? 1 : 0;
    return taken;
}
