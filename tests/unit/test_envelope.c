#include "envelope.h"

#include "mem.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* RFC 6979, A.2.5: the key of the golden envelopes. */
#define RFC_SECRET                                                                                           \
    "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"                                       \
    "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"                                       \
    "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"

static const char order[] =
    "{\"id\":\"00112233445566778899aabbccddeeff\",\"op\":\"run\",\"repair\":\"cache_reset\"}";

/* Two signers, the envelope of the first, and room for what comes out. */
struct fixture {
    struct sign_key *signer, *other_signer;
    struct verify_key *key, *other_key;
    struct buf json, payload;
    struct err e;
};

static struct verify_key *public_of(const struct sign_key *signer)
{
    uint8_t spki[PUBLIC_KEY_BYTES];
    sign_key_public(signer, spki);
    return verify_key_new(slice_make(spki, sizeof spki), NULL);
}

static int set_up(void **state)
{
    uint8_t secret[PRIVATE_KEY_BYTES];
    struct fixture *f = mem_zalloc(sizeof *f);
    if (!hex_decode(slice_of(RFC_SECRET), secret, sizeof secret))
        return -1;
    f->signer = sign_key_from_secret(secret, NULL);
    f->other_signer = sign_key_generate(NULL);
    f->key = public_of(f->signer);
    f->other_key = public_of(f->other_signer);
    buf_init(&f->json, ENVELOPE_MAX);
    buf_init(&f->payload, ENVELOPE_PAYLOAD_MAX);
    *state = f;
    return envelope_sign(f->signer, ENVELOPE_ORDER, slice_of(order), &f->json, NULL) ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    sign_key_free(f->signer);
    sign_key_free(f->other_signer);
    verify_key_free(f->key);
    verify_key_free(f->other_key);
    buf_free(&f->json);
    buf_free(&f->payload);
    mem_free(f);
    return 0;
}

static bool opens_under(struct fixture *f, struct slice json, const struct verify_key *key)
{
    const struct verify_key *keys[] = {key};
    err_clear(&f->e);
    bool ok = envelope_open(json, ENVELOPE_ORDER, keys, 1, &f->payload, &f->e);
    /* What was not verified never comes out, and every no has its reason. */
    assert_true(ok || (f->payload.n == 0 && f->e.kind != ERR_NONE && f->e.text[0]));
    return ok;
}

static bool opens(struct fixture *f, const char *json)
{
    return opens_under(f, slice_of(json), f->key);
}

static void gives_back_what_was_signed(void **state)
{
    struct fixture *f = *state;
    assert_true(opens(f, buf_text(&f->json)));
    assert_string_equal(buf_text(&f->payload), order);
}

static void carries_empty_and_longest_payloads(void **state)
{
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 2, 3, ENVELOPE_PAYLOAD_MAX};
    char *bytes = mem_alloc(ENVELOPE_PAYLOAD_MAX + 1);
    for (size_t i = 0; i <= ENVELOPE_PAYLOAD_MAX; i++)
        bytes[i] = (char)(i * 7 + i / 256);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        buf_clear(&f->json);
        assert_true(envelope_sign(f->signer, ENVELOPE_ORDER, slice_make(bytes, sizes[i]), &f->json, NULL));
        assert_true(opens(f, buf_text(&f->json)));
        assert_true(slice_eq(buf_slice(&f->payload), slice_make(bytes, sizes[i])));
    }
    buf_clear(&f->json);
    assert_false(envelope_sign(f->signer, ENVELOPE_ORDER, slice_make(bytes, ENVELOPE_PAYLOAD_MAX + 1),
                               &f->json, &f->e));
    assert_int_equal(f->e.kind, ERR_LIMIT);
    mem_free(bytes);
}

static void says_when_the_output_is_too_small(void **state)
{
    struct fixture *f = *state;
    struct buf small;
    buf_init(&small, 100);
    assert_false(envelope_sign(f->signer, ENVELOPE_ORDER, slice_of(order), &small, &f->e));
    assert_int_equal(f->e.kind, ERR_LIMIT);
    buf_free(&small);

    const struct verify_key *keys[] = {f->key};
    buf_init(&small, sizeof order - 2);
    assert_false(envelope_open(buf_slice(&f->json), ENVELOPE_ORDER, keys, 1, &small, &f->e));
    assert_int_equal(f->e.kind, ERR_LIMIT);
    assert_int_equal(small.n, 0);
    buf_free(&small);
}

