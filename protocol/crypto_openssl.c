#include "crypto_spki.h"

#include "mem.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>

/* The longest DER form of r and s: two INTEGERs of 33 bytes in a SEQUENCE. */
enum { DER_SIGNATURE_MAX = 72, SHA256_BLOCK_BYTES = 64 };

struct sign_key {
    EVP_PKEY *pkey; /* never changed after its making, so threads share it */
    uint8_t spki[PUBLIC_KEY_BYTES];
};

struct verify_key {
    EVP_PKEY *pkey;
};

/* OpenSSL's error queue belongs to the thread, and TLS on the same thread reads it: whatever fails here
 * between errors_begin() and errors_end() leaves nothing behind. */
static void errors_begin(void)
{
    ERR_set_mark();
}

static void errors_end(void)
{
    ERR_pop_to_mark();
}

/* NULL when the numbers are no P-256 key; fails for points off the curve. `scalar` NULL: the public half
 * alone. */
static EVP_PKEY *pkey_from_numbers(const uint8_t *scalar, const uint8_t point[POINT_BYTES])
{
    EVP_PKEY *pkey = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *d = scalar ? BN_secure_new() : NULL;
    uint8_t encoded[1 + POINT_BYTES] = {POINT_CONVERSION_UNCOMPRESSED};
    memcpy(encoded + 1, point, POINT_BYTES);

    OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (!build || !ctx || (scalar && !d))
        goto out;
    if (!OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1, 0) ||
        !OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, encoded, sizeof encoded))
        goto out;
    if (scalar &&
        (!BN_bin2bn(scalar, SCALAR_BYTES, d) || !OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d)))
        goto out;
    params = OSSL_PARAM_BLD_to_param(build);
    if (!params || EVP_PKEY_fromdata_init(ctx) != 1)
        goto out;
    if (EVP_PKEY_fromdata(ctx, &pkey, scalar ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        pkey = NULL;
out:
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(build);
    EVP_PKEY_CTX_free(ctx);
    BN_clear_free(d);
    return pkey;
}

static bool pkey_number(const EVP_PKEY *pkey, const char *name, uint8_t out[SCALAR_BYTES])
{
    BIGNUM *n = NULL;
    bool ok =
        EVP_PKEY_get_bn_param(pkey, name, &n) == 1 && BN_bn2binpad(n, out, SCALAR_BYTES) == SCALAR_BYTES;
    BN_clear_free(n);
    return ok;
}

static bool pkey_point(const EVP_PKEY *pkey, uint8_t point[POINT_BYTES])
{
    return pkey_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, point) &&
           pkey_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, point + SCALAR_BYTES);
}

/* Takes `pkey`; NULL when it is NULL. */
static struct sign_key *sign_key_around(EVP_PKEY *pkey)
{
    uint8_t point[POINT_BYTES];
    if (!pkey || !pkey_point(pkey, point)) {
        EVP_PKEY_free(pkey);
        return NULL;
    }
    struct sign_key *key = mem_zalloc(sizeof *key);
    key->pkey = pkey;
    spki_write(point, key->spki);
    return key;
}

struct sign_key *sign_key_generate(struct err *e)
{
    errors_begin();
    struct sign_key *key = sign_key_around(EVP_EC_gen(SN_X9_62_prime256v1));
    errors_end();
    if (!key)
        err_set(e, ERR_INTERNAL, "OpenSSL could not make a P-256 key");
    return key;
}

struct sign_key *sign_key_from_secret(const uint8_t secret[PRIVATE_KEY_BYTES], struct err *e)
{
    errors_begin();
    struct sign_key *key = sign_key_around(pkey_from_numbers(secret, secret + SCALAR_BYTES));
    errors_end();
    if (key && sign_key_is_pair(key))
        return key;
    sign_key_free(key);
    err_set(e, ERR_INVALID, "private key: not a P-256 key, or its halves do not belong together");
    return NULL;
}

