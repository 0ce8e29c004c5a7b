#include "agent.h"

#include "envelope.h"
#include "fake_machine.h"
#include "identity.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "runner.h"
#include "spool.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* 2026-03-10T12:00:00Z */
static const int64_t start_ms = INT64_C(1773144000000);
static const int64_t day_ms = INT64_C(24) * 3600 * 1000;

enum { PATHS = 4, EVENTS_KEPT = 64, JOBS = 8 };

/* What the network does to the next request of a phase. */
struct weather {
    enum agent_failure failure;
    int status;
    int retry_after_s;
    int times; /* 0: fine weather; -1: for ever */
};

/* A server as small as can be, with a real order key. */
struct server {
    struct sign_key *key, *other_key;
    char order_pin[PIN_TEXT_MAX], order_key[200];
    int64_t now_offset_ms; /* of its clock, from the true time */
    int time_epoch;
    struct weather weather[4]; /* by agent phase */
    bool cert_expired;         /* by the true clock too */
    bool names_key, brings_pins, wrong_nonce, wrong_id, signs_with_other_key;
    char machine_id[65], state[20], epoch[40];
    bool enrolled;
    int64_t have;
    int events_seen, results_seen;
    char result_job[33], result_word[20], result_reason[200];
    int64_t last_running;
    char *jobs[JOBS]; /* envelopes handed out on every sync */
    int job_count;
    bool acks, frozen, want_facts, answers_polls;
    int wait_s;
    int requests[4], facts_seen, aborted;
    int trust_none_with_secrets;
    enum agent_trust last_trust;
    char last_path[60];
    size_t greatest_body;
};

struct world {
    struct fake_machine fake;
    struct agent_config config;
    struct agent *agent;
    struct server server;
    struct agent_want want;
    bool polling;
    int64_t poll_ends;
    int64_t first_ticks;
};

static void quiet_log(void *ctx, enum log_level level, const char *line)
{
    (void)ctx;
    (void)level;
    (void)line;
}

static void name_key(struct server *s, char pin[PIN_TEXT_MAX])
{
    uint8_t spki[PUBLIC_KEY_BYTES];
    struct buf text;
    buf_init(&text, 200);
    sign_key_public(s->key, spki);
    pin_print(slice_make(spki, sizeof spki), pin);
    base64_encode(slice_make(spki, sizeof spki), &text);
    snprintf(s->order_key, sizeof s->order_key, "%s", buf_text(&text));
    buf_free(&text);
}

/* Another server takes its place, which names its own key and signs with it. */
static void become_another(struct server *s)
{
    char pin[PIN_TEXT_MAX];
    struct sign_key *key = s->key;
    s->key = s->other_key;
    s->other_key = key;
    name_key(s, pin);
}

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    log_to(quiet_log, NULL);
    fake_machine_init(&w->fake);
    w->fake.clock.wall = start_ms;
    w->fake.facts.instance = "instance-1";
    w->first_ticks = w->fake.clock.ticks;
    struct server *s = &w->server;
    *s = (struct server){.time_epoch = 1,
                         .names_key = true,
                         .brings_pins = true,
                         .acks = true,
                         .wait_s = 50,
                         .answers_polls = true,
                         .state = "active",
                         .epoch = "e1"};
    s->key = sign_key_generate(NULL);
    s->other_key = sign_key_generate(NULL);
    name_key(s, s->order_pin);
    w->config.server_urls[w->config.server_count++] = mem_strdup("https://one.example");
    w->config.enroll_token = mem_strdup("token");
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    agent_close(w->agent);
    sign_key_free(w->server.key);
    sign_key_free(w->server.other_key);
    for (int i = 0; i < w->server.job_count; i++)
        mem_free(w->server.jobs[i]);
    agent_config_free(&w->config);
    fake_machine_free(&w->fake);
    mem_free(w);
    log_to(NULL, NULL);
    return 0;
}

static void reopen(struct world *w)
{
    struct err e;
    struct agent_options o = {.machine = &w->fake.machine, .config = &w->config, .seed = 11, .speed = 1};
    agent_close(w->agent);
    w->polling = false;
    w->agent = agent_open(&o, &e);
    if (!w->agent)
        fail_msg("%s", e.text);
}

static void pin_by_policy(struct world *w)
{
    w->config.order_keys[w->config.order_key_count++] = mem_strdup(w->server.order_pin);
}

/* ---- the server's side ---- */

static int64_t server_now(const struct world *w)
{
    return start_ms + w->fake.clock.ticks - w->first_ticks + w->server.now_offset_ms;
}

static void signed_json(const struct server *s, const char *type, const struct buf *payload, struct buf *out)
{
    const struct sign_key *key = s->signs_with_other_key ? s->other_key : s->key;
    assert_true(envelope_sign(key, type, buf_slice(payload), out, NULL));
}

