#include "bench_fleet.h"

#include "bench_measure.h"
#include "envelope.h"
#include "mem.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

enum { REQUEST_MAX = 64 * 1024, LONG_POLL_S = 110 };

static int64_t wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct fleet *fleet_new(size_t count)
{
    struct fleet *f = mem_zalloc(sizeof *f);
    f->machines = mem_zalloc(count * sizeof *f->machines);
    f->count = count;
    random_hex(16, f->boot_id);
    for (size_t i = 0; i < count; i++) {
        f->machines[i].fleet = f;
        random_hex(16, f->machines[i].stream);
    }
    return f;
}

void fleet_free(struct fleet *f)
{
    for (size_t i = 0; i < f->count; i++)
        mem_free(f->machines[i].ticket);
    mem_free(f->machines);
    mem_free(f);
}

/* ---- enrolment: time, enroll, session, one after the other on one link; many links side by side ---- */

struct enrolment {
    struct fleet *fleet;
    const char *token;
    struct link *link;
    size_t *next, *left; /* shared: the machine to begin with, and how many are not done */
    struct machine *machine;
    struct sign_key *key;
    char challenge[201];
};

static void enrol_next(struct enrolment *);

static void post(struct enrolment *n, const char *path, const struct buf *body, answer_fn *fn)
{
    if (body->full)
        bench_fail("%s: the request is too large", path);
    link_request(n->link, &(struct request){"POST", path, NULL, buf_slice(body)}, fn, n);
}

static void must(const struct answer *a, bool ok, const char *what, const struct err *e)
{
    if (a->status != 200 || !ok)
        bench_fail("%s: status %d, %s%.*s", what, a->status, e->text, SLICE_ARG(a->body));
}

static void sign_and_post(struct enrolment *n, const char *path, const char *type, const struct buf *payload,
                          answer_fn *fn)
{
    struct err e = {0};
    struct buf envelope;
    buf_init(&envelope, REQUEST_MAX);
    if (!envelope_sign(n->key, type, buf_slice(payload), &envelope, &e))
        bench_fail("%s: %s", path, e.text);
    post(n, path, &envelope, fn);
    buf_free(&envelope);
}

static void on_session(void *ctx, struct link *l, const struct answer *a)
{
    struct enrolment *n = ctx;
    struct arena arena = {0};
    struct err e = {0};
    struct wire_session_answer msg;
    (void)l;
    must(a, a->status == 200 && wire_decode_session_answer(a->body, &arena, &msg, &e), "session", &e);
    n->machine->ticket = mem_strdup(msg.ticket);
    arena_free(&arena);
    sign_key_free(n->key);
    --*n->left;
    enrol_next(n);
}

static void on_enrolled(void *ctx, struct link *l, const struct answer *a)
{
    struct enrolment *n = ctx;
    struct arena arena = {0};
    struct err e = {0};
    struct wire_enroll_answer msg;
    (void)l;
    must(a, a->status == 200 && wire_decode_enroll_answer(a->body, &arena, &msg, &e), "enroll", &e);
    snprintf(n->machine->id, sizeof n->machine->id, "%s", msg.machine_id);
    arena_free(&arena);
    struct wire_session claim = {.machine_id = n->machine->id, .challenge = n->challenge};
    struct buf payload;
    buf_init(&payload, REQUEST_MAX);
    wire_encode_session(&claim, &payload);
    sign_and_post(n, "/agent/v1/session", ENVELOPE_SESSION, &payload, on_session);
    buf_free(&payload);
}

static void enrol(struct enrolment *n)
{
    char name[32];
    uint8_t spki[PUBLIC_KEY_BYTES];
    struct buf key_text, payload;
    buf_init(&key_text, 200);
    buf_init(&payload, REQUEST_MAX);
    sign_key_public(n->key, spki);
    base64_encode(slice_make(spki, sizeof spki), &key_text);
    snprintf(name, sizeof name, "BENCH-%06zu", (size_t)(n->machine - n->fleet->machines));
    struct wire_facts facts = {.name = name,
                               .domain = "bench.example",
                               .site = "Loopback",
                               .os = "Windows 10 Pro",
                               .build = "19045.3803",
                               .edition = "Professional",
                               .arch = "x64",
                               .role = "client",
                               .update_manager = "wsus",
                               .update_server = "http://wsus.bench.example:8530",
                               .model = "OptiPlex 7010",
                               .time_zone = "W. Europe Standard Time",
                               .locale = "de-DE",
                               .simulated = true,
                               .free_disk_mb = 51200};
    struct wire_enroll msg = {
        .token = n->token, .public_key = buf_text(&key_text), .challenge = n->challenge, .machine = &facts};
    wire_encode_enroll(&msg, &payload);
    sign_and_post(n, "/agent/v1/enroll", ENVELOPE_ENROLL, &payload, on_enrolled);
    buf_free(&key_text);
    buf_free(&payload);
}