static void denies_foreign_keys_in_words(void **state)
{
    struct fixture *f = *state;
    assert_false(opens_under(f, buf_slice(&f->json), f->other_key));
    assert_int_equal(f->e.kind, ERR_DENIED);
    assert_non_null(strstr(f->e.text, "no signature holds"));
    assert_false(envelope_open(buf_slice(&f->json), ENVELOPE_ORDER, NULL, 0, &f->payload, &f->e));
    assert_int_equal(f->e.kind, ERR_DENIED);
}

static void accepts_any_of_the_trusted_keys(void **state)
{
    struct fixture *f = *state;
    const struct verify_key *keys[] = {f->other_key, f->key};
    assert_true(envelope_open(buf_slice(&f->json), ENVELOPE_ORDER, keys, 2, &f->payload, &f->e));
    assert_string_equal(buf_text(&f->payload), order);
}

static void denies_another_type(void **state)
{
    struct fixture *f = *state;
    const struct verify_key *keys[] = {f->key};
    static const char *const types[] = {ENVELOPE_TIME, ENVELOPE_ENROLL, ENVELOPE_SESSION, "",
                                        ENVELOPE_ORDER "x"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        assert_false(envelope_open(buf_slice(&f->json), types[i], keys, 1, &f->payload, &f->e));
        assert_int_equal(f->e.kind, ERR_DENIED);
        assert_int_equal(f->payload.n, 0);
    }
}

/* The text of f->json with the first `from` replaced by `to`. */
static struct buf replaced(struct fixture *f, const char *from, const char *to)
{
    const char *at = strstr(buf_text(&f->json), from);
    assert_non_null(at);
    struct buf out;
    buf_init(&out, ENVELOPE_MAX);
    buf_append(&out, f->json.p, (size_t)(at - f->json.p));
    buf_puts(&out, to);
    buf_puts(&out, at + strlen(from));
    return out;
}

static bool opens_replaced(struct fixture *f, const char *from, const char *to)
{
    struct buf json = replaced(f, from, to);
    bool ok = opens_under(f, buf_slice(&json), f->key);
    buf_free(&json);
    return ok;
}

static void a_relabelled_type_breaks_the_signature(void **state)
{
    struct fixture *f = *state;
    const struct verify_key *keys[] = {f->key};
    struct buf json = replaced(f, ENVELOPE_ORDER, ENVELOPE_TIME);
    assert_false(envelope_open(buf_slice(&json), ENVELOPE_TIME, keys, 1, &f->payload, &f->e));
    assert_int_equal(f->e.kind, ERR_DENIED);
    buf_free(&json);
}

/* The text between the quotes that follow `start`. */
static struct slice value_after(const char *json, const char *start)
{
    const char *at = strstr(json, start);
    assert_non_null(at);
    at += strlen(start);
    return slice_make(at, strcspn(at, "\""));
}

#define KEYID "\"keyid\":\""
#define SIG   "\"sig\":\""

static void no_flipped_bit_is_accepted(void **state)
{
    struct fixture *f = *state;
    struct slice keyid = value_after(f->json.p, KEYID);
    const char *keyid_name = keyid.p - strlen("keyid\":\"");
    for (size_t bit = 0; bit < 8 * f->json.n; bit++) {
        char *byte = f->json.p + bit / 8;
        *byte = (char)(*byte ^ 1 << bit % 8);
        bool ok = opens_under(f, buf_slice(&f->json), f->key);
        /* keyid is a hint: it may read anything, the signature alone decides. */
        if (ok && !(byte >= keyid_name && byte < keyid.p + keyid.n))
            fail_msg("accepted with bit %zu of byte %zu flipped: %s", bit % 8, bit / 8, f->json.p);
        assert_true(!ok || slice_eqz(buf_slice(&f->payload), order));
        *byte = (char)(*byte ^ 1 << bit % 8);
    }
    assert_true(opens(f, buf_text(&f->json)));
}

static void no_cut_is_accepted(void **state)
{
    struct fixture *f = *state;
    for (size_t n = 0; n < f->json.n; n++)
        assert_false(opens_under(f, slice_make(f->json.p, n), f->key));
}

