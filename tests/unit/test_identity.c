#include "identity.h"

#include "backoff.h"
#include "fake_machine.h"
#include "mem.h"
#include "trusted_time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

struct world {
    struct fake_machine fake;
    struct agent_config config;
};

static int set_up(void **state)
{
    struct world *w = mem_zalloc(sizeof *w);
    fake_machine_init(&w->fake);
    *state = w;
    return 0;
}

static int tear_down(void **state)
{
    struct world *w = *state;
    fake_machine_free(&w->fake);
    agent_config_free(&w->config);
    mem_free(w);
    return 0;
}

static struct identity *reopen(struct world *w, struct identity *old)
{
    struct err e;
    identity_close(old);
    struct identity *id = identity_open(&w->fake.machine, &w->config, NULL, &e);
    if (!id)
        fail_msg("%s", e.text);
    return id;
}

static void a_key(uint8_t spki[PUBLIC_KEY_BYTES], char pin[PIN_TEXT_MAX])
{
    struct sign_key *key = sign_key_generate(NULL);
    sign_key_public(key, spki);
    pin_print(slice_make(spki, PUBLIC_KEY_BYTES), pin);
    sign_key_free(key);
}

static void is_the_same_machine_after_a_restart(void **state)
{
    struct world *w = *state;
    struct identity *id = reopen(w, NULL);
    char first[MACHINE_ID_MAX], expected[MACHINE_ID_MAX];
    uint8_t spki[PUBLIC_KEY_BYTES];
    memcpy(first, identity_id(id), sizeof first);
    sign_key_public(identity_key(id), spki);
    sha256_hex(slice_make(spki, sizeof spki), expected);
    assert_string_equal(first, expected);
    assert_false(identity_enrolled(id));
    assert_true(identity_set_enrolled(id, true, NULL));
    assert_true(identity_set_time(id, 1234, 5, NULL));
    id = reopen(w, id);
    assert_string_equal(identity_id(id), first);
    assert_true(identity_enrolled(id));
    assert_int_equal(identity_time_floor_ms(id), 1234);
    assert_int_equal(identity_time_epoch(id), 5);
    identity_close(id);
}

static void keeps_no_key_in_the_clear(void **state)
{
    struct world *w = *state;
    struct identity *id = reopen(w, NULL);
    uint8_t secret[PRIVATE_KEY_BYTES];
    assert_true(sign_key_secret(identity_key(id), secret, NULL));
    assert_true(w->fake.calls[FAKE_SEAL] == 1);
    for (size_t i = 0; i < FAKE_FILES_MAX; i++) {
        const struct buf *bytes = &w->fake.files[i].bytes;
        if (w->fake.files[i].used && bytes->n >= sizeof secret)
            assert_null(memmem(bytes->p, bytes->n, secret, sizeof secret));
    }
    identity_close(id);
}

static void pins_the_enrolment_key_once(void **state)
{
    struct world *w = *state;
    uint8_t one[PUBLIC_KEY_BYTES], other[PUBLIC_KEY_BYTES];
    char pin[PIN_TEXT_MAX];
    a_key(other, pin);
    a_key(one, pin);
    struct identity *id = reopen(w, NULL);
    assert_false(identity_pinned(id));
    assert_true(identity_pin(id, slice_make(one, sizeof one), NULL));
    id = reopen(w, id);
    assert_true(identity_pinned(id));
    assert_string_equal(identity_pinned_by_text(id), "enrolment");
    assert_string_equal(identity_first_pin(id), pin);
    assert_true(identity_allows(id, slice_make(one, sizeof one)));
    assert_false(identity_allows(id, slice_make(other, sizeof other)));
    identity_close(id);
}

static void policy_pins_win_over_the_stored_key(void **state)
{
    struct world *w = *state;
    uint8_t enrolled[PUBLIC_KEY_BYTES], policy[PUBLIC_KEY_BYTES];
    char pin[PIN_TEXT_MAX];
    a_key(enrolled, pin);
    struct identity *id = reopen(w, NULL);
    assert_true(identity_pin(id, slice_make(enrolled, sizeof enrolled), NULL));
    a_key(policy, pin);
    w->config.order_keys[w->config.order_key_count++] = mem_strdup(pin);
    id = reopen(w, id);
    const struct verify_key *const *keys;
    assert_int_equal(identity_order_keys(id, &keys), 0);
    assert_false(identity_allows(id, slice_make(enrolled, sizeof enrolled)));
    assert_true(identity_allows(id, slice_make(policy, sizeof policy)));
    assert_string_equal(identity_pinned_by_text(id), "policy");
    identity_close(id);
}

static void survives_a_cut_at_every_write(void **state)
{
    struct world *w = *state;
    for (int k = 1; k <= 4; k++)
        for (int after = 0; after < 2; after++) {
            w->fake.crash_at = k;
            w->fake.crash_after = after;
            w->fake.crash_mask = FAKE_FILE_WRITES;
            struct identity *id = identity_open(&w->fake.machine, &w->config, NULL, NULL);
            if (id) {
                identity_set_enrolled(id, true, NULL);
                identity_set_time(id, 1000 + k, 1, NULL);
                identity_set_time(id, 2000 + k, 1, NULL);
                identity_set_time(id, 3000 + k, 1, NULL);
            }
            identity_close(id);
            fake_machine_restart(&w->fake, false);
            w->fake.crash_at = 0;
            id = reopen(w, NULL);
            char before[MACHINE_ID_MAX];
            memcpy(before, identity_id(id), sizeof before);
            id = reopen(w, id);
            assert_string_equal(identity_id(id), before);
            identity_close(id);
        }
}

