/* Signed time, challenges, tickets and orders: everything the order key and the ticket key are used for. */
#include "fleet.h"

#include "challenges.h"
#include "envelope.h"
#include "mem.h"
#include "repair.h"
#include "text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    CHALLENGE_LIFE_MS = 120 * 1000,
    CHALLENGE_UNIQUE_BYTES = CHALLENGES_RUN_MAX + 32,
    ORDER_LIFE_MS = 14 * 24 * 3600 * 1000,
    NOT_BEFORE_SLACK_MS = 60 * 1000
};

void fleet_new_id(char out[JOB_ID_MAX])
{
    random_hex(16, out);
}

/* "<expires>.<random or id>.<mac>": what is said, and a proof that this server said it. */
static void mac_text(const struct fleet *f, const char *kind, const char *said, char out[65])
{
    char message[256];
    snprintf(message, sizeof message, "%s|%s", kind, said);
    uint8_t mac[SHA256_BYTES];
    hmac_sha256(slice_make(f->ticket_key, sizeof f->ticket_key), slice_of(message), mac);
    hex_encode(mac, sizeof mac, out);
}

static void make_proof(const struct fleet *f, const char *kind, int64_t expires_ms, const char *id,
                       struct buf *out)
{
    char said[128], mac[65];
    snprintf(said, sizeof said, "%" PRId64 ".%s", expires_ms, id);
    mac_text(f, kind, said, mac);
    buf_printf(out, "%s.%s", said, mac);
}

static bool check_proof(const struct fleet *f, const char *kind, const char *proof, int64_t now_ms, char *id,
                        size_t id_size, struct err *e)
{
    const char *last = strrchr(proof, '.');
    size_t said_n = last ? (size_t)(last - proof) : 0;
    char said[128], mac[65];
    if (!last || said_n >= sizeof said)
        return err_set(e, ERR_DENIED, "%s: not one of this server", kind);
    memcpy(said, proof, said_n);
    said[said_n] = '\0';
    mac_text(f, kind, said, mac);
    if (!secret_equal(slice_of(mac), slice_of(last + 1)))
        return err_set(e, ERR_DENIED, "%s: not one of this server", kind);
    char *dot;
    int64_t expires_ms = strtoll(said, &dot, 10);
    if (*dot != '.' || expires_ms <= now_ms)
        return err_set(e, ERR_DENIED, "%s: expired", kind);
    snprintf(id, id_size, "%s", dot + 1);
    return true;
}

/* A challenge lives by ticks, as does the memory of those used: a wall clock set back revives none. Ticks
 * mean nothing to another run of the server, and neither does that memory, so the run is part of the
 * challenge. */
static void make_challenge(const struct fleet *f, struct buf *out)
{
    char unique[CHALLENGE_UNIQUE_BYTES] = "";
    size_t n = (size_t)snprintf(unique, sizeof unique, "%s", challenges_run(f->challenges));
    random_hex(16, unique + n);
    make_proof(f, "challenge", clock_ticks_ms(f->clock) + CHALLENGE_LIFE_MS, unique, out);
}

static bool check_challenge(const struct fleet *f, const char *challenge, char unique[CHALLENGE_UNIQUE_BYTES],
                            struct err *e)
{
    const char *run = challenges_run(f->challenges);
    if (!check_proof(f, "challenge", challenge, clock_ticks_ms(f->clock), unique, CHALLENGE_UNIQUE_BYTES, e))
        return false;
    return strncmp(unique, run, strlen(run)) == 0 ||
           err_set(e, ERR_DENIED, "challenge: from before the server was started");
}