static void refuses_what_is_no_envelope(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[] = {
        "",
        "null",
        "[]",
        "{}",
        "\"\"",
        "{\"payloadType\":1,\"payload\":\"\",\"signatures\":[{}]}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\"}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\",\"payload\":\"\"}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\",\"payload\":\"\",\"signatures\":[]}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\",\"payload\":\"\",\"signatures\":{\"a\":{}}}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\",\"payload\":7,\"signatures\":[{}]}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\",\"payload\":\"e30\",\"signatures\":[{}]}",
        "{\"payloadType\":\"" ENVELOPE_ORDER "\",\"payload\":\"e 30\",\"signatures\":[{}]}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_false(opens(f, rows[i]));
        assert_int_equal(f->e.kind, ERR_INVALID);
    }
}

static void a_useless_signature_is_denied(void **state)
{
    struct fixture *f = *state;
    static const char *const signatures[] = {"null",
                                             "7",
                                             "\"x\"",
                                             "{}",
                                             "{\"sig\":7}",
                                             "{\"sig\":\"\"}",
                                             "{\"sig\":\"A\"}",
                                             "{\"keyid\":7,\"sig\":\"AAAA\"}"};
    char json[512];
    for (size_t i = 0; i < sizeof signatures / sizeof *signatures; i++) {
        snprintf(json, sizeof json, "{\"payloadType\":\"%s\",\"payload\":\"e30=\",\"signatures\":[%s]}",
                 ENVELOPE_ORDER, signatures[i]);
        assert_false(opens(f, json));
        assert_int_equal(f->e.kind, ERR_DENIED);
    }
}

static void refuses_keys_that_stand_twice(void **state)
{
    struct fixture *f = *state;
    assert_false(opens_replaced(f, "{\"payloadType\"", "{\"payload\":\"e30=\",\"payloadType\""));
    assert_int_equal(f->e.kind, ERR_INVALID);
    assert_false(opens_replaced(f, "\"sig\":", "\"sig\":\"AAAA\",\"sig\":"));
    assert_int_equal(f->e.kind, ERR_INVALID);
    assert_true(opens_replaced(f, "{\"payloadType\"", "{\"other\":1,\"payloadType\"")); /* DSSE: ignored */
}

/* f->json with `before` and `after` around its one signature. */
static bool opens_among(struct fixture *f, const char *before, const char *after)
{
    struct buf json, list;
    buf_init(&list, ENVELOPE_MAX);
    buf_printf(&list, "\"signatures\":[%s", before);
    json = replaced(f, "\"signatures\":[", buf_text(&list));
    assert_true(json.n > 2 && json.p[json.n - 2] == ']');
    json.n -= 2;
    buf_printf(&json, "%s]}", after);
    bool ok = opens_under(f, buf_slice(&json), f->key);
    buf_free(&json);
    buf_free(&list);
    return ok;
}

static void one_good_signature_among_others_is_enough(void **state)
{
    struct fixture *f = *state;
    struct buf foreign;
    buf_init(&foreign, ENVELOPE_MAX);
    assert_true(envelope_sign(f->other_signer, ENVELOPE_ORDER, slice_of(order), &foreign, NULL));
    const char *list = strstr(foreign.p, "\"signatures\":[") + strlen("\"signatures\":[");
    char *one = mem_strndup(list, strlen(list) - 2), both[2048], three[2048];
    snprintf(both, sizeof both, "%s,", one);
    assert_true(opens_among(f, both, ""));
    snprintf(both, sizeof both, ",%s", one);
    assert_true(opens_among(f, "", both));
    snprintf(three, sizeof three, ",%s,%s,%s", one, one, one);
    assert_true(opens_among(f, "", three));
    assert_false(opens_among(f, "{},", three)); /* five */
    assert_int_equal(f->e.kind, ERR_LIMIT);
    assert_true(opens_under(f, buf_slice(&foreign), f->other_key));
    assert_false(opens_under(f, buf_slice(&foreign), f->key));
    mem_free(one);
    buf_free(&foreign);
}

