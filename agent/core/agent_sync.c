/* SYNC: everything the spool holds goes up, everything the server wants comes down, in one long poll. */
#include "agent_internal.h"

#include "log.h"

#include <stdio.h>

enum { RUNNING_MAX = 50, MESSAGE_SLACK = 128 };

/* ---- what is new ---- */

/* Small changes of what always changes are no news. */
static void facts_digest(const struct wire_facts *facts, uint8_t digest[SHA256_BYTES])
{
    struct wire_facts coarse = *facts;
    struct buf text;
    buf_init(&text, ENVELOPE_PAYLOAD_MAX);
    coarse.free_disk_mb = facts->free_disk_mb / 4096;
    coarse.battery_percent = 0;
    wire_encode_facts(&coarse, &text);
    sha256(buf_slice(&text), digest);
    buf_free(&text);
}

/* Looks at the facts now and then: gathering them is not free. */
static void facts_review(struct agent *a)
{
    int64_t now = agent_ticks(a);
    if (a->facts_due || now < a->facts_look_ticks)
        return;
    struct arena arena = {0};
    struct wire_facts facts;
    uint8_t digest[SHA256_BYTES];
    agent_facts(a, &arena, &facts);
    facts_digest(&facts, digest);
    a->facts_look_ticks = now + FACTS_LOOK_MS;
    a->facts_due = !a->facts_known || memcmp(digest, a->facts_told, sizeof digest) != 0;
    arena_free(&arena);
}

static uint64_t running_hash(const char *const *ids, size_t n)
{
    uint64_t h = UINT64_C(0xCBF29CE484222325);
    for (size_t i = 0; i < n; i++)
        for (const char *c = ids[i]; *c; c++)
            h = (h ^ (unsigned char)*c) * UINT64_C(0x100000001B3);
    return h;
}

static uint64_t running_now(struct agent *a)
{
    struct arena arena = {0};
    const char **ids;
    size_t n = runner_running(a->runner, &arena, &ids);
    uint64_t h = running_hash(ids, n);
    arena_free(&arena);
    return h;
}

bool agent_has_news(struct agent *a)
{
    facts_review(a);
    uint64_t told = a->asked ? a->running_asked : a->running_told;
    return spool_has_news(a->spool) || a->facts_due || running_now(a) != told;
}

/* ---- asking ---- */

static size_t encoded_bytes(const struct wire_sync *msg)
{
    struct buf text;
    buf_init(&text, ENVELOPE_MAX);
    wire_encode_sync(msg, &text);
    size_t n = text.n;
    buf_free(&text);
    return n;
}

static int poll_wait_s(const struct agent *a)
{
    return a->server_wait_s < a->wait_limit_s ? a->server_wait_s : a->wait_limit_s;
}

static void fill_message(struct agent *a, struct arena *arena, struct wire_sync *msg,
                         struct wire_facts *facts)
{
    const char **running;
    size_t count = runner_running(a->runner, arena, &running);
    a->running_asked = running_hash(running, count);
    msg->stream = spool_stream(a->spool);
    msg->running = running;
    msg->running_count = count < RUNNING_MAX ? count : RUNNING_MAX;
    facts_review(a);
    a->facts_in_message = a->facts_due;
    if (a->facts_due) {
        agent_facts(a, arena, facts);
        facts_digest(facts, a->facts_asked);
        msg->facts = facts;
    }
    spool_fill(a->spool, arena, msg, WIRE_SYNC_MAX_BYTES - MESSAGE_SLACK - encoded_bytes(msg));
    a->asked_events = msg->events_count;
    a->asked_results = msg->results_count;
}

bool agent_sync_ask(struct agent *a, struct err *e)
{
    (void)e;
    struct arena arena = {0};
    struct wire_facts facts;
    char boot_id[41];
    a->machine->ops->boot_id(a->machine->ctx, boot_id);
    struct wire_agent agent = {.version = FLEETMEND_VERSION,
                               .boot_id = boot_id,
                               .time = clock_wall_ms(a->machine->clock),
                               .dropped = spool_dropped(a->spool),
                               .pinned_by = identity_pinned_by_text(a->identity)};
    struct wire_sync msg = {.agent = &agent};
    fill_message(a, &arena, &msg, &facts);
    wire_encode_sync(&msg, &a->body);
    a->quiet = !msg.events_count && !msg.results_count && !msg.facts;
    int wait_s = a->quiet ? poll_wait_s(a) : 0;
    a->asked_limit_s = wait_s + POLL_GRACE_S;
    snprintf(a->path, sizeof a->path, "/agent/v1/sync?wait=%d", wait_s);
    arena_free(&arena);
    return true;
}

/* ---- the answer ---- */

