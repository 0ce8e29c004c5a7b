/* What both implementations of crypto.h share. */
#include "crypto_spki.h"

#include "text.h"

#include <stdio.h>
#include <stdlib.h>

/* SEQUENCE { SEQUENCE { id-ecPublicKey, prime256v1 }, BIT STRING { 04 x y } }: constant up to x. */
static const uint8_t spki_head[SPKI_POINT_AT] = {
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06,
    0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
};

void spki_write(const uint8_t point[POINT_BYTES], uint8_t spki[PUBLIC_KEY_BYTES])
{
    memcpy(spki, spki_head, SPKI_POINT_AT);
    memcpy(spki + SPKI_POINT_AT, point, POINT_BYTES);
}

const uint8_t *spki_point(struct slice spki, struct err *e)
{
    if (spki.n != PUBLIC_KEY_BYTES || memcmp(spki.p, spki_head, SPKI_POINT_AT) != 0) {
        err_set(e, ERR_INVALID, "public key: an ECDSA P-256 SubjectPublicKeyInfo of %d bytes is expected",
                PUBLIC_KEY_BYTES);
        return NULL;
    }
    return (const uint8_t *)spki.p + SPKI_POINT_AT;
}

bool sign_key_is_pair(const struct sign_key *key)
{
    struct slice text = slice_of("fleetmend: do both halves belong together?");
    uint8_t signature[SIGNATURE_BYTES], spki[PUBLIC_KEY_BYTES];
    if (!sign_key_sign(key, text, signature, NULL))
        return false;
    sign_key_public(key, spki);
    struct verify_key *other = verify_key_new(slice_make(spki, sizeof spki), NULL);
    bool ok = other && verify_key_check(other, text, slice_make(signature, sizeof signature), NULL);
    verify_key_free(other);
    return ok;
}

void crypto_must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "fleetmend: the system's cryptography failed: %s\n", what);
    abort();
}

void sha256_hex(struct slice data, char out[2 * SHA256_BYTES + 1])
{
    uint8_t digest[SHA256_BYTES];
    sha256(data, digest);
    hex_encode(digest, sizeof digest, out);
}

void random_hex(size_t n, char *out)
{
    uint8_t bytes[64];
    while (n) {
        size_t take = n < sizeof bytes ? n : sizeof bytes;
        random_bytes(bytes, take);
        hex_encode(bytes, take, out);
        out += 2 * take;
        n -= take;
    }
    *out = '\0';
}

bool secret_equal(struct slice a, struct slice b)
{
    if (a.n != b.n)
        return false;
    /* volatile: the compiler may not leave the loop at the first difference */
    volatile unsigned char differs = 0;
    for (size_t i = 0; i < a.n; i++)
        differs = (unsigned char)(differs | (a.p[i] ^ b.p[i]));
    return differs == 0;
}

void pin_print(struct slice spki, char out[PIN_TEXT_MAX])
{
    uint8_t digest[SHA256_BYTES];
    sha256(spki, digest);
    struct buf text;
    buf_init(&text, PIN_TEXT_MAX - 1);
    buf_puts(&text, "sha256//");
    base64_encode(slice_make(digest, sizeof digest), &text);
    memcpy(out, buf_text(&text), text.n + 1);
    buf_free(&text);
}
