/* The same vectors hold on OpenSSL and on CNG. */
#include "crypto.h"
#include "mem.h"
#include "text.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#ifndef _WIN32
#include <pthread.h>
#endif

/* RFC 6979, A.2.5 */
#define RFC_SCALAR "C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721"
#define RFC_X      "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6"
#define RFC_Y      "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"
#define SAMPLE_SIGNATURE                                                                                     \
    "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"                                       \
    "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"
#define TEST_SIGNATURE                                                                                       \
    "F1ABB023518351CD71D881567B1EA663ED3EFCF6C5132B354F28D3B0B7D38367"                                       \
    "019F4113742A2B14BD25926B49C649155F267E60D3814B4C0CC84250E46F0083"
#define SPKI_HEAD   "3059301306072A8648CE3D020106082A8648CE3D03010703420004"
#define CURVE_ORDER "FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551"

static void from_hex(const char *hex, void *out, size_t n)
{
    assert_true(hex_decode(slice_of(hex), out, n));
}

static struct verify_key *rfc_verify_key(void)
{
    uint8_t spki[PUBLIC_KEY_BYTES];
    from_hex(SPKI_HEAD RFC_X RFC_Y, spki, sizeof spki);
    struct verify_key *key = verify_key_new(slice_make(spki, sizeof spki), NULL);
    assert_non_null(key);
    return key;
}

static bool rfc_check(const char *message, const uint8_t *signature, size_t n, struct err *e)
{
    struct verify_key *key = rfc_verify_key();
    bool ok = verify_key_check(key, slice_of(message), slice_make(signature, n), e);
    verify_key_free(key);
    return ok;
}

static void sha256_known_answers(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[2 * SHA256_BYTES + 1];
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sha256_hex(slice_of(rows[i][0]), hex);
        assert_string_equal(hex, rows[i][1]);
    }

    char *million = mem_alloc(1000000);
    memset(million, 'a', 1000000);
    sha256_hex(slice_make(million, 1000000), hex);
    mem_free(million);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

