/* The few cryptographic primitives both sides share: ECDSA P-256 with SHA-256, SHA-256, HMAC-SHA-256, random.
 *
 * One interface, two implementations with the same test vectors: crypto_openssl.c (OpenSSL 3) and
 * crypto_cng.c (Windows CNG). Public keys travel as DER SubjectPublicKeyInfo (91 bytes, uncompressed point);
 * signatures as r || s, 64 bytes (IEEE P1363), the form CNG and WebCrypto speak. */
#ifndef FLEETMEND_CRYPTO_H
#define FLEETMEND_CRYPTO_H

#include "err.h"
#include "slice.h"

#include <stdint.h>

enum {
    SHA256_BYTES = 32,
    SIGNATURE_BYTES = 64,
    SCALAR_BYTES = 32,
    PRIVATE_KEY_BYTES = 3 * SCALAR_BYTES,
    PUBLIC_KEY_BYTES = 91,
    PIN_TEXT_MAX = 60,
};

struct sign_key;   /* a private key with its public half */
struct verify_key; /* a public key */

/* A new key from the system's random source. Free with sign_key_free(). NULL on failure. */
struct sign_key *sign_key_generate(struct err *e);
/* The key sign_key_secret() wrote, for sealed storage. ERR_INVALID unless both halves belong together. */
struct sign_key *sign_key_from_secret(const uint8_t secret[PRIVATE_KEY_BYTES], struct err *e);
/* Scalar, then the point's x and y, 32 bytes each, big-endian: CNG imports no scalar without its point. The
 * caller wipes it. */
bool sign_key_secret(const struct sign_key *, uint8_t secret[PRIVATE_KEY_BYTES], struct err *e);
void sign_key_free(struct sign_key *);
/* Thread-safe for different threads at once. */
bool sign_key_sign(const struct sign_key *, struct slice message, uint8_t signature[SIGNATURE_BYTES], struct err *e);
void sign_key_public(const struct sign_key *, uint8_t spki[PUBLIC_KEY_BYTES]);
#ifndef _WIN32
/* The key whose private scalar is `scalar` (big-endian, 1 <= d < n): for keys derived from a seed. */
struct sign_key *sign_key_from_scalar(const uint8_t scalar[SCALAR_BYTES], struct err *e);
#endif

/* ERR_INVALID unless `spki` is exactly such a P-256 key with a point on the curve. (With CNG
 * the import decides; Wine's lets any point pass, and such a key then denies every signature.) Free with
 * verify_key_free(). */
struct verify_key *verify_key_new(struct slice spki, struct err *e);
void verify_key_free(struct verify_key *);
/* ERR_DENIED when the signature does not hold. Thread-safe. */
bool verify_key_check(const struct verify_key *, struct slice message, struct slice signature, struct err *e);

void sha256(struct slice data, uint8_t digest[SHA256_BYTES]);
void sha256_hex(struct slice data, char out[2 * SHA256_BYTES + 1]);
void hmac_sha256(struct slice key, struct slice data, uint8_t mac[SHA256_BYTES]);
/* Aborts when the system has no randomness. */
void random_bytes(void *out, size_t n);
/* n random bytes as 2n lower-case hex digits and NUL. */
void random_hex(size_t n, char *out);
/* Equal without telling by time where they differ; different lengths are unequal. */
bool secret_equal(struct slice a, struct slice b);

/* "sha256//BASE64" of an SPKI's SHA-256: the pin's spelling everywhere (curl's too). */
void pin_print(struct slice spki, char out[PIN_TEXT_MAX]);

#endif