/* d times the base point, as x || y. False unless 1 <= d < n. */
static bool point_of_scalar(const uint8_t scalar[SCALAR_BYTES], uint8_t point[POINT_BYTES])
{
    bool ok = false;
    uint8_t encoded[1 + POINT_BYTES];
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *public = group ? EC_POINT_new(group) : NULL;
    BIGNUM *d = BN_secure_new();
    if (!public || !d || !BN_bin2bn(scalar, SCALAR_BYTES, d))
        goto out;
    if (BN_is_zero(d) || BN_cmp(d, EC_GROUP_get0_order(group)) >= 0)
        goto out;
    if (!EC_POINT_mul(group, public, d, NULL, NULL, NULL))
        goto out;
    if (EC_POINT_point2oct(group, public, POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof encoded, NULL) !=
        sizeof encoded)
        goto out;
    memcpy(point, encoded + 1, POINT_BYTES);
    ok = true;
out:
    BN_clear_free(d);
    EC_POINT_free(public);
    EC_GROUP_free(group);
    return ok;
}

struct sign_key *sign_key_from_scalar(const uint8_t scalar[SCALAR_BYTES], struct err *e)
{
    uint8_t point[POINT_BYTES];
    struct sign_key *key = NULL;
    errors_begin();
    if (point_of_scalar(scalar, point))
        key = sign_key_around(pkey_from_numbers(scalar, point));
    errors_end();
    if (!key)
        err_set(e, ERR_INVALID, "private key: the scalar must be at least 1 and below the order of P-256");
    return key;
}

bool sign_key_secret(const struct sign_key *key, uint8_t secret[PRIVATE_KEY_BYTES], struct err *e)
{
    errors_begin();
    bool ok = pkey_number(key->pkey, OSSL_PKEY_PARAM_PRIV_KEY, secret) &&
              pkey_point(key->pkey, secret + SCALAR_BYTES);
    errors_end();
    return ok || err_set(e, ERR_INTERNAL, "OpenSSL could not export a private key");
}

void sign_key_free(struct sign_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    mem_free(key);
}

static bool der_to_fixed(const uint8_t *der, size_t n, uint8_t signature[SIGNATURE_BYTES])
{
    ECDSA_SIG *rs = d2i_ECDSA_SIG(NULL, &der, (long)n);
    bool ok = rs && BN_bn2binpad(ECDSA_SIG_get0_r(rs), signature, SCALAR_BYTES) == SCALAR_BYTES &&
              BN_bn2binpad(ECDSA_SIG_get0_s(rs), signature + SCALAR_BYTES, SCALAR_BYTES) == SCALAR_BYTES;
    ECDSA_SIG_free(rs);
    return ok;
}

bool sign_key_sign(const struct sign_key *key, struct slice message, uint8_t signature[SIGNATURE_BYTES],
                   struct err *e)
{
    uint8_t der[DER_SIGNATURE_MAX];
    size_t n = sizeof der;
    errors_begin();
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key->pkey) == 1 &&
              EVP_DigestSign(ctx, der, &n, (const unsigned char *)message.p, message.n) == 1 &&
              der_to_fixed(der, n, signature);
    EVP_MD_CTX_free(ctx);
    errors_end();
    return ok || err_set(e, ERR_INTERNAL, "OpenSSL could not sign");
}

void sign_key_public(const struct sign_key *key, uint8_t spki[PUBLIC_KEY_BYTES])
{
    memcpy(spki, key->spki, PUBLIC_KEY_BYTES);
}

struct verify_key *verify_key_new(struct slice spki, struct err *e)
{
    const uint8_t *point = spki_point(spki, e);
    if (!point)
        return NULL;
    errors_begin();
    EVP_PKEY *pkey = pkey_from_numbers(NULL, point);
    errors_end();
    if (!pkey) {
        err_set(e, ERR_INVALID, "public key: its point is not on the curve P-256");
        return NULL;
    }
    struct verify_key *key = mem_zalloc(sizeof *key);
    key->pkey = pkey;
    return key;
}

void verify_key_free(struct verify_key *key)
{
    if (!key)
        return;
    EVP_PKEY_free(key->pkey);
    mem_free(key);
}