static void on_time(void *ctx, struct link *l, const struct answer *a)
{
    struct enrolment *n = ctx;
    struct arena arena = {0};
    struct err e = {0};
    struct buf payload;
    struct wire_time_answer msg;
    (void)l;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    /* Who signed it is not the question here. */
    must(a,
         a->status == 200 && envelope_peek(a->body, ENVELOPE_TIME, &payload, &e) &&
             wire_decode_time_answer(buf_slice(&payload), &arena, &msg, &e),
         "time", &e);
    snprintf(n->challenge, sizeof n->challenge, "%s", msg.challenge);
    buf_free(&payload);
    arena_free(&arena);
    n->key = sign_key_generate(&e);
    if (!n->key)
        bench_fail("%s", e.text);
    enrol(n);
}

static void enrol_next(struct enrolment *n)
{
    if (*n->next == n->fleet->count)
        return;
    n->machine = &n->fleet->machines[(*n->next)++];
    struct wire_time_request msg = {.nonce = n->machine->stream};
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    wire_encode_time_request(&msg, &body);
    post(n, "/agent/v1/time", &body, on_time);
    buf_free(&body);
}

struct fleet *fleet_enrol(struct client *c, const char *token, size_t count, size_t links)
{
    struct fleet *f = fleet_new(count);
    struct enrolment *all = mem_zalloc(links * sizeof *all);
    size_t next = 0, left = count;
    for (size_t i = 0; i < links; i++) {
        all[i] =
            (struct enrolment){.fleet = f, .token = token, .link = link_new(c), .next = &next, .left = &left};
        enrol_next(&all[i]);
    }
    client_run_until_zero(c, &left);
    mem_free(all);
    return f;
}

/* ---- the file: "ID TICKET" a line ---- */

void fleet_save(const struct fleet *f, const char *path)
{
    FILE *out = fopen(path, "w");
    bool ok = out;
    for (size_t i = 0; ok && i < f->count; i++)
        ok = fprintf(out, "%s %s\n", f->machines[i].id, f->machines[i].ticket) > 0;
    if (!out || fclose(out) != 0 || !ok)
        bench_fail("%s can't be written", path);
}

struct fleet *fleet_load(const char *path, size_t max)
{
    char ticket[401];
    FILE *in = fopen(path, "r");
    if (!in)
        bench_fail("%s can't be read", path);
    struct fleet *f = fleet_new(max);
    for (size_t i = 0; i < max; i++) {
        if (fscanf(in, "%64s %400s", f->machines[i].id, ticket) != 2)
            bench_fail("%s holds only %zu of %zu machines", path, i, max);
        f->machines[i].ticket = mem_strdup(ticket);
    }
    fclose(in);
    return f;
}

/* ---- syncs ---- */

static void encode_sync(const struct machine *m, struct wire_event *event, struct wire_result *result,
                        struct buf *out)
{
    struct wire_agent agent = {.version = "0.1.0", .boot_id = m->fleet->boot_id, .time = wall_ms()};
    struct wire_sync msg = {.agent = &agent,
                            .stream = m->stream,
                            .events = event,
                            .events_count = event != NULL,
                            .results = result,
                            .results_count = result != NULL};
    wire_encode_sync(&msg, out);
    if (out->full)
        bench_fail("sync: too large");
}

