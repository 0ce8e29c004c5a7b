#include "challenges.h"
#include "envelope.h"
#include "fleet.h"
#include "mem.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { WALL = 1769846400, LIFE_MS = 120 * 1000 };

struct rig {
    struct clock_fake clock;
    struct fleet fleet;
    struct verify_key *order_key;
    struct arena arena;
};

static int setup(void **state)
{
    struct rig *r = mem_zalloc(sizeof *r);
    clock_fake_init(&r->clock, WALL * INT64_C(1000), 7000);
    r->fleet.clock = &r->clock.clock;
    r->fleet.order_key = sign_key_generate(NULL);
    r->fleet.challenges = challenges_new(64);
    r->fleet.time_epoch = 3;
    snprintf(r->fleet.tls_pins[0], PIN_TEXT_MAX, "sha256//pin");
    r->fleet.tls_pin_count = 1;
    random_bytes(r->fleet.ticket_key, sizeof r->fleet.ticket_key);
    uint8_t spki[PUBLIC_KEY_BYTES];
    sign_key_public(r->fleet.order_key, spki);
    r->order_key = verify_key_new(slice_make(spki, sizeof spki), NULL);
    struct buf text;
    buf_init(&text, 200);
    base64_encode(slice_make(spki, sizeof spki), &text);
    snprintf(r->fleet.order_spki, sizeof r->fleet.order_spki, "%s", buf_text(&text));
    buf_free(&text);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    sign_key_free(r->fleet.order_key);
    verify_key_free(r->order_key);
    challenges_free(r->fleet.challenges);
    arena_free(&r->arena);
    mem_free(r);
    return 0;
}

/* The payload of an envelope by the order key, or NULL. */
static const char *open_by(struct rig *r, const struct verify_key *key, const char *type, const struct buf *envelope)
{
    struct buf payload;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    bool ok = envelope_open(buf_slice(envelope), type, &key, 1, &payload, NULL);
    const char *text = ok ? arena_strdup(&r->arena, buf_text(&payload)) : NULL;
    buf_free(&payload);
    return text;
}

static const char *challenge_of(struct rig *r)
{
    struct wire_time_request q = {.nonce = "n"};
    struct wire_time_answer a;
    struct buf out;
    buf_init(&out, ENVELOPE_MAX);
    assert_true(fleet_time(&r->fleet, &q, &out, NULL));
    const char *payload = open_by(r, r->order_key, ENVELOPE_TIME, &out);
    assert_non_null(payload);
    assert_true(wire_decode_time_answer(slice_of(payload), &r->arena, &a, NULL));
    buf_free(&out);
    return a.challenge;
}

static const char *ticket_of(struct rig *r, const char *machine, int64_t expires_ms)
{
    struct buf out;
    buf_init(&out, 400);
    fleet_ticket_make(&r->fleet, machine, expires_ms, &out);
    const char *ticket = arena_strdup(&r->arena, buf_text(&out));
    assert_true(buf_check(&out, "ticket", NULL));
    buf_free(&out);
    return ticket;
}

static void assert_denied(bool ok, const struct err *e, const char *words)
{
    assert_false(ok);
    assert_int_equal(e->kind, ERR_DENIED);
    if (!strstr(e->text, words))
        fail_msg("the error does not say \"%s\": %s", words, e->text);
}

/* ---- time ---- */

static void the_time_is_signed_by_the_order_key(void **state)
{
    struct rig *r = *state;
    struct wire_time_request q = {.nonce = "my nonce"};
    struct wire_time_answer a;
    struct buf out;
    buf_init(&out, ENVELOPE_MAX);
    assert_true(fleet_time(&r->fleet, &q, &out, NULL));
    const char *payload = open_by(r, r->order_key, ENVELOPE_TIME, &out);
    assert_non_null(payload);
    assert_null(open_by(r, r->order_key, ENVELOPE_ORDER, &out));
    struct sign_key *other = sign_key_generate(NULL);
    uint8_t spki[PUBLIC_KEY_BYTES];
    sign_key_public(other, spki);
    struct verify_key *stranger = verify_key_new(slice_make(spki, sizeof spki), NULL);
    assert_null(open_by(r, stranger, ENVELOPE_TIME, &out));
    assert_true(wire_decode_time_answer(slice_of(payload), &r->arena, &a, NULL));
    assert_string_equal(a.nonce, "my nonce");
    assert_int_equal(a.time, WALL * INT64_C(1000));
    assert_int_equal(a.time_epoch, 3);
    assert_int_equal(a.tls_pins_count, 1);
    assert_string_equal(a.tls_pins[0], "sha256//pin");
    assert_string_equal(a.order_key, r->fleet.order_spki);
    verify_key_free(stranger);
    sign_key_free(other);
    buf_free(&out);
}

