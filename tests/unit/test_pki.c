#include "pki.h"

#include "buf.h"

#include "../store/temp_dir.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *path_of(const char *name)
{
    static char path[4][400];
    static int turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", temp_dir(), name);
    return p;
}

static X509 *cert_of(const char *name, int number)
{
    FILE *f = fopen(path_of(name), "r");
    assert_non_null(f);
    X509 *cert = NULL;
    for (int i = 0; i <= number; i++) {
        X509_free(cert);
        cert = PEM_read_X509(f, NULL, NULL, NULL);
    }
    fclose(f);
    return cert;
}

static void contents(const char *name, struct buf *out)
{
    FILE *f = fopen(path_of(name), "r");
    assert_non_null(f);
    char chunk[4096];
    size_t n = fread(chunk, 1, sizeof chunk, f);
    fclose(f);
    buf_init(out, sizeof chunk);
    buf_append(out, chunk, n);
}

static void names_for(struct pki_names *names, const char *const *hosts)
{
    *names = (struct pki_names){0};
    for (; *hosts; hosts++)
        pki_names_add(names, *hosts);
}

static const char *const hosts[] = {"localhost", "fleet.example", "127.0.0.1", "::1", "10.1.2.3", NULL};

/* The first test makes them; all others look at them. */
static int make(void **state)
{
    (void)state;
    struct pki_names names;
    struct err e = {0};
    names_for(&names, hosts);
    if (pki_make_ca(temp_dir(), "Fleetmend CA", &e) && pki_make_server(temp_dir(), &names, &e))
        return 0;
    fprintf(stderr, "%s\n", e.text);
    return 1;
}

static void a_name_is_kept_once_and_sorted_by_kind(void **state)
{
    (void)state;
    struct pki_names n = {0};
    static const char *const added[] = {"Host", "host", "HOST", "", "127.0.0.1", "127.0.0.1", "::1", "1.2.3", "fe80::1", "256.1.1.1"};
    for (size_t i = 0; i < COUNT(added); i++)
        pki_names_add(&n, added[i]);
    assert_int_equal(n.dns_count, 3);
    assert_string_equal(n.dns[0], "Host");
    assert_string_equal(n.dns[1], "1.2.3");
    assert_string_equal(n.dns[2], "256.1.1.1");
    assert_int_equal(n.ip_count, 3);
    for (int i = 0; i < 2 * PKI_NAMES_MAX; i++) {
        char name[30];
        snprintf(name, sizeof name, "h%d", i);
        pki_names_add(&n, name);
    }
    assert_int_equal(n.dns_count, PKI_NAMES_MAX);
}

static void the_certificate_is_for_all_its_names_and_no_other(void **state)
{
    (void)state;
    X509 *cert = cert_of("server.pem", 0);
    static const struct {
        const char *name;
        bool ip, ok;
    } cases[] = {{"localhost", false, true}, {"fleet.example", false, true}, {"FLEET.example", false, true}, {"127.0.0.1", true, true},
                 {"::1", true, true}, {"10.1.2.3", true, true}, {"example", false, false}, {"a.fleet.example", false, false},
                 {"Fleetmend server", false, false}, {"127.0.0.2", true, false}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        int match = cases[i].ip ? X509_check_ip_asc(cert, cases[i].name, 0) : X509_check_host(cert, cases[i].name, 0, 0, NULL);
        if ((match == 1) != cases[i].ok)
            fail_msg("%s", cases[i].name);
    }
    X509_free(cert);
}

static void the_chain_verifies_as_a_tls_server(void **state)
{
    (void)state;
    X509 *cert = cert_of("server.pem", 0), *sent = cert_of("server.pem", 1), *ca = cert_of("ca.pem", 0);
    assert_non_null(sent); /* the CA is sent along, so that enrolment can pin it */
    assert_int_equal(X509_cmp(sent, ca), 0);
    X509_STORE *trusted = X509_STORE_new();
    X509_STORE_add_cert(trusted, ca);
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    X509_STORE_CTX_init(ctx, trusted, cert, NULL);
    X509_STORE_CTX_set_purpose(ctx, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(ctx) != 1)
        fail_msg("%s", X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(trusted);
    assert_int_equal(X509_check_ca(cert), 0);
    assert_int_equal(X509_get_pathlen(ca), 0);
    X509_free(cert);
    X509_free(sent);
    X509_free(ca);
}

static void keys_are_p256_and_signed_with_sha256(void **state)
{
    (void)state;
    static const char *const names[] = {"server.pem", "ca.pem"};
    for (size_t i = 0; i < COUNT(names); i++) {
        X509 *cert = cert_of(names[i], 0);
        char group[40] = "";
        EVP_PKEY_get_group_name(X509_get0_pubkey(cert), group, sizeof group, NULL);
        assert_string_equal(group, "prime256v1");
        assert_int_equal(X509_get_signature_nid(cert), NID_ecdsa_with_SHA256);
        X509_free(cert);
    }
}

static void private_keys_are_for_their_owner_alone(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        mode_t mode;
    } files[] = {{"ca.key", 0600}, {"server.key", 0600}, {"ca.pem", 0644}, {"server.pem", 0644}};
    for (size_t i = 0; i < COUNT(files); i++) {
        struct stat st;
        assert_int_equal(stat(path_of(files[i].name), &st), 0);
        if ((st.st_mode & 0777) != files[i].mode)
            fail_msg("%s has mode %o", files[i].name, (unsigned)(st.st_mode & 0777));
    }
}