/* RFC 4231; case 5 is about cut results, which nothing here makes. */
static void hmac_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint8_t key_byte;
        size_t key_n;
        const char *key, *data;
        uint8_t data_byte;
        size_t data_n;
        const char *mac;
    } rows[] = {
        {.key_byte = 0x0b,
         .key_n = 20,
         .data = "Hi There",
         .mac = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"},
        {.key = "Jefe",
         .data = "what do ya want for nothing?",
         .mac = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"},
        {.key_byte = 0xaa,
         .key_n = 20,
         .data_byte = 0xdd,
         .data_n = 50,
         .mac = "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"},
        {.key = "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17"
                "\x18\x19",
         .data_byte = 0xcd,
         .data_n = 50,
         .mac = "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"},
        {.key_byte = 0xaa,
         .key_n = 131,
         .data = "Test Using Larger Than Block-Size Key - Hash Key First",
         .mac = "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
        {.key_byte = 0xaa,
         .key_n = 131,
         .data =
             "This is a test using a larger than block-size key and a larger than block-size data. The key "
             "needs to be hashed before being used by the HMAC algorithm.",
         .mac = "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t key[131], data[50], mac[SHA256_BYTES];
        char hex[2 * SHA256_BYTES + 1];
        memset(key, rows[i].key_byte, sizeof key);
        memset(data, rows[i].data_byte, sizeof data);
        hmac_sha256(rows[i].key ? slice_of(rows[i].key) : slice_make(key, rows[i].key_n),
                    rows[i].data ? slice_of(rows[i].data) : slice_make(data, rows[i].data_n), mac);
        hex_encode(mac, sizeof mac, hex);
        assert_string_equal(hex, rows[i].mac);
    }
}

static void hmac_accepts_an_empty_key(void **state)
{
    (void)state;
    uint8_t mac[SHA256_BYTES];
    char hex[2 * SHA256_BYTES + 1];
    hmac_sha256((struct slice){0}, (struct slice){0}, mac);
    hex_encode(mac, sizeof mac, hex);
    assert_string_equal(hex, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

static void verifies_signatures_of_others(void **state)
{
    (void)state;
    uint8_t signature[SIGNATURE_BYTES];
    from_hex(SAMPLE_SIGNATURE, signature, sizeof signature);
    assert_true(rfc_check("sample", signature, sizeof signature, NULL));
    from_hex(TEST_SIGNATURE, signature, sizeof signature);
    assert_true(rfc_check("test", signature, sizeof signature, NULL));
}

static void denies_what_was_tampered_with(void **state)
{
    (void)state;
    uint8_t signature[SIGNATURE_BYTES];
    struct err e = {0};
    from_hex(SAMPLE_SIGNATURE, signature, sizeof signature);
    assert_false(rfc_check("Sample", signature, sizeof signature, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1u << bit % 8);
        err_clear(&e);
        assert_false(rfc_check("sample", signature, sizeof signature, &e));
        assert_int_equal(e.kind, ERR_DENIED);
        signature[bit / 8] = (uint8_t)(signature[bit / 8] ^ 1u << bit % 8);
    }
}

static void denies_impossible_signatures(void **state)
{
    (void)state;
    uint8_t signature[SIGNATURE_BYTES + 1] = {0};
    struct err e = {0};
    static const char *const rows[] = {
        "0000000000000000000000000000000000000000000000000000000000000000"
        "0000000000000000000000000000000000000000000000000000000000000000",
        CURVE_ORDER CURVE_ORDER,
        "0000000000000000000000000000000000000000000000000000000000000001" CURVE_ORDER,
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        from_hex(rows[i], signature, SIGNATURE_BYTES);
        assert_false(rfc_check("sample", signature, SIGNATURE_BYTES, &e));
        assert_int_equal(e.kind, ERR_DENIED);
    }
    from_hex(SAMPLE_SIGNATURE, signature, SIGNATURE_BYTES);
    static const size_t lengths[] = {0, 1, SIGNATURE_BYTES - 1, SIGNATURE_BYTES + 1};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
        assert_false(rfc_check("sample", signature, lengths[i], NULL));
}

static bool key_refused(const uint8_t *spki, size_t n)
{
    struct err e = {0};
    struct verify_key *key = verify_key_new(slice_make(spki, n), &e);
    verify_key_free(key);
    return !key && e.kind == ERR_INVALID;
}

static void refuses_foreign_public_keys(void **state)
{
    (void)state;
    uint8_t spki[PUBLIC_KEY_BYTES + 1] = {0};
    from_hex(SPKI_HEAD RFC_X RFC_Y, spki, PUBLIC_KEY_BYTES);
    assert_false(key_refused(spki, PUBLIC_KEY_BYTES));
    assert_true(key_refused(spki, 0));
    assert_true(key_refused(spki, PUBLIC_KEY_BYTES - 1));
    assert_true(key_refused(spki, PUBLIC_KEY_BYTES + 1));
    for (size_t i = 0; i < PUBLIC_KEY_BYTES - 64; i++) { /* the head: algorithm, curve, form of the point */
        spki[i] ^= 1;
        assert_true(key_refused(spki, PUBLIC_KEY_BYTES));
        spki[i] ^= 1;
    }
}

/* A key off the curve is refused; in Wine it may be made, and then verifies nothing. */
static void assert_useless(const uint8_t *spki)
{
#ifdef _WIN32
    uint8_t signature[SIGNATURE_BYTES];
    from_hex(SAMPLE_SIGNATURE, signature, sizeof signature);
    struct verify_key *key = verify_key_new(slice_make(spki, PUBLIC_KEY_BYTES), NULL);
    assert_false(key &&
                 verify_key_check(key, slice_of("sample"), slice_make(signature, sizeof signature), NULL));
    verify_key_free(key);
#else
    assert_true(key_refused(spki, PUBLIC_KEY_BYTES));
#endif
}

static void points_off_the_curve_are_no_keys(void **state)
{
    (void)state;
    uint8_t spki[PUBLIC_KEY_BYTES];
    from_hex(SPKI_HEAD RFC_X RFC_Y, spki, sizeof spki);
    spki[PUBLIC_KEY_BYTES - 1] ^= 1;
    assert_useless(spki);
    memset(spki + PUBLIC_KEY_BYTES - 64, 0, 64);
    assert_useless(spki);
    memset(spki + PUBLIC_KEY_BYTES - 64, 0xFF, 64);
    assert_useless(spki);
}

static void signs_what_its_public_half_verifies(void **state)
{
    (void)state;
    struct slice message = slice_of("an order");
    uint8_t signature[SIGNATURE_BYTES], spki[PUBLIC_KEY_BYTES];
    struct sign_key *key = sign_key_generate(NULL), *other = sign_key_generate(NULL);
    assert_non_null(key);
    assert_non_null(other);
    assert_true(sign_key_sign(key, message, signature, NULL));

    sign_key_public(key, spki);
    struct verify_key *mine = verify_key_new(slice_make(spki, sizeof spki), NULL);
    sign_key_public(other, spki);
    struct verify_key *foreign = verify_key_new(slice_make(spki, sizeof spki), NULL);
    assert_true(verify_key_check(mine, message, slice_make(signature, sizeof signature), NULL));
    assert_false(verify_key_check(mine, slice_of("an Order"), slice_make(signature, sizeof signature), NULL));
    assert_false(verify_key_check(foreign, message, slice_make(signature, sizeof signature), NULL));
    assert_true(sign_key_sign(key, (struct slice){0}, signature, NULL));
    assert_true(verify_key_check(mine, (struct slice){0}, slice_make(signature, sizeof signature), NULL));

    verify_key_free(mine);
    verify_key_free(foreign);
    sign_key_free(key);
    sign_key_free(other);
}

static void survives_export_and_import(void **state)
{
    (void)state;
    uint8_t secret[PRIVATE_KEY_BYTES], again[PRIVATE_KEY_BYTES], spki[PUBLIC_KEY_BYTES],
        spki_again[PUBLIC_KEY_BYTES];
    struct sign_key *key = sign_key_generate(NULL);
    assert_true(sign_key_secret(key, secret, NULL));
    struct sign_key *copy = sign_key_from_secret(secret, NULL);
    assert_non_null(copy);
    assert_true(sign_key_secret(copy, again, NULL));
    assert_memory_equal(secret, again, sizeof secret);
    sign_key_public(key, spki);
    sign_key_public(copy, spki_again);
    assert_memory_equal(spki, spki_again, sizeof spki);
    sign_key_free(key);
    sign_key_free(copy);
}

static bool secret_refused(const uint8_t secret[PRIVATE_KEY_BYTES])
{
    struct err e = {0};
    struct sign_key *key = sign_key_from_secret(secret, &e);
    sign_key_free(key);
    return !key && e.kind == ERR_INVALID;
}

static void refuses_halves_that_do_not_belong_together(void **state)
{
    (void)state;
    uint8_t secret[PRIVATE_KEY_BYTES];
    from_hex(RFC_SCALAR RFC_X RFC_Y, secret, sizeof secret);
    assert_false(secret_refused(secret));
    secret[SCALAR_BYTES - 1] ^= 1; /* another scalar */
    assert_true(secret_refused(secret));
    secret[SCALAR_BYTES - 1] ^= 1;
    secret[PRIVATE_KEY_BYTES - 1] ^= 1; /* a point off the curve */
    assert_true(secret_refused(secret));
    secret[PRIVATE_KEY_BYTES - 1] ^= 1;
    from_hex(CURVE_ORDER, secret, SCALAR_BYTES);
    assert_true(secret_refused(secret));
    memset(secret, 0, SCALAR_BYTES);
    assert_true(secret_refused(secret));
}

static void random_differs_each_time(void **state)
{
    (void)state;
    uint8_t a[32] = {0}, b[32] = {0}, zero[32] = {0};
    random_bytes(a, sizeof a);
    random_bytes(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a, zero, sizeof a);

    char hex[2 * 100 + 2];
    memset(hex, 'x', sizeof hex);
    random_hex(100, hex);
    assert_int_equal(strspn(hex, "0123456789abcdef"), 200);
    assert_int_equal(hex[200], '\0');
    assert_int_equal(hex[201], 'x');
    random_hex(0, hex);
    assert_string_equal(hex, "");
}

static void secret_equal_compares_all_bytes(void **state)
{
    (void)state;
    assert_true(secret_equal(slice_of("ticket"), slice_of("ticket")));
    assert_true(secret_equal((struct slice){0}, slice_of("")));
    assert_false(secret_equal(slice_of("ticket"), slice_of("ticke")));
    assert_false(secret_equal(slice_of("ticket"), slice_of("Ticket")));
    assert_false(secret_equal(slice_of("ticket"), slice_of("tickeT")));
    assert_false(secret_equal(slice_make("a\0b", 3), slice_make("a\0c", 3)));
}

/* Made with: openssl dgst -sha256 -binary key.der | base64, of the RFC's key. */
static void pin_is_spelled_as_curl_does(void **state)
{
    (void)state;
    uint8_t spki[PUBLIC_KEY_BYTES];
    char pin[PIN_TEXT_MAX];
    from_hex(SPKI_HEAD RFC_X RFC_Y, spki, sizeof spki);
    pin_print(slice_make(spki, sizeof spki), pin);
    assert_string_equal(pin, "sha256//Wnp4zKSg9CDZvGK7Zpw8J1njn3I9OuENy+DwgVoH7NQ=");
}

static void freeing_nothing_is_allowed(void **state)
{
    (void)state;
    sign_key_free(NULL);
    verify_key_free(NULL);
}

#ifndef _WIN32
static void scalar_gives_its_point(void **state)
{
    (void)state;
    uint8_t scalar[SCALAR_BYTES], secret[PRIVATE_KEY_BYTES], expected[PRIVATE_KEY_BYTES];
    from_hex(RFC_SCALAR, scalar, sizeof scalar);
    struct sign_key *key = sign_key_from_scalar(scalar, NULL);
    assert_non_null(key);
    assert_true(sign_key_secret(key, secret, NULL));
    from_hex(RFC_SCALAR RFC_X RFC_Y, expected, sizeof expected);
    assert_memory_equal(secret, expected, sizeof secret);
    sign_key_free(key);
}

static void refuses_scalars_out_of_range(void **state)
{
    (void)state;
    uint8_t scalar[SCALAR_BYTES] = {0};
    struct err e = {0};
    assert_null(sign_key_from_scalar(scalar, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    from_hex(CURVE_ORDER, scalar, sizeof scalar);
    assert_null(sign_key_from_scalar(scalar, NULL));
    scalar[SCALAR_BYTES - 1]--; /* n - 1 is the last good one */
    struct sign_key *key = sign_key_from_scalar(scalar, NULL);
    assert_non_null(key);
    sign_key_free(key);
}

/* OpenSSL's own; TLS on the same thread takes what it finds in this queue for its own failure. */
unsigned long ERR_peek_error(void);

static void failures_leave_no_error_for_tls(void **state)
{
    (void)state;
    uint8_t signature[SIGNATURE_BYTES] = {0}, spki[PUBLIC_KEY_BYTES], secret[PRIVATE_KEY_BYTES] = {0};
    from_hex(SPKI_HEAD RFC_X RFC_X, spki, sizeof spki);
    assert_true(key_refused(spki, sizeof spki));
    assert_true(secret_refused(secret));
    assert_null(sign_key_from_scalar(secret, NULL));
    assert_false(rfc_check("sample", signature, sizeof signature, NULL));
    memset(signature, 1, sizeof signature);
    assert_false(rfc_check("sample", signature, sizeof signature, NULL));
    assert_int_equal(ERR_peek_error(), 0);
}

struct shared {
    const struct sign_key *sign;
    const struct verify_key *verify;
};

static void *sign_many(void *argument)
{
    const struct shared *keys = argument;
    uintptr_t held = 0;
    for (int i = 0; i < 200; i++) {
        uint8_t signature[SIGNATURE_BYTES];
        struct slice message = slice_make(&i, sizeof i);
        if (sign_key_sign(keys->sign, message, signature, NULL) &&
            verify_key_check(keys->verify, message, slice_make(signature, sizeof signature), NULL))
            held++;
    }
    return (void *)held;
}

static void threads_share_a_key(void **state)
{
    (void)state;
    uint8_t spki[PUBLIC_KEY_BYTES];
    struct sign_key *sign = sign_key_generate(NULL);
    sign_key_public(sign, spki);
    struct verify_key *verify = verify_key_new(slice_make(spki, sizeof spki), NULL);
    struct shared keys = {sign, verify};
    pthread_t threads[8];
    for (size_t i = 0; i < 8; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, sign_many, &keys), 0);
    for (size_t i = 0; i < 8; i++) {
        void *held = NULL;
        pthread_join(threads[i], &held);
        assert_int_equal((uintptr_t)held, 200);
    }
    verify_key_free(verify);
    sign_key_free(sign);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_known_answers),
        cmocka_unit_test(hmac_known_answers),
        cmocka_unit_test(hmac_accepts_an_empty_key),
        cmocka_unit_test(verifies_signatures_of_others),
        cmocka_unit_test(denies_what_was_tampered_with),
        cmocka_unit_test(denies_impossible_signatures),
        cmocka_unit_test(refuses_foreign_public_keys),
        cmocka_unit_test(points_off_the_curve_are_no_keys),
        cmocka_unit_test(signs_what_its_public_half_verifies),
        cmocka_unit_test(survives_export_and_import),
        cmocka_unit_test(refuses_halves_that_do_not_belong_together),
        cmocka_unit_test(random_differs_each_time),
        cmocka_unit_test(secret_equal_compares_all_bytes),
        cmocka_unit_test(pin_is_spelled_as_curl_does),
        cmocka_unit_test(freeing_nothing_is_allowed),
#ifndef _WIN32
        cmocka_unit_test(scalar_gives_its_point),
        cmocka_unit_test(refuses_scalars_out_of_range),
        cmocka_unit_test(failures_leave_no_error_for_tls),
        cmocka_unit_test(threads_share_a_key),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
