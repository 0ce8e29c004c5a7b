#include "fake_fleet.h"

#include "clock.h"
#include "envelope.h"
#include "mem.h"
#include "repair.h"
#include "text.h"
#include "wire.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { MACHINES_MAX = 1000, POLL_MS = 300 };

#define YEAR_S INT64_C(31536000)
#define HOUR_MS INT64_C(3600000)

struct fake_machine_row {
    char id[65];
    char stream[40];
    int64_t have;
    char job[JOB_ID_MAX];
    bool acknowledged;     /* the agent has the job */
    struct wire_result last;
};

struct fake_fleet {
    pthread_mutex_t lock;
    struct tls_authority *ca;
    struct tls_identity *identity;
    struct tls_server *server;
    struct sign_key *key;
    char url[60], token[100];
    uint32_t code;
    const char *repair;
    struct fake_machine_row machines[MACHINES_MAX];
    int count;
    struct fake_fleet_seen seen;
};

static int64_t now_ms(void)
{
    return clock_wall_ms(&clock_system);
}

static struct fake_machine_row *row_of(struct fake_fleet *f, const char *id)
{
    for (int i = 0; i < f->count; i++)
        if (strcmp(f->machines[i].id, id) == 0)
            return &f->machines[i];
    return NULL;
}

static void answer_signed(struct fake_fleet *f, const char *type, const struct buf *payload, struct buf *out)
{
    struct err e;
    if (!envelope_sign(f->key, type, buf_slice(payload), out, &e))
        abort();
}

/* Base64 of the order key's SPKI. */
static void order_key_text(const struct fake_fleet *f, struct buf *out)
{
    uint8_t spki[PUBLIC_KEY_BYTES];
    buf_init(out, 200);
    sign_key_public(f->key, spki);
    base64_encode(slice_make(spki, sizeof spki), out);
}

static bool answer_time(struct fake_fleet *f, const struct tls_request *r, struct arena *a, struct buf *out)
{
    struct wire_time_request q;
    struct buf payload, key;
    const char *pins[] = {tls_identity_pin(f->identity)};
    if (!wire_decode_time_request(r->body, a, &q, NULL))
        return false;
    order_key_text(f, &key);
    struct wire_time_answer msg = {.nonce = q.nonce,
                                   .time = now_ms(),
                                   .challenge = "c1",
                                   .tls_pins = pins,
                                   .tls_pins_count = 1,
                                   .order_key = buf_text(&key)};
    buf_init(&payload, 4096);
    wire_encode_time_answer(&msg, &payload);
    answer_signed(f, ENVELOPE_TIME, &payload, out);
    buf_free(&key);
    buf_free(&payload);
    return true;
}

/* The payload, verified by the key it names itself. */
static bool open_enroll(struct slice body, struct arena *a, struct wire_enroll *msg, char id[65])
{
    struct buf payload, spki;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    buf_init(&spki, 200);
    struct verify_key *key = NULL;
    bool ok = envelope_peek(body, ENVELOPE_ENROLL, &payload, NULL) &&
              wire_decode_enroll(buf_slice(&payload), a, msg, NULL) &&
              base64_decode(slice_of(msg->public_key), &spki, NULL) && (key = verify_key_new(buf_slice(&spki), NULL)) &&
              envelope_open(body, ENVELOPE_ENROLL, (const struct verify_key *const[]){key}, 1, &payload, NULL);
    if (ok)
        sha256_hex(buf_slice(&spki), id);
    verify_key_free(key);
    buf_free(&spki);
    buf_free(&payload);
    return ok;
}

static bool answer_enroll(struct fake_fleet *f, const struct tls_request *r, struct arena *a, struct buf *out)
{
    struct wire_enroll q;
    char id[65];
    struct buf key;
    if (!open_enroll(r->body, a, &q, id) || strcmp(q.token, f->token) != 0)
        return false;
    f->seen.enrolments++;
    if (!row_of(f, id)) {
        snprintf(f->machines[f->count++].id, 65, "%s", id);
        f->seen.enrolled++;
    }
    order_key_text(f, &key);
    struct wire_enroll_answer msg = {.machine_id = id, .state = "active", .order_key = buf_text(&key)};
    wire_encode_enroll_answer(&msg, out);
    buf_free(&key);
    return true;
}

static bool answer_session(struct fake_fleet *f, const struct tls_request *r, struct arena *a, struct buf *out)
{
    struct wire_session q;
    struct buf payload;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    bool ok = envelope_peek(r->body, ENVELOPE_SESSION, &payload, NULL) &&
              wire_decode_session(buf_slice(&payload), a, &q, NULL) && row_of(f, q.machine_id);
    if (ok) {
        struct wire_session_answer msg = {.ticket = q.machine_id, .expires = now_ms() + HOUR_MS};
        wire_encode_session_answer(&msg, out);
    }
    buf_free(&payload);
    return ok;
}

/* ---- sync ---- */

static void take_event(struct fake_fleet *f, struct fake_machine_row *m, const struct wire_event *ev)
{
    if (ev->seq <= m->have)
        return;
    m->have = ev->seq;
    f->seen.events++;
    if (strcmp(ev->outcome, "failed") != 0)
        return;
    f->seen.failures++;
    if (f->code && ev->code == f->code && !m->job[0]) {
        random_hex(16, m->job);
        f->seen.ordered++;
    }
}