static void sets_a_damaged_file_aside(void **state)
{
    struct world *w = *state;
    struct identity *id = reopen(w, NULL);
    struct buf *file = fake_machine_file(&w->fake, "identity");
    file->n /= 2;
    id = reopen(w, id);
    assert_false(identity_enrolled(id));
    assert_non_null(fake_machine_file(&w->fake, "identity.bad"));
    identity_close(id);
}

static void says_so_when_the_key_cannot_be_unsealed(void **state)
{
    struct world *w = *state;
    struct err e;
    identity_close(reopen(w, NULL));
    w->fake.fail_at = 1;
    w->fake.fail_mask = FAKE_BIT(UNSEAL);
    assert_null(identity_open(&w->fake.machine, &w->config, NULL, &e));
    assert_non_null(strstr(e.text, "unsealed"));
}

static void derived_keys_are_the_same_again(void **state)
{
    struct world *w = *state;
    uint8_t secret[SHA256_BYTES];
    char first[MACHINE_ID_MAX];
    sha256(slice_of("seed 1 machine 7"), secret);
    struct identity *id = identity_open(&w->fake.machine, &w->config, secret, NULL);
    memcpy(first, identity_id(id), sizeof first);
    identity_close(id);
    fake_machine_free(&w->fake);
    fake_machine_init(&w->fake);
    id = identity_open(&w->fake.machine, &w->config, secret, NULL);
    assert_string_equal(identity_id(id), first);
    identity_close(id);
}

static void trusted_time_never_goes_back(void **state)
{
    (void)state;
    struct trusted_time t;
    trusted_time_init(&t, 5000, 1);
    assert_int_equal(trusted_time_now(&t, 100), 0);
    trusted_time_take(&t, 4000, 1, 100);
    assert_int_equal(trusted_time_now(&t, 100), 5000);
    assert_int_equal(trusted_time_behind_ms(&t, 100), 1000);
    assert_int_equal(trusted_time_now(&t, 1600), 5500);
    assert_int_equal(trusted_time_advance(&t, 1600), 5500);
    trusted_time_take(&t, 5400, 0, 1600);
    assert_int_equal(trusted_time_now(&t, 1600), 5500);
    assert_int_equal(t.epoch, 1);
    assert_int_equal(trusted_time_now(&t, 1700), 5500);
    assert_int_equal(trusted_time_now(&t, 1701), 5501);
}

static void trusted_time_obeys_a_higher_epoch(void **state)
{
    (void)state;
    struct trusted_time t;
    trusted_time_init(&t, 5000, 1);
    trusted_time_take(&t, 3000, 2, 100);
    assert_int_equal(trusted_time_now(&t, 150), 3050);
    assert_int_equal(t.epoch, 2);
    assert_int_equal(trusted_time_behind_ms(&t, 150), 0);
}

static void backoff_grows_to_its_cap_with_full_jitter(void **state)
{
    (void)state;
    struct backoff b;
    backoff_init(&b, 42);
    int64_t sum = 0, low = INT64_MAX, high = 0;
    for (int i = 0; i < 2000; i++) {
        int64_t window = i < 9 ? (int64_t)BACKOFF_BASE_MS << i : BACKOFF_MAX_MS;
        int64_t wait = backoff_next(&b, 0);
        assert_true(wait >= BACKOFF_LEAST_MS && wait <= (window < BACKOFF_MAX_MS ? window : BACKOFF_MAX_MS));
        if (i < 20)
            continue;
        sum += wait;
        low = wait < low ? wait : low;
        high = wait > high ? wait : high;
    }
    assert_true(sum / 1980 > 130000 && sum / 1980 < 170000);
    assert_true(low < 10000 && high > 290000);
}

static void backoff_waits_at_least_what_the_server_told(void **state)
{
    (void)state;
    struct backoff b;
    backoff_init(&b, 7);
    for (int i = 0; i < 50; i++) {
        int64_t wait = backoff_next(&b, 20);
        assert_true(wait >= 20000 && wait <= 20000 + BACKOFF_MAX_MS);
    }
    backoff_reset(&b);
    assert_true(backoff_next(&b, 1 << 30) <= 2 * BACKOFF_TOLD_MAX_S * 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_the_same_machine_after_a_restart, set_up, tear_down),
        cmocka_unit_test_setup_teardown(keeps_no_key_in_the_clear, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pins_the_enrolment_key_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(policy_pins_win_over_the_stored_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(survives_a_cut_at_every_write, set_up, tear_down),
        cmocka_unit_test_setup_teardown(sets_a_damaged_file_aside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_so_when_the_key_cannot_be_unsealed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(derived_keys_are_the_same_again, set_up, tear_down),
        cmocka_unit_test(trusted_time_never_goes_back),
        cmocka_unit_test(trusted_time_obeys_a_higher_epoch),
        cmocka_unit_test(backoff_grows_to_its_cap_with_full_jitter),
        cmocka_unit_test(backoff_waits_at_least_what_the_server_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