static void refuses_what_is_too_long(void **state)
{
    struct fixture *f = *state;
    struct buf json;
    buf_init(&json, 2 * ENVELOPE_MAX);
    buf_append_slice(&json, buf_slice(&f->json));
    while (json.n < ENVELOPE_MAX)
        buf_putc(&json, ' ');
    assert_true(opens(f, buf_text(&json)));
    buf_putc(&json, ' ');
    assert_false(opens(f, buf_text(&json)));
    assert_int_equal(f->e.kind, ERR_LIMIT);

    buf_clear(&json);
    buf_printf(&json, "{\"payloadType\":\"%s\",\"signatures\":[{}],\"payload\":\"", ENVELOPE_ORDER);
    for (size_t i = 0; i <= ENVELOPE_PAYLOAD_MAX; i += 3)
        buf_puts(&json, "AAAA");
    buf_puts(&json, "\"}");
    struct buf payload;
    buf_init(&payload, ENVELOPE_MAX);
    assert_false(envelope_peek(buf_slice(&json), ENVELOPE_ORDER, &payload, &f->e));
    assert_int_equal(f->e.kind, ERR_LIMIT);
    assert_int_equal(payload.n, 0);
    buf_free(&payload);
    buf_free(&json);
}

static void peek_shows_unverified_bytes_of_the_right_type(void **state)
{
    struct fixture *f = *state;
    struct buf json = replaced(f, "\"sig\":\"", "\"sig\":\"AAAA");
    assert_true(envelope_peek(buf_slice(&json), ENVELOPE_ORDER, &f->payload, &f->e));
    assert_string_equal(buf_text(&f->payload), order);
    assert_false(opens_under(f, buf_slice(&json), f->key));
    assert_false(envelope_peek(buf_slice(&json), ENVELOPE_ENROLL, &f->payload, &f->e));
    assert_int_equal(f->e.kind, ERR_DENIED);
    assert_int_equal(f->payload.n, 0);
    buf_free(&json);
}

static void keyid_is_the_digest_of_the_public_key(void **state)
{
    struct fixture *f = *state;
    uint8_t spki[PUBLIC_KEY_BYTES];
    char expected[2 * SHA256_BYTES + 1];
    sign_key_public(f->signer, spki);
    sha256_hex(slice_make(spki, sizeof spki), expected);
    assert_true(slice_eqz(value_after(buf_text(&f->json), KEYID), expected));
}

/* The signed bytes as the standard writes them, so that other DSSE tools read ours. */
static void signs_the_standard_encoding(void **state)
{
    struct fixture *f = *state;
    struct buf signature, pae;
    buf_init(&signature, SIGNATURE_BYTES);
    buf_init(&pae, 1024);
    assert_true(base64_decode(value_after(buf_text(&f->json), SIG), &signature, NULL));
    buf_printf(&pae, "DSSEv1 36 application/vnd.fleetmend.order+json %zu %s", sizeof order - 1, order);
    assert_true(verify_key_check(f->key, buf_slice(&pae), buf_slice(&signature), NULL));
    buf_free(&pae);
    buf_free(&signature);
}

static void read_file(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        fail_msg("%s can't be opened", path);
    char block[4096];
    size_t n;
    while ((n = fread(block, 1, sizeof block, file)) > 0)
        buf_append(out, block, n);
    fclose(file);
    assert_false(out->full);
}

/* One file was signed by OpenSSL, one by CNG; both platforms open both. */
static void opens_envelopes_of_the_other_platform(void **state)
{
    struct fixture *f = *state;
    static const char *const paths[] = {"tests/golden/envelope_openssl.json",
                                        "tests/golden/envelope_cng.json"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct buf json;
        buf_init(&json, ENVELOPE_MAX);
        read_file(paths[i], &json);
        assert_true(opens_under(f, buf_slice(&json), f->key));
        assert_string_equal(buf_text(&f->payload), order);
        assert_false(opens_under(f, buf_slice(&json), f->other_key));
        buf_free(&json);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(gives_back_what_was_signed),
        TEST(carries_empty_and_longest_payloads),
        TEST(says_when_the_output_is_too_small),
        TEST(denies_foreign_keys_in_words),
        TEST(accepts_any_of_the_trusted_keys),
        TEST(denies_another_type),
        TEST(a_relabelled_type_breaks_the_signature),
        TEST(no_flipped_bit_is_accepted),
        TEST(no_cut_is_accepted),
        TEST(refuses_what_is_no_envelope),
        TEST(a_useless_signature_is_denied),
        TEST(refuses_keys_that_stand_twice),
        TEST(one_good_signature_among_others_is_enough),
        TEST(refuses_what_is_too_long),
        TEST(peek_shows_unverified_bytes_of_the_right_type),
        TEST(keyid_is_the_digest_of_the_public_key),
        TEST(signs_the_standard_encoding),
        TEST(opens_envelopes_of_the_other_platform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