static void nothing_is_signed_while_the_clock_is_doubtful(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    struct offer o = {.op = "run", .repair = "cache_reset", .params = "{}"};
    struct buf out;
    char machine[65];
    buf_init(&out, ENVELOPE_MAX);
    const char *ticket = ticket_of(r, "m", r->clock.wall + 1);
    r->fleet.clock_doubtful = true;
    assert_false(fleet_time(&r->fleet, &(struct wire_time_request){.nonce = "n"}, &out, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(e.text, "clock accept"));
    assert_false(fleet_order_sign(&r->fleet, "m", &o, &out, &e));
    assert_int_equal(e.kind, ERR_UNAVAILABLE);
    assert_int_equal(out.n, 0);
    assert_true(fleet_ticket_check(&r->fleet, ticket, machine, NULL)); /* reports still come in */
    buf_free(&out);
}

/* ---- challenges ---- */

static void a_challenge_is_used_once(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    const char *one = challenge_of(r), *two = challenge_of(r);
    assert_string_not_equal(one, two);
    assert_true(fleet_challenge_check(&r->fleet, one, NULL));
    assert_true(fleet_challenge_check(&r->fleet, one, NULL));
    assert_true(fleet_challenge_use(&r->fleet, one, NULL));
    assert_denied(fleet_challenge_use(&r->fleet, one, &e), &e, "used already");
    assert_true(fleet_challenge_use(&r->fleet, two, NULL));
    clock_fake_advance(&r->clock, LIFE_MS - 1);
    assert_denied(fleet_challenge_use(&r->fleet, one, &e), &e, "used already");
    clock_fake_advance(&r->clock, 1);
    assert_denied(fleet_challenge_use(&r->fleet, one, &e), &e, "expired");
}

static void a_challenge_lives_two_minutes(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    const char *one = challenge_of(r), *two = challenge_of(r);
    clock_fake_advance(&r->clock, LIFE_MS - 1);
    assert_true(fleet_challenge_use(&r->fleet, one, NULL));
    clock_fake_advance(&r->clock, 1);
    assert_denied(fleet_challenge_use(&r->fleet, two, &e), &e, "expired");
    assert_denied(fleet_challenge_check(&r->fleet, two, &e), &e, "expired");
}

static void a_wall_clock_set_back_does_not_let_a_challenge_be_used_again(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    const char *one = challenge_of(r);
    assert_true(fleet_challenge_use(&r->fleet, one, NULL));
    clock_fake_advance(&r->clock, LIFE_MS + 1000);
    r->clock.wall -= 1800 * 1000; /* less than the jump that makes the clock doubtful */
    assert_false(fleet_challenge_use(&r->fleet, one, &e));
    assert_int_equal(e.kind, ERR_DENIED);
}

static void a_restarted_server_takes_no_earlier_challenge(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    const char *one = challenge_of(r);
    challenges_free(r->fleet.challenges);
    r->fleet.challenges = challenges_new(64);
    assert_denied(fleet_challenge_use(&r->fleet, one, &e), &e, "from before");
    assert_denied(fleet_challenge_check(&r->fleet, one, &e), &e, "from before");
}

static void a_full_table_refuses_rather_than_forgets(void **state)
{
    (void)state;
    struct challenges *c = challenges_new(1);
    char text[20];
    int taken = 0;
    for (int i = 0; i < 100; i++) {
        snprintf(text, sizeof text, "c%d", i);
        taken += challenges_use(c, text, 1000, 500);
    }
    assert_in_range(taken, 1, 99);
    for (int i = 0; i < taken; i++) {
        snprintf(text, sizeof text, "c%d", i);
        assert_false(challenges_use(c, text, 1499, 500));
    }
    assert_true(challenges_use(c, "new", 1500, 500)); /* their time is over */
    assert_false(challenges_use(c, "new", 1999, 500));
    assert_true(challenges_use(c, "new", 2000, 500));
    challenges_free(c);
    challenges_free(NULL);
}

/* ---- tickets ---- */

static void a_ticket_names_its_machine_until_it_expires(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    static const char id[] = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    char machine[65] = "";
    const char *ticket = ticket_of(r, id, r->clock.wall + 1000);
    assert_true(fleet_ticket_check(&r->fleet, ticket, machine, &e));
    assert_string_equal(machine, id);
    clock_fake_advance(&r->clock, 999);
    assert_true(fleet_ticket_check(&r->fleet, ticket, machine, &e));
    clock_fake_advance(&r->clock, 1);
    assert_denied(fleet_ticket_check(&r->fleet, ticket, machine, &e), &e, "expired");
}

static void no_byte_of_a_proof_can_be_changed(void **state)
{
    struct rig *r = *state;
    char machine[65];
    const char *proofs[] = {ticket_of(r, "machine", r->clock.wall + 1000), challenge_of(r)};
    for (size_t i = 0; i < COUNT(proofs); i++) {
        size_t n = strlen(proofs[i]);
        char *copy = arena_strdup(&r->arena, proofs[i]);
        for (size_t k = 0; k < n; k++)
            for (int bit = 1; bit < 0x80; bit <<= 1) {
                copy[k] = (char)(proofs[i][k] ^ bit);
                struct err e = {0};
                if (copy[k])
                    assert_denied(i ? fleet_challenge_check(&r->fleet, copy, &e)
                                    : fleet_ticket_check(&r->fleet, copy, machine, &e),
                                  &e, "");
                copy[k] = proofs[i][k];
            }
        for (size_t k = 0; k < n; k++) {
            struct err e = {0};
            const char *cut = arena_strndup(&r->arena, proofs[i], k);
            assert_denied(fleet_ticket_check(&r->fleet, cut, machine, &e), &e, "");
            assert_denied(fleet_challenge_check(&r->fleet, cut, &e), &e, "");
        }
    }
}

static void made_up_proofs_are_denied(void **state)
{
    struct rig *r = *state;
    char machine[65], *longest = mem_zalloc(5000);
    memset(longest, 'a', 4999);
    longest[4000] = '.';
    const char *texts[] = {"", ".", "..", "...", "x", "9999999999999.m", "9999999999999.m.", "9999999999999..",
                           "9999999999999.m.0000000000000000000000000000000000000000000000000000000000000000", longest};
    for (size_t i = 0; i < COUNT(texts); i++) {
        struct err e = {0};
        assert_denied(fleet_ticket_check(&r->fleet, texts[i], machine, &e), &e, "not one of this server");
        assert_denied(fleet_challenge_use(&r->fleet, texts[i], &e), &e, "not one of this server");
    }
    mem_free(longest);
}

static void a_proof_serves_its_own_purpose_only(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    char machine[65];
    const char *ticket = ticket_of(r, "m", r->clock.wall + 1000), *challenge = challenge_of(r);
    assert_denied(fleet_challenge_use(&r->fleet, ticket, &e), &e, "not one of this server");
    assert_denied(fleet_challenge_check(&r->fleet, ticket, &e), &e, "not one of this server");
    assert_denied(fleet_ticket_check(&r->fleet, challenge, machine, &e), &e, "not one of this server");
}

static void the_proofs_of_another_server_are_denied(void **state)
{
    struct rig *r = *state;
    struct err e = {0};
    char machine[65];
    const char *ticket = ticket_of(r, "m", r->clock.wall + 1000), *challenge = challenge_of(r);
    r->fleet.ticket_key[31] ^= 1;
    assert_denied(fleet_ticket_check(&r->fleet, ticket, machine, &e), &e, "not one of this server");
    assert_denied(fleet_challenge_use(&r->fleet, challenge, &e), &e, "not one of this server");
}

/* ---- orders ---- */

static void sign_and_read(struct rig *r, const struct offer *o, struct wire_order *order)
{
    struct err e = {0};
    struct buf out;
    buf_init(&out, 8192);
    if (!fleet_order_sign(&r->fleet, "machine", o, &out, &e))
        fail_msg("%s", e.text);
    const char *payload = open_by(r, r->order_key, ENVELOPE_ORDER, &out);
    assert_non_null(payload);
    assert_true(wire_decode_order(slice_of(payload), &r->arena, order, &e));
    buf_free(&out);
}

static void an_order_says_what_the_job_says(void **state)
{
    struct rig *r = *state;
    struct wire_order w;
    struct offer o = {.job = "j", .rollout = "r", .op = "run", .repair = "install_package",
                      .params = (char[]){"{\"kb\":\"KB5000001\",\"x\":\"y\\n\"}"}, .repair_class = 1, .targets_sha256 = "t",
                      .created_ms = WALL * INT64_C(1000) - 5, .expires_ms = WALL * INT64_C(1000) + 5, .dry_run = true,
                      .code = 0x80070002, .phase = "scan", .update_key = "u", .reason = "why"};
    sign_and_read(r, &o, &w);
    assert_string_equal(w.id, "j");
    assert_string_equal(w.rollout_id, "r");
    assert_string_equal(w.op, "run");
    assert_string_equal(w.repair, "install_package");
    assert_string_equal(w.machine_id, "machine");
    assert_string_equal(w.targets_sha256, "t");
    assert_string_equal(w.phase, "scan");
    assert_string_equal(w.update_id, "u");
    assert_string_equal(w.reason, "why");
    assert_int_equal(w.class, 1);
    assert_int_equal(w.code, 0x80070002);
    assert_true(w.dry_run);
    assert_int_equal(w.params_count, 2);
    assert_string_equal(w.params[0].key, "kb");
    assert_string_equal(w.params[0].value, "KB5000001");
    assert_string_equal(w.params[1].value, "y\n");
    assert_true(w.not_before <= o.created_ms);
    assert_int_equal(w.not_after, o.expires_ms);
}

static void an_order_lives_14_days_at_most(void **state)
{
    struct rig *r = *state;
    struct wire_order w;
    int64_t now = WALL * INT64_C(1000), fortnight = INT64_C(14) * 24 * 3600 * 1000;
    struct offer o = {.job = "j", .op = "run", .repair = "cache_reset", .params = (char[]){"{}"}, .created_ms = now,
                      .expires_ms = now + fortnight - 1};
    sign_and_read(r, &o, &w);
    assert_int_equal(w.not_after, now + fortnight - 1);
    o.expires_ms = now + fortnight + 1;
    sign_and_read(r, &o, &w);
    assert_int_equal(w.not_after, now + fortnight);
    assert_int_equal(w.params_count, 0);
}

static void ids_are_fresh_job_ids(void **state)
{
    (void)state;
    char a[JOB_ID_MAX], b[JOB_ID_MAX];
    fleet_new_id(a);
    fleet_new_id(b);
    assert_true(job_id_valid(a) && job_id_valid(b));
    assert_string_not_equal(a, b);
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(the_time_is_signed_by_the_order_key),
        RIGGED(nothing_is_signed_while_the_clock_is_doubtful),
        RIGGED(a_challenge_is_used_once),
        RIGGED(a_challenge_lives_two_minutes),
        RIGGED(a_wall_clock_set_back_does_not_let_a_challenge_be_used_again),
        RIGGED(a_restarted_server_takes_no_earlier_challenge),
        cmocka_unit_test(a_full_table_refuses_rather_than_forgets),
        RIGGED(a_ticket_names_its_machine_until_it_expires),
        RIGGED(no_byte_of_a_proof_can_be_changed),
        RIGGED(made_up_proofs_are_denied),
        RIGGED(a_proof_serves_its_own_purpose_only),
        RIGGED(the_proofs_of_another_server_are_denied),
        RIGGED(an_order_says_what_the_job_says),
        RIGGED(an_order_lives_14_days_at_most),
        cmocka_unit_test(ids_are_fresh_job_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