static void answer_time(struct world *w, struct slice body, struct buf *out)
{
    struct server *s = &w->server;
    struct arena a = {0};
    struct wire_time_request ask;
    struct buf payload;
    const char *pins[] = {"sha256//47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="};
    buf_init(&payload, 4000);
    assert_true(wire_decode_time_request(body, &a, &ask, NULL));
    struct wire_time_answer msg = {.nonce = s->wrong_nonce ? "something else" : ask.nonce,
                                   .time = server_now(w),
                                   .challenge = "challenge",
                                   .time_epoch = s->time_epoch,
                                   .tls_pins = pins,
                                   .tls_pins_count = s->brings_pins ? 1 : 0,
                                   .order_key = s->names_key ? s->order_key : NULL};
    wire_encode_time_answer(&msg, &payload);
    signed_json(s, ENVELOPE_TIME, &payload, out);
    buf_free(&payload);
    arena_free(&a);
}

/* The payload of an envelope by the key inside it, checked. */
static void answer_enroll(struct world *w, struct slice body, struct buf *out)
{
    struct server *s = &w->server;
    struct arena a = {0};
    struct buf payload, spki;
    struct wire_enroll ask;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    buf_init(&spki, 200);
    assert_true(envelope_peek(body, ENVELOPE_ENROLL, &payload, NULL));
    assert_true(wire_decode_enroll(buf_slice(&payload), &a, &ask, NULL));
    assert_string_equal(ask.token, "token");
    assert_string_equal(ask.challenge, "challenge");
    assert_string_equal(ask.machine->name, "FAKE-01");
    assert_true(base64_decode(slice_of(ask.public_key), &spki, NULL));
    struct verify_key *key = verify_key_new(buf_slice(&spki), NULL);
    const struct verify_key *keys[] = {key};
    assert_true(envelope_open(body, ENVELOPE_ENROLL, keys, 1, &payload, NULL));
    verify_key_free(key);
    sha256_hex(buf_slice(&spki), s->machine_id);
    s->enrolled = true;
    if (s->wrong_id)
        s->machine_id[0] = s->machine_id[0] == 'a' ? 'b' : 'a';
    struct wire_enroll_answer msg = {
        .machine_id = s->machine_id, .state = s->state, .order_key = s->order_key};
    wire_encode_enroll_answer(&msg, out);
    buf_free(&payload);
    buf_free(&spki);
    arena_free(&a);
}

static void answer_session(struct world *w, struct buf *out)
{
    struct wire_session_answer msg = {.ticket = "ticket-1", .expires = server_now(w) + 3600 * 1000};
    wire_encode_session_answer(&msg, out);
}

static void take_sync(struct server *s, const struct wire_sync *ask)
{
    for (size_t i = 0; i < ask->events_count; i++) {
        assert_true(ask->events[i].seq > 0);
        if (!s->acks || ask->events[i].seq <= s->have)
            continue;
        s->have = ask->events[i].seq;
        s->events_seen++;
    }
    for (size_t i = 0; i < ask->results_count; i++) {
        const struct wire_result *r = &ask->results[i];
        s->results_seen++;
        snprintf(s->result_job, sizeof s->result_job, "%s", r->job);
        snprintf(s->result_word, sizeof s->result_word, "%s", job_result_name((enum job_result)r->result));
        snprintf(s->result_reason, sizeof s->result_reason, "%s", r->reason ? r->reason : "");
    }
    s->facts_seen += ask->facts ? 1 : 0;
    s->last_running = (int64_t)ask->running_count;
}

static void answer_sync(struct world *w, struct slice body, struct buf *out)
{
    struct server *s = &w->server;
    struct arena a = {0};
    struct wire_sync ask;
    struct wire_next next = {.wait = s->wait_s};
    struct slice jobs[JOBS];
    const char *want[] = {"facts"}, *acked[50];
    struct err e;
    if (!wire_decode_sync(body, &a, &ask, &e))
        fail_msg("%s", e.text);
    assert_string_equal(ask.agent->version, FLEETMEND_VERSION);
    take_sync(s, &ask);
    struct wire_sync_answer msg = {.epoch = s->epoch,
                                   .have = s->have,
                                   .state = s->state,
                                   .frozen = s->frozen,
                                   .next = &next,
                                   .jobs = jobs,
                                   .want = want,
                                   .want_count = s->want_facts ? 1 : 0,
                                   .acked_results = acked};
    for (size_t i = 0; i < ask.results_count && s->acks; i++)
        acked[msg.acked_results_count++] = ask.results[i].job;
    for (int i = 0; i < s->job_count; i++)
        jobs[msg.jobs_count++] = slice_of(s->jobs[i]);
    s->want_facts = false;
    wire_encode_sync_answer(&msg, out);
    arena_free(&a);
}

static int phase_of(const char *path)
{
    static const char *const paths[PATHS] = {"/agent/v1/time", "/agent/v1/enroll", "/agent/v1/session",
                                             "/agent/v1/sync"};
    for (int i = 0; i < PATHS; i++)
        if (strncmp(path, paths[i], strlen(paths[i])) == 0)
            return i;
    fail_msg("path %s", path);
    return 0;
}