void fleet_report(const struct fleet *f, struct machine *m, struct buf *out)
{
    (void)f;
    struct wire_event event = {.seq = ++m->seq,
                               .outcome = "failed",
                               .code = 0x80070002,
                               .phase = "download",
                               .source = "reporting_events",
                               .time = wall_ms(),
                               .update_id = "5e7b1f8a-6f0c-4a0e-9d3c-2f1b6c7d8e9f",
                               .revision = 201,
                               .kb = "KB5034441"};
    encode_sync(m, &event, NULL, out);
}

static void on_sync(void *ctx, struct link *, const struct answer *);

static void sync_machine(struct machine *m, struct wire_result *result)
{
    char path[40];
    struct buf body;
    buf_init(&body, REQUEST_MAX);
    encode_sync(m, NULL, result, &body);
    snprintf(path, sizeof path, "/agent/v1/sync?wait=%d", LONG_POLL_S);
    m->reporting = result != NULL;
    link_request(m->link, &(struct request){"POST", path, m->ticket, buf_slice(&body)}, on_sync, m);
    buf_free(&body);
}

static void send_result(struct machine *m)
{
    struct wire_result result = {
        .job = m->job,
        .rev = 1,
        .state = JOB_DONE,
        .result = JOB_RESULT_DONE,
        .verdict = JOB_VERDICT_UNKNOWN,
        .verdict_reason = "measured, not repaired",
        .started = wall_ms(),
        .ended = wall_ms(),
        .output = "1. scan: asked Windows Update for a new scan\n2. scan: it ended with 0x00000000\n",
    };
    sync_machine(m, &result);
}

static void read_order(struct machine *m, struct slice envelope, struct arena *a)
{
    struct err e = {0};
    struct wire_order order;
    struct buf payload;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    if (!envelope_peek(envelope, ENVELOPE_ORDER, &payload, &e) ||
        !wire_decode_order(buf_slice(&payload), a, &order, &e))
        bench_fail("order: %s", e.text);
    snprintf(m->job, sizeof m->job, "%s", order.id);
    buf_free(&payload);
}

static void on_sync(void *ctx, struct link *l, const struct answer *a)
{
    struct machine *m = ctx;
    struct fleet *f = m->fleet;
    struct arena arena = {0};
    struct err e = {0};
    struct wire_sync_answer msg;
    (void)l;
    if (a->status != 200 || !wire_decode_sync_answer(a->body, &arena, &msg, &e)) {
        f->failed++;
        bench_say("sync: status %d %s", a->status, e.text);
        sync_machine(m, NULL);
        return;
    }
    if (m->reporting && msg.acked_results_count == 1 && strcmp(msg.acked_results[0], m->job) == 0 &&
        f->stored)
        f->stored(f->ctx, m);
    if (msg.jobs_count) {
        m->delivered_ns = a->at_ns;
        read_order(m, msg.jobs[0], &arena);
        if (f->ordered)
            f->ordered(f->ctx, m);
        send_result(m);
    } else {
        sync_machine(m, NULL);
    }
    arena_free(&arena);
}

void fleet_park(struct fleet *f, struct client *c)
{
    f->client = c;
    for (size_t i = 0; i < f->count; i++) {
        f->machines[i].link = link_new(c);
        sync_machine(&f->machines[i], NULL);
    }
    while (client_unsent(c))
        client_step(c, 1000);
}

char *fleet_login(struct client *c, const char *user, const char *password_file)
{
    char password[256] = "";
    FILE *in = fopen(password_file, "r");
    if (!in || !fgets(password, sizeof password, in))
        bench_fail("%s can't be read", password_file);
    fclose(in);
    password[strcspn(password, "\r\n")] = '\0';
    struct err e = {0};
    struct buf body, answer;
    buf_init(&body, REQUEST_MAX);
    buf_init(&answer, REQUEST_MAX);
    struct json_writer w = {.out = &body};
    json_begin(&w, '{');
    json_member_string(&w, "user", user);
    json_member_string(&w, "password", password);
    json_end(&w, '}');
    client_ask(c, &(struct request){"POST", "/api/v1/login", NULL, buf_slice(&body)}, &answer);
    struct json *j = json_parse(buf_slice(&answer), &e);
    struct slice token;
    if (!json_string(json_get(j, "token"), &token))
        bench_fail("login: no token in the answer");
    char *copy = mem_strndup(token.p, token.n);
    json_free(j);
    buf_free(&body);
    buf_free(&answer);
    return copy;
}