/* The length of the DER form, 0 on failure. */
static size_t fixed_to_der(const uint8_t *signature, uint8_t der[DER_SIGNATURE_MAX])
{
    ECDSA_SIG *rs = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(signature, SCALAR_BYTES, NULL);
    BIGNUM *s = BN_bin2bn(signature + SCALAR_BYTES, SCALAR_BYTES, NULL);
    int n = 0;
    if (rs && r && s && ECDSA_SIG_set0(rs, r, s)) {
        r = s = NULL; /* rs owns them now */
        n = i2d_ECDSA_SIG(rs, &der);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(rs);
    return n > 0 ? (size_t)n : 0;
}

static bool pkey_verifies(EVP_PKEY *pkey, struct slice message, const uint8_t *signature)
{
    uint8_t der[DER_SIGNATURE_MAX];
    size_t n = fixed_to_der(signature, der);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = n && ctx && EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, pkey) == 1 &&
              EVP_DigestVerify(ctx, der, n, (const unsigned char *)message.p, message.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

bool verify_key_check(const struct verify_key *key, struct slice message, struct slice signature,
                      struct err *e)
{
    if (signature.n != SIGNATURE_BYTES)
        return err_set(e, ERR_DENIED, "signature: %d bytes expected, %zu found", SIGNATURE_BYTES,
                       signature.n);
    errors_begin();
    bool ok = pkey_verifies(key->pkey, message, (const uint8_t *)signature.p);
    errors_end();
    return ok || err_set(e, ERR_DENIED, "signature: it does not hold for this text and key");
}

/* Asked for by name each time, OpenSSL looks an algorithm up under a lock; that costs more than hashing a
 * ticket. */
static EVP_MD *sha256_algorithm;
static CRYPTO_ONCE sha256_once = CRYPTO_ONCE_STATIC_INIT;

static void fetch_sha256(void)
{
    sha256_algorithm = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha256_md(void)
{
    crypto_must(CRYPTO_THREAD_run_once(&sha256_once, fetch_sha256) == 1 && sha256_algorithm, "SHA-256");
    return sha256_algorithm;
}

void sha256(struct slice data, uint8_t digest[SHA256_BYTES])
{
    crypto_must(EVP_Digest(data.p, data.n, digest, NULL, sha256_md(), NULL) == 1, "SHA-256");
}

static bool hash_padded(EVP_MD_CTX *ctx, const uint8_t block[SHA256_BLOCK_BYTES], uint8_t with,
                        struct slice data, uint8_t digest[SHA256_BYTES])
{
    uint8_t pad[SHA256_BLOCK_BYTES];
    for (size_t i = 0; i < sizeof pad; i++)
        pad[i] = block[i] ^ with;
    bool ok = EVP_DigestInit_ex(ctx, sha256_md(), NULL) == 1 && EVP_DigestUpdate(ctx, pad, sizeof pad) == 1 &&
              EVP_DigestUpdate(ctx, data.p, data.n) == 1 && EVP_DigestFinal_ex(ctx, digest, NULL) == 1;
    OPENSSL_cleanse(pad, sizeof pad);
    return ok;
}

/* RFC 2104, written out: every request of an agent is checked by one, and OpenSSL 3 spends four times as much
 * on setting its own up. */
void hmac_sha256(struct slice key, struct slice data, uint8_t mac[SHA256_BYTES])
{
    uint8_t block[SHA256_BLOCK_BYTES] = {0}, inner[SHA256_BYTES];
    if (key.n > sizeof block)
        sha256(key, block);
    else if (key.n)
        memcpy(block, key.p, key.n);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    crypto_must(ctx && hash_padded(ctx, block, 0x36, data, inner) &&
                    hash_padded(ctx, block, 0x5c, slice_make(inner, sizeof inner), mac),
                "HMAC-SHA-256");
    EVP_MD_CTX_free(ctx);
    OPENSSL_cleanse(block, sizeof block);
}

void random_bytes(void *out, size_t n)
{
    crypto_must(n <= INT32_MAX && RAND_bytes(out, (int)n) == 1, "random numbers");
}