/* What a client sees of the certificate: by the CA its dates count, and the machine's clock judges them. */
static enum agent_failure handshake(const struct world *w, enum agent_trust trust)
{
    const int64_t valid_from = start_ms - 30 * day_ms, valid_to = start_ms + 365 * day_ms;
    int64_t wall_ms = w->fake.clock.wall;
    bool dates = wall_ms >= valid_from && wall_ms <= valid_to && !w->server.cert_expired;
    return trust == AGENT_TRUST_CA && !dates ? AGENT_CERT_TIME : AGENT_ANSWERED;
}

static void give(struct world *w, enum agent_failure failure, int status, struct slice body,
                 int retry_after_s)
{
    struct agent_reply r = {.failure = failure,
                            .status = status,
                            .body = body,
                            .retry_after_s = retry_after_s,
                            .error = "weather"};
    agent_answer(w->agent, &r);
}

static bool rained(struct world *w, struct weather *weather)
{
    if (!weather->times)
        return false;
    weather->times -= weather->times > 0 ? 1 : 0;
    give(w, weather->failure, weather->status, (struct slice){0}, weather->retry_after_s);
    return true;
}

/* Handles one request at once; a quiet poll stays open. */
static void serve(struct world *w)
{
    struct server *s = &w->server;
    int phase = phase_of(w->want.path);
    enum agent_failure hands = handshake(w, w->want.trust);
    s->requests[phase]++;
    s->last_trust = w->want.trust;
    snprintf(s->last_path, sizeof s->last_path, "%s", w->want.path);
    s->greatest_body = w->want.body.n > s->greatest_body ? w->want.body.n : s->greatest_body;
    if (w->want.trust == AGENT_TRUST_NONE && (phase != AGENT_TIME || w->want.ticket || w->want.body.n > 80))
        s->trust_none_with_secrets++;
    if (w->want.trust == AGENT_TRUST_PIN)
        assert_true(w->want.pin_count > 0);
    if (rained(w, &s->weather[phase]))
        return;
    if (hands != AGENT_ANSWERED) {
        give(w, hands, 0, (struct slice){0}, 0);
        return;
    }
    struct buf out;
    buf_init(&out, 200000);
    if (phase == AGENT_TIME)
        answer_time(w, w->want.body, &out);
    else if (phase == AGENT_ENROLL)
        answer_enroll(w, w->want.body, &out);
    else if (phase == AGENT_SESSION)
        answer_session(w, &out);
    else
        answer_sync(w, w->want.body, &out);
    give(w, AGENT_ANSWERED, 200, buf_slice(&out), 0);
    buf_free(&out);
}

/* A poll with nothing to say stays open on the server until its wait ends. */
static bool is_poll(const struct world *w)
{
    return phase_of(w->want.path) == AGENT_SYNC && !strstr(w->want.path, "wait=0") &&
           w->server.answers_polls && !w->server.job_count && !w->server.weather[AGENT_SYNC].times;
}

static void advance_to(struct world *w, int64_t ticks)
{
    if (ticks > w->fake.clock.ticks)
        fake_machine_advance(&w->fake, ticks - w->fake.clock.ticks);
}

/* The host loop, over `ms` of time. */
static void run(struct world *w, int64_t ms)
{
    int64_t end = w->fake.clock.ticks + ms;
    for (int i = 0; i < 2000000; i++) {
        int64_t work = agent_work(w->agent);
        agent_want(w->agent, &w->want);
        if (w->want.abort) {
            w->polling = false;
            w->server.aborted++;
            continue;
        }
        if (w->want.send && is_poll(w)) {
            w->polling = true;
            w->poll_ends = w->fake.clock.ticks + w->server.wait_s * 1000;
            snprintf(w->server.last_path, sizeof w->server.last_path, "%s", w->want.path);
        } else if (w->want.send) {
            serve(w);
            continue;
        }
        if (w->polling && w->fake.clock.ticks >= w->poll_ends) {
            w->polling = false;
            struct buf out;
            struct wire_next next = {.wait = w->server.wait_s};
            struct wire_sync_answer msg = {
                .epoch = w->server.epoch, .have = w->server.have, .state = w->server.state, .next = &next};
            w->server.requests[AGENT_SYNC]++;
            buf_init(&out, 4000);
            wire_encode_sync_answer(&msg, &out);
            give(w, AGENT_ANSWERED, 200, buf_slice(&out), 0);
            buf_free(&out);
            continue;
        }
        if (w->fake.clock.ticks >= end)
            return;
        int64_t next = w->want.wake_ticks_ms < work ? w->want.wake_ticks_ms : work;
        next = w->polling && w->poll_ends < next ? w->poll_ends : next;
        next = next < end ? next : end;
        advance_to(w, next > w->fake.clock.ticks ? next : w->fake.clock.ticks + 1);
    }
    fail_msg("a tight circle");
}

static void status_text(struct world *w, char *out, size_t size)
{
    struct buf text;
    buf_init(&text, 20000);
    agent_status(w->agent, &text);
    struct json *j = json_parse(buf_slice(&text), NULL);
    assert_non_null(j);
    json_free(j);
    snprintf(out, size, "%s", buf_text(&text));
    buf_free(&text);
}