static void take_result(struct fake_fleet *f, struct fake_machine_row *m, const struct wire_result *r)
{
    if (strcmp(r->job, m->job) != 0)
        return;
    m->acknowledged = true;
    if (m->last.started && r->started && m->last.started != r->started)
        f->seen.started_twice++;
    f->seen.done += (r->result == JOB_RESULT_DONE) - (m->last.result == JOB_RESULT_DONE);
    f->seen.interrupted += (r->result == JOB_RESULT_INTERRUPTED) - (m->last.result == JOB_RESULT_INTERRUPTED);
    f->seen.fixed += (r->verdict == JOB_VERDICT_FIXED) - (m->last.verdict == JOB_VERDICT_FIXED);
    m->last = (struct wire_result){.result = r->result, .verdict = r->verdict, .started = r->started};
}

static void put_order(struct fake_fleet *f, const struct fake_machine_row *m, struct buf *out)
{
    struct buf payload;
    struct wire_order order = {.id = m->job,
                               .op = "run",
                               .repair = f->repair,
                               .class = repair_find(f->repair)->class,
                               .machine_id = m->id,
                               .rollout_id = m->job,
                               .targets_sha256 = m->id,
                               .not_before = now_ms() - HOUR_MS,
                               .not_after = now_ms() + HOUR_MS};
    buf_init(&payload, 8192);
    wire_encode_order(&order, &payload);
    answer_signed(f, ENVELOPE_ORDER, &payload, out);
    buf_free(&payload);
}

static void put_sync_answer(struct fake_fleet *f, struct fake_machine_row *m, const struct wire_sync *q, struct buf *out)
{
    struct wire_next next = {.wait = 50};
    struct wire_sync_answer msg = {.epoch = "e1", .have = m->have, .state = "active", .next = &next};
    const char *acked[50];
    struct buf order;
    struct slice job;
    buf_init(&order, 16384);
    for (size_t i = 0; i < q->results_count; i++)
        acked[msg.acked_results_count++] = q->results[i].job;
    msg.acked_results = acked;
    if (m->job[0] && !m->acknowledged) {
        put_order(f, m, &order);
        job = buf_slice(&order);
        msg.jobs = &job;
        msg.jobs_count = 1;
    }
    wire_encode_sync_answer(&msg, out);
    buf_free(&order);
}

static struct fake_machine_row *row_of_ticket(struct fake_fleet *f, const struct tls_request *r)
{
    char id[65] = "";
    const char *bearer = strstr(r->head, "\r\nAuthorization: Bearer ");
    if (bearer)
        snprintf(id, sizeof id, "%.64s", bearer + 24);
    return row_of(f, id);
}

static bool answer_sync(struct fake_fleet *f, const struct tls_request *r, struct arena *a, struct buf *out)
{
    struct wire_sync q;
    struct fake_machine_row *m = row_of_ticket(f, r);
    if (!m || !wire_decode_sync(r->body, a, &q, NULL))
        return false;
    if (strcmp(m->stream, q.stream) != 0) { /* a new stream counts from its start */
        snprintf(m->stream, sizeof m->stream, "%s", q.stream);
        m->have = 0;
    }
    for (size_t i = 0; i < q.events_count; i++)
        take_event(f, m, &q.events[i]);
    for (size_t i = 0; i < q.results_count; i++)
        take_result(f, m, &q.results[i]);
    for (size_t i = 0; i < q.running_count; i++)
        m->acknowledged |= strcmp(q.running[i], m->job) == 0;
    if (!q.events_count && !q.results_count && !q.facts && !(m->job[0] && !m->acknowledged)) {
        pthread_mutex_unlock(&f->lock);
        nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL); /* the long poll, short */
        pthread_mutex_lock(&f->lock);
    }
    put_sync_answer(f, m, &q, out);
    return true;
}

static void handle(void *ctx, const struct tls_request *r, struct tls_response *out)
{
    static const struct {
        const char *path;
        bool (*answer)(struct fake_fleet *, const struct tls_request *, struct arena *, struct buf *);
    } routes[] = {{"/agent/v1/time", answer_time},
                  {"/agent/v1/enroll", answer_enroll},
                  {"/agent/v1/session", answer_session},
                  {"/agent/v1/sync", answer_sync}};
    struct fake_fleet *f = ctx;
    struct arena a = {0};
    out->status = 404;
    pthread_mutex_lock(&f->lock);
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (strncmp(r->path, routes[i].path, strlen(routes[i].path)) == 0)
            out->status = routes[i].answer(f, r, &a, &out->body) ? 200 : 403;
    pthread_mutex_unlock(&f->lock);
    arena_free(&a);
}

struct fake_fleet *fake_fleet_new(const char *token, uint32_t code, const char *repair)
{
    struct fake_fleet *f = mem_zalloc(sizeof *f);
    pthread_mutex_init(&f->lock, NULL);
    f->ca = tls_authority_new("Fleet CA");
    f->identity = tls_identity_new(f->ca, "localhost", 0, 200 * YEAR_S);
    f->key = sign_key_generate(NULL);
    f->code = code;
    f->repair = repair;
    snprintf(f->token, sizeof f->token, "%s", token);
    f->server = tls_server_new(f->identity, handle, f);
    snprintf(f->url, sizeof f->url, "https://localhost:%d", tls_server_port(f->server));
    return f;
}

void fake_fleet_free(struct fake_fleet *f)
{
    tls_server_free(f->server);
    tls_identity_free(f->identity);
    tls_authority_free(f->ca);
    sign_key_free(f->key);
    pthread_mutex_destroy(&f->lock);
    mem_free(f);
}

const char *fake_fleet_url(const struct fake_fleet *f)
{
    return f->url;
}

const char *fake_fleet_ca(const struct fake_fleet *f)
{
    return tls_authority_pem(f->ca);
}

struct fake_fleet_seen fake_fleet_seen(struct fake_fleet *f)
{
    pthread_mutex_lock(&f->lock);
    struct fake_fleet_seen seen = f->seen;
    pthread_mutex_unlock(&f->lock);
    return seen;
}