static int64_t days_from_now(const ASN1_TIME *t)
{
    int days = 0, seconds = 0;
    assert_int_equal(ASN1_TIME_diff(&days, &seconds, NULL, t), 1);
    return days;
}

static void certificates_are_valid_from_yesterday_for_their_time(void **state)
{
    (void)state;
    struct err e = {0};
    X509 *cert = cert_of("server.pem", 0), *ca = cert_of("ca.pem", 0);
    assert_in_range(-days_from_now(X509_get0_notBefore(cert)), 0, 1);
    assert_int_equal(X509_cmp_current_time(X509_get0_notBefore(cert)), -1);
    assert_in_range(days_from_now(X509_get0_notAfter(cert)), 2 * 365 - 2, 2 * 365);
    assert_in_range(days_from_now(X509_get0_notAfter(ca)), 20 * 365 - 2, 20 * 365);
    int64_t left = 0;
    assert_true(pki_seconds_left(path_of("server.pem"), &left, &e));
    assert_in_range(left, INT64_C(86400) * (2 * 365 - 2), INT64_C(86400) * 2 * 365);
    X509_free(cert);
    X509_free(ca);
}

static void a_renewal_keeps_the_key_and_its_pin(void **state)
{
    (void)state;
    struct err e = {0};
    char before[PIN_TEXT_MAX], after[PIN_TEXT_MAX];
    struct buf key_before, key_after, cert_before, cert_after;
    struct pki_names names;
    assert_true(pki_pin(path_of("server.pem"), before, &e));
    assert_int_equal(strncmp(before, "sha256//", 8), 0);
    contents("server.key", &key_before);
    contents("server.pem", &cert_before);
    names_for(&names, (const char *const[]){"other.example", NULL});
    assert_true(pki_make_server(temp_dir(), &names, &e));
    assert_true(pki_pin(path_of("server.pem"), after, &e));
    contents("server.key", &key_after);
    contents("server.pem", &cert_after);
    assert_string_equal(before, after);
    assert_true(slice_eq(buf_slice(&key_before), buf_slice(&key_after)));
    assert_false(slice_eq(buf_slice(&cert_before), buf_slice(&cert_after)));
    X509 *cert = cert_of("server.pem", 0);
    assert_int_equal(X509_check_host(cert, "other.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "fleet.example", 0, 0, NULL), 0);
    X509_free(cert);
    buf_free(&key_before);
    buf_free(&key_after);
    buf_free(&cert_before);
    buf_free(&cert_after);
}

static void a_certificate_authority_is_never_replaced(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf before, after;
    contents("ca.key", &before);
    assert_false(pki_make_ca(temp_dir(), "Another", &e));
    assert_int_equal(e.kind, ERR_CONFLICT);
    contents("ca.key", &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_free(&before);
    buf_free(&after);
}

static void a_renewal_that_fails_leaves_the_old_certificate(void **state)
{
    (void)state;
    struct err e = {0};
    struct buf before, after;
    struct pki_names none = {0}, odd = {0};
    contents("server.pem", &before);
    assert_false(pki_make_server(temp_dir(), &none, &e)); /* a certificate for nobody */
    assert_true(e.text[0] != '\0');
    pki_names_add(&odd, "a.example,DNS:evil.example"); /* one name stays one name */
    pki_names_add(&odd, "b example");
    err_clear(&e);
    assert_false(pki_make_server(temp_dir(), &odd, &e));
    assert_int_equal(e.kind, ERR_INVALID);
    contents("server.pem", &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    buf_free(&before);
    buf_free(&after);
}

static void a_missing_or_strange_file_is_named(void **state)
{
    (void)state;
    struct err e = {0};
    char pin[PIN_TEXT_MAX];
    int64_t left;
    const char *missing = path_of("none.pem");
    assert_false(pki_pin(missing, pin, &e));
    assert_int_equal(e.kind, ERR_IO);
    assert_non_null(strstr(e.text, missing));
    err_clear(&e);
    assert_false(pki_seconds_left(path_of("server.key"), &left, &e));
    assert_non_null(strstr(e.text, "no certificate in it"));
    struct pki_names names;
    names_for(&names, hosts);
    err_clear(&e);
    assert_false(pki_make_server("/nowhere/at/all", &names, &e));
    assert_non_null(strstr(e.text, "ca.pem"));
    assert_false(pki_make_ca("/nowhere/at/all", "x", &e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_kept_once_and_sorted_by_kind),
        cmocka_unit_test(the_certificate_is_for_all_its_names_and_no_other),
        cmocka_unit_test(the_chain_verifies_as_a_tls_server),
        cmocka_unit_test(keys_are_p256_and_signed_with_sha256),
        cmocka_unit_test(private_keys_are_for_their_owner_alone),
        cmocka_unit_test(certificates_are_valid_from_yesterday_for_their_time),
        cmocka_unit_test(a_renewal_keeps_the_key_and_its_pin),
        cmocka_unit_test(a_certificate_authority_is_never_replaced),
        cmocka_unit_test(a_renewal_that_fails_leaves_the_old_certificate),
        cmocka_unit_test(a_missing_or_strange_file_is_named),
    };
    return cmocka_run_group_tests(tests, make, NULL);
}