static void expect_status(struct world *w, const char *part)
{
    char text[4000];
    status_text(w, text, sizeof text);
    if (!strstr(text, part))
        fail_msg("'%s' not in %s", part, text);
}

static void fail_install(struct world *w, int n)
{
    char line[500];
    snprintf(line, sizeof line,
             "{%08X-0000-0000-0000-000000000000}\t2026-03-10 12:00:00:000+0000\t1\t182 "
             "[AGENT_INSTALLING_FAILED]\t101\t"
             "{%08X-2222-3333-4444-555555555555}\t1\t80070643\tX\tFailure\tContent Install\tInstallation "
             "Failure: it failed: "
             "Update\tcv\r\n",
             (unsigned)n, (unsigned)n);
    fake_machine_log(&w->fake, MACHINE_LOG_REPORTING_EVENTS, line);
    agent_nudge(w->agent);
}

/* ---- first contact ---- */

static void enrols_and_syncs(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    assert_int_equal(agent_phase(w->agent), AGENT_TIME);
    assert_string_equal(agent_machine_id(w->agent), "");
    run(w, 5000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
    assert_string_equal(agent_machine_id(w->agent), w->server.machine_id);
    assert_int_equal(w->server.requests[AGENT_TIME], 1);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 1);
    assert_int_equal(w->server.requests[AGENT_SESSION], 1);
    assert_int_equal(w->server.facts_seen, 1);
    assert_int_equal(w->server.last_trust, AGENT_TRUST_CA);
    assert_true(w->polling);
    expect_status(w, "\"pinned_by\":\"policy\"");
    expect_status(w, "\"last_error\":null");
    reopen(w);
    run(w, 5000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 1);
    assert_int_equal(w->server.requests[AGENT_SESSION], 2);
}