/* Another epoch: the server's database came from a backup, and may lack what it acknowledged. */
static bool take_epoch(struct agent *a, const char *epoch, struct err *e)
{
    char digest[2 * SHA256_BYTES + 1];
    sha256_hex(slice_of(epoch), digest);
    const char *before = spool_note(a->spool, "server_epoch");
    if (before && strcmp(before, digest) == 0)
        return true;
    if (before) {
        log_warn("agent.server_restored resend=yes");
        a->facts_due = true;
        if (!spool_resend_results(a->spool, e))
            return false;
    }
    spool_set_note(a->spool, "server_epoch", digest);
    return spool_sync(a->spool, e);
}

static void take_facts_state(struct agent *a, const struct wire_sync_answer *msg)
{
    if (a->facts_in_message) {
        memcpy(a->facts_told, a->facts_asked, sizeof a->facts_told);
        a->facts_known = true;
        a->facts_due = false;
        a->facts_look_ticks = agent_ticks(a) + FACTS_LOOK_MS;
    }
    for (size_t i = 0; i < msg->want_count; i++)
        if (strcmp(msg->want[i], "facts") == 0)
            a->facts_due = true;
}

static bool take_commands(struct agent *a, const struct wire_sync_answer *msg, size_t *taken, struct err *e)
{
    if (a->frozen != msg->frozen)
        log_info("agent.frozen %s", msg->frozen ? "on" : "off");
    a->frozen = msg->frozen;
    runner_freeze(a->runner, msg->frozen);
    /* Before the orders: what is taken back in this answer must not start because of it. */
    if (msg->cancelled_count && !runner_cancel(a->runner, msg->cancelled, msg->cancelled_count, e))
        return false;
    *taken = agent_take_orders(a, msg->jobs, msg->jobs_count);
    a->runner_ticks = 0;
    return true;
}

/* When to ask again: at once after news. A server that answers empty at once, or offers again what it offered
 * before, is not asked in a tight circle: each such answer doubles the gap. */
static void pace(struct agent *a, bool told, bool offered, size_t taken)
{
    int64_t now = agent_ticks(a), gap_ms = POLL_GAP_MS;
    bool quick = now - a->asked_ticks < POLL_QUICK_MS;
    bool again = offered && !taken;
    bool fruitless = quick && (again || (!told && !taken));
    for (int i = 0; fruitless && i < a->idle_answers && gap_ms < POLL_GAP_MAX_MS; i++)
        gap_ms *= 2;
    gap_ms = gap_ms < POLL_GAP_MAX_MS ? gap_ms : POLL_GAP_MAX_MS;
    a->idle_answers = !fruitless ? 0 : a->idle_answers < 10 ? a->idle_answers + 1 : 10;
    a->idle_until_ticks = now + gap_ms + (fruitless ? backoff_jitter(&a->backoff, gap_ms / 2) : 0);
    a->not_before_ticks = again ? a->idle_until_ticks : fruitless ? now + POLL_GAP_MS : 0;
}

/* The server answered but took nothing of what it was sent (a full quota, for example): not a reason to
 * hurry. A mark that moved back is progress too: a restored server wants older events first. */
static bool nothing_taken(const struct agent *a, const struct wire_sync_answer *msg)
{
    bool sent = a->asked_events || a->asked_results;
    return sent && msg->have == a->have && !msg->acked_results_count;
}

static bool take_message(struct agent *a, const struct wire_sync_answer *msg, struct err *e)
{
    size_t taken = 0;
    bool told = !a->quiet;
    if (!take_epoch(a, msg->epoch, e) ||
        !spool_ack(a->spool, msg->have, msg->acked_results, msg->acked_results_count, e))
        return false;
    take_facts_state(a, msg);
    a->running_told = a->running_asked;
    snprintf(a->server_state, sizeof a->server_state, "%s", msg->state);
    if (msg->next->wait)
        a->server_wait_s = (int)msg->next->wait;
    a->proved = true;
    a->cut_polls = 0;
    bool stuck = nothing_taken(a, msg);
    a->have = msg->have;
    if (!stuck)
        a->last_error[0] = '\0';
    if (!take_commands(a, msg, &taken, e))
        return false;
    if (stuck) {
        agent_note_error(a, "the server took none of the events and reports it was sent");
        agent_back_off(a, 0);
        return true;
    }
    backoff_reset(&a->backoff);
    pace(a, told, msg->jobs_count > 0, taken);
    return true;
}

bool agent_sync_take(struct agent *a, struct slice body, struct err *e)
{
    struct arena arena = {0};
    struct wire_sync_answer msg;
    bool ok = wire_decode_sync_answer(body, &arena, &msg, e) && take_message(a, &msg, e);
    arena_free(&arena);
    return ok;
}