bool fleet_time(struct fleet *f, const struct wire_time_request *q, struct buf *out, struct err *e)
{
    if (f->clock_doubtful)
        return err_set(
            e, ERR_UNAVAILABLE,
            "the server's clock jumped by more than an hour; run `fleetmend-server clock accept` there");
    const char *pins[FLEET_PINS_MAX];
    for (int i = 0; i < f->tls_pin_count; i++)
        pins[i] = f->tls_pins[i];
    int64_t now = clock_wall_ms(f->clock);
    struct buf challenge, payload;
    buf_init(&challenge, 200);
    buf_init(&payload, 4096);
    make_challenge(f, &challenge);
    struct wire_time_answer a = {.nonce = q->nonce,
                                 .time = now,
                                 .challenge = buf_text(&challenge),
                                 .tls_pins = pins,
                                 .tls_pins_count = (size_t)f->tls_pin_count,
                                 .order_key = f->order_spki,
                                 .time_epoch = f->time_epoch};
    wire_encode_time_answer(&a, &payload);
    bool ok = envelope_sign(f->order_key, ENVELOPE_TIME, buf_slice(&payload), out, e);
    buf_free(&challenge);
    buf_free(&payload);
    return ok;
}

bool fleet_challenge_check(struct fleet *f, const char *challenge, struct err *e)
{
    char unique[CHALLENGE_UNIQUE_BYTES];
    return check_challenge(f, challenge, unique, e);
}

bool fleet_challenge_use(struct fleet *f, const char *challenge, struct err *e)
{
    char unique[CHALLENGE_UNIQUE_BYTES];
    if (!check_challenge(f, challenge, unique, e))
        return false;
    return challenges_use(f->challenges, unique, clock_ticks_ms(f->clock), CHALLENGE_LIFE_MS) ||
           err_set(e, ERR_DENIED, "challenge: used already");
}

void fleet_ticket_make(struct fleet *f, const char *machine_id, int64_t expires_ms, struct buf *out)
{
    make_proof(f, "ticket", expires_ms, machine_id, out);
}

bool fleet_ticket_check(struct fleet *f, const char *ticket, char machine_id[65], struct err *e)
{
    return check_proof(f, "ticket", ticket, clock_wall_ms(f->clock), machine_id, 65, e);
}

/* Parameters are stored as the JSON object they travel as. */
static void params_of(const struct offer *o, struct arena *a, struct wire_order *order)
{
    struct json *j = json_parse(slice_of(o->params), NULL);
    order->params = arena_alloc(a, (json_count(j) + 1) * sizeof *order->params);
    for (const struct json *v = json_first(j); v; v = json_next(v)) {
        struct slice s;
        if (json_string(v, &s))
            order->params[order->params_count++] =
                (struct wire_pair){arena_strdup(a, json_key(v)), arena_strndup(a, s.p, s.n)};
    }
    json_free(j);
}

bool fleet_order_sign(struct fleet *f, const char *machine_id, const struct offer *o, struct buf *out,
                      struct err *e)
{
    int64_t now = clock_wall_ms(f->clock);
    if (f->clock_doubtful)
        return err_set(e, ERR_UNAVAILABLE, "the server's clock is doubtful: nothing is signed");
    struct arena a = {0};
    struct wire_order order = {
        .id = o->job,
        .op = o->op,
        .repair = o->repair,
        .class = o->repair_class,
        .machine_id = machine_id,
        .rollout_id = o->rollout,
        .targets_sha256 = o->targets_sha256,
        .not_before = o->created_ms - NOT_BEFORE_SLACK_MS,
        .not_after = o->expires_ms < now + ORDER_LIFE_MS ? o->expires_ms : now + ORDER_LIFE_MS,
        .dry_run = o->dry_run,
        .code = o->code,
        .phase = o->phase,
        .update_id = o->update_key,
        .reason = o->reason,
    };
    params_of(o, &a, &order);
    struct buf payload;
    buf_init(&payload, 4096);
    wire_encode_order(&order, &payload);
    bool ok = buf_check(&payload, "order", e) &&
              envelope_sign(f->order_key, ENVELOPE_ORDER, buf_slice(&payload), out, e);
    buf_free(&payload);
    arena_free(&a);
    return ok;
}