static void pins_the_order_key_by_enrolment_and_says_so(void **state)
{
    struct world *w = *state;
    reopen(w);
    run(w, 5000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
    expect_status(w, "\"pinned_by\":\"enrolment\"");
    expect_status(w, w->server.order_pin);
    /* Another key is not believed from now on. */
    struct sign_key *swap = w->server.key;
    w->server.key = w->server.other_key;
    w->server.other_key = swap;
    int sessions = w->server.requests[AGENT_SESSION];
    reopen(w);
    run(w, 60000);
    assert_int_equal(w->server.requests[AGENT_SESSION], sessions);
    expect_status(w, "no signature holds");
}

static void without_a_pin_and_with_a_wrong_certificate_nothing_is_sent(void **state)
{
    struct world *w = *state;
    static const enum agent_failure kinds[] = {AGENT_CERT_WRONG, AGENT_CERT_TIME};
    for (int i = 0; i < 2; i++) {
        w->server.weather[AGENT_TIME] = (struct weather){.failure = kinds[i], .times = -1};
        w->server.requests[AGENT_TIME] = 0;
        reopen(w);
        run(w, 3600 * 1000);
        assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
        assert_int_equal(w->server.requests[AGENT_SESSION], 0);
        assert_int_equal(w->server.last_trust, AGENT_TRUST_CA); /* only the handshake that failed */
        assert_true(w->server.requests[AGENT_TIME] < 60);
        expect_status(w, "nothing was sent");
    }
}

static void a_pin_does_not_help_an_unknown_ca(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.weather[AGENT_TIME] = (struct weather){.failure = AGENT_CERT_WRONG, .times = -1};
    reopen(w);
    run(w, 3600 * 1000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    assert_int_equal(w->server.last_trust, AGENT_TRUST_CA);
    expect_status(w, "not trusted");
}

static void a_time_by_another_key_is_refused(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.signs_with_other_key = true;
    reopen(w);
    run(w, 60000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    assert_int_equal(agent_server_now_ms(w->agent), 0);
    w->server.signs_with_other_key = false;
    w->server.wrong_nonce = true;
    run(w, 600000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    expect_status(w, "nonce");
    w->server.wrong_nonce = false;
    run(w, 600000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
}

static void a_server_with_a_key_of_its_own_is_refused(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    become_another(&w->server);
    reopen(w);
    run(w, 600000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    assert_int_equal(agent_server_now_ms(w->agent), 0);
    expect_status(w, "not pinned");
    /* Over unchecked TLS neither. */
    w->server.cert_expired = true;
    run(w, 3600 * 1000);
    assert_int_equal(w->server.last_trust, AGENT_TRUST_NONE);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    assert_int_equal(w->server.trust_none_with_secrets, 0);
    become_another(&w->server);
    run(w, 600000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
}

static void a_key_pinned_by_enrolment_is_not_replaced(void **state)
{
    struct world *w = *state;
    reopen(w);
    run(w, 5000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
    become_another(&w->server);
    int sessions = w->server.requests[AGENT_SESSION];
    reopen(w);
    run(w, 600000);
    assert_int_equal(w->server.requests[AGENT_SESSION], sessions);
    expect_status(w, "not pinned");
}

static void an_enrolment_under_another_id_is_refused(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.wrong_id = true;
    reopen(w);
    run(w, 60000);
    assert_int_equal(w->server.requests[AGENT_SESSION], 0);
    assert_string_equal(agent_machine_id(w->agent), "");
    expect_status(w, "machine_id");
}

static void without_a_token_it_says_so(void **state)
{
    struct world *w = *state;
    mem_free(w->config.enroll_token);
    w->config.enroll_token = NULL;
    reopen(w);
    run(w, 3600 * 1000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    assert_true(w->server.requests[AGENT_TIME] <= 6);
    expect_status(w, "EnrollToken");
}

/* ---- wrong clocks ---- */

static void run_with_clock(struct world *w, int64_t wall_ms)
{
    w->fake.clock.wall = wall_ms;
    w->fake.skew_ms = wall_ms - start_ms;
    reopen(w);
    fail_install(w, 1);
    run(w, 10000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
    assert_int_equal(w->server.last_trust, AGENT_TRUST_PIN);
    assert_int_equal(w->server.trust_none_with_secrets, 0);
    assert_int_equal(w->server.events_seen, 1);
    bool known;
    int64_t skew_ms = agent_skew_ms(w->agent, &known);
    assert_true(known);
    assert_true(skew_ms > wall_ms - start_ms - 30000 && skew_ms < wall_ms - start_ms + 30000);
    expect_status(w, "pins of the signed time");
    /* Set right, the CA is asked again. */
    w->fake.clock.wall = server_now(w);
    fail_install(w, 2);
    run(w, 10000);
    assert_int_equal(w->server.last_trust, AGENT_TRUST_CA);
    assert_int_equal(w->server.events_seen, 2);
}

static void enrols_with_a_clock_of_1970(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    run_with_clock(w, 86400000);
}

static void enrols_with_a_clock_of_2100(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    run_with_clock(w, INT64_C(4102444800000));
}

static void a_certificate_that_is_really_expired_keeps_the_pins(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.cert_expired = true;
    reopen(w);
    run(w, 3 * 3600 * 1000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
    assert_int_equal(w->server.last_trust, AGENT_TRUST_PIN);
    assert_true(w->server.requests[AGENT_TIME] < 14);
    assert_int_equal(w->server.trust_none_with_secrets, 0);
}

static void a_time_step_without_pins_goes_no_further(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.cert_expired = true;
    w->server.brings_pins = false;
    reopen(w);
    run(w, 3600 * 1000);
    assert_int_equal(w->server.requests[AGENT_ENROLL], 0);
    expect_status(w, "no TLS pin");
}

static void the_floor_of_time_survives_a_restart(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    run(w, 60000);
    int64_t seen_ms = agent_server_now_ms(w->agent);
    w->server.now_offset_ms = -30 * day_ms;
    reopen(w);
    run(w, 5000);
    assert_true(agent_server_now_ms(w->agent) >= seen_ms);
    w->server.time_epoch++;
    reopen(w);
    run(w, 5000);
    assert_true(agent_server_now_ms(w->agent) < seen_ms - 29 * day_ms);
}

/* ---- sync ---- */

static void news_do_not_wait_for_the_long_poll(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    run(w, 10000);
    assert_true(w->polling);
    fail_install(w, 1);
    run(w, 300);
    assert_int_equal(w->server.aborted, 1);
    assert_int_equal(w->server.events_seen, 1);
    assert_false(spool_has_news(agent_spool(w->agent)));
}

static void a_quiet_hour_costs_few_requests(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    run(w, 3600 * 1000);
    assert_true(w->server.requests[AGENT_SYNC] > 60 && w->server.requests[AGENT_SYNC] < 90);
    assert_in_range(w->server.requests[AGENT_SESSION], 1, 2);
    assert_int_equal(w->server.facts_seen, 1);
    run(w, 3600 * 1000);
    assert_in_range(w->server.requests[AGENT_SESSION], 2, 3);
    assert_int_equal(w->server.requests[AGENT_SESSION], w->server.requests[AGENT_TIME]);
}

static void a_server_that_answers_polls_at_once_is_not_hammered(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.answers_polls = false;
    reopen(w);
    run(w, 600 * 1000);
    assert_true(w->server.requests[AGENT_SYNC] < 60);
}

static void facts_are_sent_when_they_change_or_are_wanted(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    run(w, 10000);
    assert_int_equal(w->server.facts_seen, 1);
    w->server.want_facts = true;
    fail_install(w, 1);
    run(w, 60000);
    assert_int_equal(w->server.facts_seen, 2);
    w->fake.facts.build = "19045.9999";
    run(w, 400 * 1000);
    assert_int_equal(w->server.facts_seen, 3);
}

static void two_cut_polls_halve_the_wait(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    run(w, 5000);
    static const char *const expected[] = {"wait=50", "wait=50", "wait=25", "wait=25", "wait=12"};
    for (int i = 0; i < 5; i++) {
        assert_true(w->polling);
        assert_non_null(strstr(w->server.last_path, expected[i]));
        run(w, 10000);
        w->polling = false;
        give(w, AGENT_UNREACHABLE, 0, (struct slice){0}, 0);
        for (int k = 0; k < 4000 && !w->polling; k++)
            run(w, 100);
    }
}

static void messages_stay_within_their_size(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    for (int i = 1; i <= 400; i++)
        fail_install(w, i);
    run(w, 30000);
    assert_int_equal(w->server.events_seen, 400);
    assert_true(w->server.greatest_body <= WIRE_SYNC_MAX_BYTES);
    assert_true(w->server.greatest_body > 30000);
}

static void a_server_that_takes_nothing_is_not_hammered(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.acks = false;
    reopen(w);
    fail_install(w, 1);
    run(w, 3600 * 1000);
    assert_true(w->server.requests[AGENT_SYNC] < 60);
    w->server.acks = true;
    run(w, 600 * 1000);
    assert_int_equal(w->server.events_seen, 1);
}

static void sends_again_what_a_restored_server_lost(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    for (int i = 1; i <= 3; i++)
        fail_install(w, i);
    run(w, 10000);
    assert_int_equal(w->server.events_seen, 3);
    w->server.have = 1;
    snprintf(w->server.epoch, sizeof w->server.epoch, "e2");
    run(w, 120000);
    assert_int_equal(w->server.events_seen, 5);
    assert_int_equal(w->server.facts_seen, 2);
}

static void every_status_has_its_answer(void **state)
{
    struct world *w = *state;
    static const struct {
        int phase, status, retry_after_s;
        int64_t within_ms; /* enough to recover */
        int64_t least_ms;  /* not before */
        const char *says;
        int enrolments;
    } rows[] = {
        {AGENT_SYNC, 401, 0, 5000, 0, NULL, 0},
        {AGENT_SYNC, 404, 0, 5000, 0, NULL, 1},
        {AGENT_SESSION, 404, 0, 10000, 0, "404", 1},
        {AGENT_SYNC, 403, 0, 1200000, 890000, "blocked", 0},
        {AGENT_SESSION, 409, 0, 1200000, 890000, "409", 0},
        {AGENT_SYNC, 429, 30, 400000, 29000, "busy", 0},
        {AGENT_SYNC, 503, 30, 400000, 29000, "busy", 0},
        {AGENT_SYNC, 500, 0, 10000, 0, "500", 0},
    };
    pin_by_policy(w);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        agent_close(w->agent);
        w->agent = NULL;
        struct server *s = &w->server;
        reopen(w);
        run(w, 5000);
        assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
        int enrolments = s->requests[AGENT_ENROLL], seen = s->events_seen;
        if (rows[i].phase == AGENT_SESSION) {
            reopen(w);
            fail_install(w, 100 + (int)i);
        } else {
            fail_install(w, 100 + (int)i);
        }
        s->weather[rows[i].phase] =
            (struct weather){.status = rows[i].status, .retry_after_s = rows[i].retry_after_s, .times = 1};
        run(w, rows[i].least_ms ? rows[i].least_ms : 1);
        if (rows[i].least_ms) {
            assert_int_equal(s->events_seen, seen);
            expect_status(w, rows[i].says);
        }
        run(w, rows[i].within_ms);
        if (s->events_seen != seen + 1)
            fail_msg("row %zu: not recovered", i);
        assert_int_equal(s->requests[AGENT_ENROLL] - enrolments, rows[i].enrolments);
    }
}

static void a_blocked_machine_asks_rarely(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    w->server.weather[AGENT_ENROLL] = (struct weather){.status = 403, .times = -1};
    reopen(w);
    run(w, 24 * 3600 * 1000);
    assert_in_range(w->server.requests[AGENT_ENROLL], 60, 97);
    expect_status(w, "403");
}

static void a_hundred_hours_without_a_server_stay_bounded(void **state)
{
    struct world *w = *state;
    pin_by_policy(w);
    reopen(w);
    run(w, 5000);
    for (int i = 0; i < 4; i++)
        w->server.weather[i] = (struct weather){.failure = AGENT_UNREACHABLE, .times = -1};
    int before = w->server.requests[AGENT_SYNC] + w->server.requests[AGENT_TIME];
    for (int hour = 0; hour < 100; hour++) {
        for (int i = 0; i < 20; i++)
            fail_install(w, 1000 + hour * 20 + i);
        w->fake.logs[MACHINE_LOG_REPORTING_EVENTS].bytes.max = 64 << 20;
        run(w, 3600 * 1000);
    }
    int requests = w->server.requests[AGENT_SYNC] + w->server.requests[AGENT_TIME] - before;
    assert_true(requests > 1000 && requests < 4000);
    assert_true(spool_bytes(agent_spool(w->agent)) < 8 << 20);
    for (int i = 0; i < 4; i++)
        w->server.weather[i].times = 0;
    run(w, 1200 * 1000);
    assert_int_equal(w->server.events_seen, 2000);
}

/* ---- orders ---- */

static void offer(struct world *w, struct wire_order order, bool forged)
{
    struct server *s = &w->server;
    struct buf payload, text;
    buf_init(&payload, 8000);
    buf_init(&text, 16000);
    wire_encode_order(&order, &payload);
    assert_true(
        envelope_sign(forged ? s->other_key : s->key, ENVELOPE_ORDER, buf_slice(&payload), &text, NULL));
    s->jobs[s->job_count++] = buf_take(&text);
    buf_free(&payload);
}

static void no_offers(struct world *w)
{
    for (int i = 0; i < w->server.job_count; i++)
        mem_free(w->server.jobs[i]);
    w->server.job_count = 0;
}

static struct wire_order order_for(struct world *w, const char *id)
{
    return (struct wire_order){.id = id,
                               .op = "run",
                               .repair = "update_scan",
                               .class = 0,
                               .machine_id = w->server.machine_id,
                               .rollout_id = "00000000000000000000000000000001",
                               .targets_sha256 =
                                   "0000000000000000000000000000000000000000000000000000000000000000",
                               .not_before = server_now(w) - 60000,
                               .not_after = server_now(w) + day_ms};
}

#define JOB_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define JOB_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void begin_synced(struct world *w)
{
    pin_by_policy(w);
    reopen(w);
    run(w, 5000);
    assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
}

/* Makes the agent ask, so that it gets what is offered. */
static void poke(struct world *w)
{
    static int n = 5000;
    fail_install(w, ++n);
    run(w, 2000);
}

static bool runner_has(struct world *w, const char *id)
{
    struct arena a = {0};
    const char **ids;
    bool found = runner_result(agent_runner(w->agent), id);
    size_t n = runner_running(agent_runner(w->agent), &a, &ids);
    for (size_t i = 0; i < n; i++)
        found = found || strcmp(ids[i], id) == 0;
    arena_free(&a);
    return found;
}

static void a_good_order_reaches_the_runner_once(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    assert_false(runner_has(w, JOB_A));
    offer(w, order_for(w, JOB_A), false);
    poke(w);
    assert_true(runner_has(w, JOB_A));
    expect_status(w, "\"refused_orders\":0");
}

static void refused(struct world *w, struct wire_order order, bool forged, const char *reason)
{
    offer(w, order, forged);
    poke(w);
    run(w, 20000);
    assert_string_equal(w->server.result_job, order.id);
    assert_string_equal(w->server.result_word, "refused");
    if (!strstr(w->server.result_reason, reason))
        fail_msg("'%s' in '%s'", reason, w->server.result_reason);
    /* The server here never stops offering it. */
    assert_in_range(w->server.results_seen, 1, 12);
    assert_true(w->server.requests[AGENT_SYNC] < 20);
}

static void a_forged_order_is_refused_and_reported(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    refused(w, order_for(w, JOB_A), true, "signature");
    assert_false(runner_has(w, JOB_A));
    expect_status(w, "\"refused_orders\":1");
}

static void a_foreign_order_is_refused_and_reported(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    struct wire_order order = order_for(w, JOB_A);
    order.machine_id = "1111111111111111111111111111111111111111111111111111111111111111";
    refused(w, order, false, "another machine");
    assert_false(runner_has(w, JOB_A));
}

static void reports_go_again_to_a_restored_server(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    offer(w, order_for(w, JOB_A), true);
    poke(w);
    no_offers(w);
    run(w, 10000);
    int seen = w->server.results_seen;
    run(w, 120000);
    assert_int_equal(w->server.results_seen, seen);
    snprintf(w->server.epoch, sizeof w->server.epoch, "e2");
    run(w, 120000);
    assert_int_equal(w->server.results_seen, seen + 1);
}

static void an_expired_order_is_refused_and_reported(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    struct wire_order order = order_for(w, JOB_A);
    order.not_before = server_now(w) - 2 * day_ms;
    order.not_after = server_now(w) - day_ms;
    refused(w, order, false, "expired");
}

static void an_order_signed_as_something_else_is_refused(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    struct server *s = &w->server;
    struct wire_order order = order_for(w, JOB_A);
    struct buf payload, text;
    buf_init(&payload, 8000);
    buf_init(&text, 16000);
    wire_encode_order(&order, &payload);
    assert_true(envelope_sign(s->key, ENVELOPE_TIME, buf_slice(&payload), &text, NULL));
    s->jobs[s->job_count++] = buf_take(&text);
    buf_free(&payload);
    poke(w);
    assert_false(runner_has(w, JOB_A));
    expect_status(w, "signature does not hold");
}

static void a_forgery_does_not_touch_the_real_job(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    offer(w, order_for(w, JOB_A), false);
    poke(w);
    run(w, 60000);
    no_offers(w);
    run(w, 10000);
    w->server.result_word[0] = '\0';
    struct wire_order order = order_for(w, JOB_A);
    offer(w, order, true);
    poke(w);
    run(w, 10000);
    no_offers(w);
    order.machine_id = "1111111111111111111111111111111111111111111111111111111111111111";
    offer(w, order, false);
    poke(w);
    no_offers(w);
    order = order_for(w, JOB_A);
    order.repair = "cache_reset";
    order.class = 1;
    offer(w, order, false);
    poke(w);
    assert_true(strcmp(w->server.result_word, "refused") != 0);
    char text[4000];
    status_text(w, text, sizeof text);
    assert_null(strstr(text, "\"refused_orders\":0"));
}

static void another_order_under_a_known_id_is_refused(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    struct wire_order order = order_for(w, JOB_A);
    offer(w, order, false);
    poke(w);
    no_offers(w);
    /* Signed anew it is the same order. */
    order.not_after += 5000;
    offer(w, order, false);
    poke(w);
    no_offers(w);
    run(w, 60000);
    expect_status(w, "\"refused_orders\":0");
    order.repair = "cache_reset";
    order.class = 1;
    offer(w, order, false);
    poke(w);
    expect_status(w, "\"refused_orders\":1");
    assert_true(strcmp(w->server.result_word, "refused") != 0);
}

static void a_frozen_fleet_takes_the_order_and_does_not_start_it(void **state)
{
    struct world *w = *state;
    begin_synced(w);
    w->server.frozen = true;
    offer(w, order_for(w, JOB_B), false);
    poke(w);
    assert_true(runner_has(w, JOB_B));
    expect_status(w, "\"frozen\":true");
}

/* ---- cuts ---- */

static void survives_a_cut_at_every_write(void **state)
{
    struct world *w = *state;
    int cuts = 0;
    pin_by_policy(w);
    for (int k = 1;; k++) {
        struct agent_options o = {.machine = &w->fake.machine, .config = &w->config, .seed = 5, .speed = 1};
        agent_close(w->agent);
        fake_machine_free(&w->fake);
        fake_machine_init(&w->fake);
        w->fake.clock.wall = start_ms;
        w->server.have = 0;
        w->server.events_seen = 0;
        w->polling = false;
        w->fake.crash_mask = FAKE_FILE_WRITES;
        w->fake.crash_at = k;
        w->agent = agent_open(&o, NULL);
        bool opened = w->agent;
        if (opened) {
            for (int i = 1; i <= 3; i++) {
                fail_install(w, i);
                for (int step = 0; step < 20 && !w->fake.crashed; step++)
                    run(w, 100);
            }
        }
        bool cut = w->fake.crashed;
        /* What a dead agent sent after its last write counts for nothing. */
        agent_close(w->agent);
        w->agent = NULL;
        fake_machine_restart(&w->fake, false);
        reopen(w);
        for (int i = 1; i <= 3 && !opened; i++)
            fail_install(w, i);
        run(w, 60000);
        assert_int_equal(agent_phase(w->agent), AGENT_SYNC);
        if (w->server.events_seen != 3)
            fail_msg("cut %d: %d events", k, w->server.events_seen);
        if (!cut)
            break;
        cuts++;
    }
    assert_true(cuts > 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(enrols_and_syncs),
        TEST(pins_the_order_key_by_enrolment_and_says_so),
        TEST(without_a_pin_and_with_a_wrong_certificate_nothing_is_sent),
        TEST(a_pin_does_not_help_an_unknown_ca),
        TEST(a_time_by_another_key_is_refused),
        TEST(a_server_with_a_key_of_its_own_is_refused),
        TEST(a_key_pinned_by_enrolment_is_not_replaced),
        TEST(an_enrolment_under_another_id_is_refused),
        TEST(without_a_token_it_says_so),
        TEST(enrols_with_a_clock_of_1970),
        TEST(enrols_with_a_clock_of_2100),
        TEST(a_certificate_that_is_really_expired_keeps_the_pins),
        TEST(a_time_step_without_pins_goes_no_further),
        TEST(the_floor_of_time_survives_a_restart),
        TEST(news_do_not_wait_for_the_long_poll),
        TEST(a_quiet_hour_costs_few_requests),
        TEST(a_server_that_answers_polls_at_once_is_not_hammered),
        TEST(facts_are_sent_when_they_change_or_are_wanted),
        TEST(two_cut_polls_halve_the_wait),
        TEST(messages_stay_within_their_size),
        TEST(a_server_that_takes_nothing_is_not_hammered),
        TEST(sends_again_what_a_restored_server_lost),
        TEST(every_status_has_its_answer),
        TEST(a_blocked_machine_asks_rarely),
        TEST(a_hundred_hours_without_a_server_stay_bounded),
        TEST(a_good_order_reaches_the_runner_once),
        TEST(a_forged_order_is_refused_and_reported),
        TEST(a_foreign_order_is_refused_and_reported),
        TEST(reports_go_again_to_a_restored_server),
        TEST(an_expired_order_is_refused_and_reported),
        TEST(an_order_signed_as_something_else_is_refused),
        TEST(a_forgery_does_not_touch_the_real_job),
        TEST(another_order_under_a_known_id_is_refused),
        TEST(a_frozen_fleet_takes_the_order_and_does_not_start_it),
        TEST(survives_a_cut_at_every_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
