#include "crypto_spki.h"

#include "mem.h"

#include <windows.h>

#include <bcrypt.h>

/* One handle per algorithm for the life of the process. A handle of an algorithm may be shared by threads. */
struct algorithms {
    BCRYPT_ALG_HANDLE ecdsa, sha256, hmac;
};

struct sign_key {
    BCRYPT_KEY_HANDLE handle; /* guarded by keys_lock while it works */
    uint8_t spki[PUBLIC_KEY_BYTES];
};

struct verify_key {
    BCRYPT_KEY_HANDLE handle; /* guarded by keys_lock while it works */
};

/* CNG does not promise that two threads may use one key at once. An agent signs once an hour: one lock does.
 */
static SRWLOCK keys_lock = SRWLOCK_INIT;

/* What CNG calls a blob: this head, then x, y and, in a private one, d. */
struct ecc_blob {
    BCRYPT_ECCKEY_BLOB head;
    uint8_t point[POINT_BYTES];
    uint8_t scalar[SCALAR_BYTES];
};
enum { PUBLIC_BLOB_BYTES = sizeof(BCRYPT_ECCKEY_BLOB) + POINT_BYTES };

static bool good(NTSTATUS status)
{
    return status >= 0;
}

static BCRYPT_ALG_HANDLE algorithm_open(const wchar_t *name, ULONG flags)
{
    BCRYPT_ALG_HANDLE handle = NULL;
    crypto_must(good(BCryptOpenAlgorithmProvider(&handle, name, NULL, flags)), "opening a CNG provider");
    return handle;
}

static BOOL CALLBACK algorithms_open(PINIT_ONCE once, void *parameter, void **context)
{
    (void)once;
    (void)context;
    *(struct algorithms *)parameter = (struct algorithms){
        .ecdsa = algorithm_open(BCRYPT_ECDSA_P256_ALGORITHM, 0),
        .sha256 = algorithm_open(BCRYPT_SHA256_ALGORITHM, 0),
        .hmac = algorithm_open(BCRYPT_SHA256_ALGORITHM, BCRYPT_ALG_HANDLE_HMAC_FLAG),
    };
    return TRUE;
}

static const struct algorithms *algorithms(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;
    static struct algorithms all;
    InitOnceExecuteOnce(&once, algorithms_open, &all, NULL);
    return &all;
}

/* CNG does not write to what it reads, its prototypes only do not say so. */
static UCHAR *readable(const void *p)
{
    return (UCHAR *)(uintptr_t)p;
}

static BCRYPT_KEY_HANDLE import_blob(const wchar_t *kind, const struct ecc_blob *blob, ULONG size)
{
    BCRYPT_KEY_HANDLE handle = NULL;
    NTSTATUS status = BCryptImportKeyPair(algorithms()->ecdsa, NULL, kind, &handle, readable(blob), size, 0);
    return good(status) ? handle : NULL;
}

static bool export_blob(BCRYPT_KEY_HANDLE handle, struct ecc_blob *blob)
{
    ULONG n = 0;
    return good(BCryptExportKey(handle, NULL, BCRYPT_ECCPRIVATE_BLOB, (UCHAR *)blob, sizeof *blob, &n, 0)) &&
           n == sizeof *blob && blob->head.dwMagic == BCRYPT_ECDSA_PRIVATE_P256_MAGIC;
}

/* Takes `handle`. */
static struct sign_key *sign_key_around(BCRYPT_KEY_HANDLE handle, const uint8_t point[POINT_BYTES])
{
    struct sign_key *key = mem_zalloc(sizeof *key);
    key->handle = handle;
    spki_write(point, key->spki);
    return key;
}

struct sign_key *sign_key_generate(struct err *e)
{
    struct ecc_blob blob;
    BCRYPT_KEY_HANDLE handle = NULL;
    NTSTATUS status = BCryptGenerateKeyPair(algorithms()->ecdsa, &handle, 256, 0);
    if (good(status))
        status = BCryptFinalizeKeyPair(handle, 0);
    if (!good(status) || !export_blob(handle, &blob)) {
        if (handle)
            BCryptDestroyKey(handle);
        err_set(e, ERR_INTERNAL, "CNG could not make a P-256 key (NTSTATUS 0x%08lX)", (unsigned long)status);
        return NULL;
    }
    struct sign_key *key = sign_key_around(handle, blob.point);
    mem_wipe(&blob, sizeof blob);
    return key;
}

struct sign_key *sign_key_from_secret(const uint8_t secret[PRIVATE_KEY_BYTES], struct err *e)
{
    struct ecc_blob blob = {.head = {BCRYPT_ECDSA_PRIVATE_P256_MAGIC, SCALAR_BYTES}};
    memcpy(blob.scalar, secret, SCALAR_BYTES);
    memcpy(blob.point, secret + SCALAR_BYTES, POINT_BYTES);
    BCRYPT_KEY_HANDLE handle = import_blob(BCRYPT_ECCPRIVATE_BLOB, &blob, sizeof blob);
    mem_wipe(&blob, sizeof blob);

    struct sign_key *key = handle ? sign_key_around(handle, secret + SCALAR_BYTES) : NULL;
    if (key && sign_key_is_pair(key))
        return key;
    sign_key_free(key);
    err_set(e, ERR_INVALID, "private key: not a P-256 key, or its halves do not belong together");
    return NULL;
}

bool sign_key_secret(const struct sign_key *key, uint8_t secret[PRIVATE_KEY_BYTES], struct err *e)
{
    struct ecc_blob blob;
    bool ok = export_blob(key->handle, &blob);
    if (ok) {
        memcpy(secret, blob.scalar, SCALAR_BYTES);
        memcpy(secret + SCALAR_BYTES, blob.point, POINT_BYTES);
    }
    mem_wipe(&blob, sizeof blob);
    return ok || err_set(e, ERR_INTERNAL, "CNG could not export a private key");
}

void sign_key_free(struct sign_key *key)
{
    if (!key)
        return;
    BCryptDestroyKey(key->handle);
    mem_free(key);
}

bool sign_key_sign(const struct sign_key *key, struct slice message, uint8_t signature[SIGNATURE_BYTES],
                   struct err *e)
{
    uint8_t digest[SHA256_BYTES];
    ULONG n = 0;
    sha256(message, digest);
    AcquireSRWLockExclusive(&keys_lock);
    NTSTATUS status =
        BCryptSignHash(key->handle, NULL, digest, sizeof digest, signature, SIGNATURE_BYTES, &n, 0);
    ReleaseSRWLockExclusive(&keys_lock);
    if (good(status) && n == SIGNATURE_BYTES)
        return true;
    return err_set(e, ERR_INTERNAL, "CNG could not sign (NTSTATUS 0x%08lX)", (unsigned long)status);
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
    struct ecc_blob blob = {.head = {BCRYPT_ECDSA_PUBLIC_P256_MAGIC, SCALAR_BYTES}};
    memcpy(blob.point, point, POINT_BYTES);
    BCRYPT_KEY_HANDLE handle = import_blob(BCRYPT_ECCPUBLIC_BLOB, &blob, PUBLIC_BLOB_BYTES);
    if (!handle) {
        err_set(e, ERR_INVALID, "public key: its point is not on the curve P-256");
        return NULL;
    }
    struct verify_key *key = mem_zalloc(sizeof *key);
    key->handle = handle;
    return key;
}

void verify_key_free(struct verify_key *key)
{
    if (!key)
        return;
    BCryptDestroyKey(key->handle);
    mem_free(key);
}

bool verify_key_check(const struct verify_key *key, struct slice message, struct slice signature,
                      struct err *e)
{
    if (signature.n != SIGNATURE_BYTES)
        return err_set(e, ERR_DENIED, "signature: %d bytes expected, %zu found", SIGNATURE_BYTES,
                       signature.n);
    uint8_t digest[SHA256_BYTES];
    sha256(message, digest);
    AcquireSRWLockExclusive(&keys_lock);
    NTSTATUS status = BCryptVerifySignature(key->handle, NULL, digest, sizeof digest, readable(signature.p),
                                            SIGNATURE_BYTES, 0);
    ReleaseSRWLockExclusive(&keys_lock);
    return good(status) || err_set(e, ERR_DENIED, "signature: it does not hold for this text and key");
}

/* The one-call BCryptHash() came after Windows 7. `key` belongs to HMAC. */
static bool hash(BCRYPT_ALG_HANDLE algorithm, struct slice key, struct slice data,
                 uint8_t digest[SHA256_BYTES])
{
    BCRYPT_HASH_HANDLE handle = NULL;
    if (key.n > INT32_MAX || data.n > INT32_MAX)
        return false;
    bool ok = good(BCryptCreateHash(algorithm, &handle, NULL, 0, readable(key.p), (ULONG)key.n, 0)) &&
              good(BCryptHashData(handle, readable(data.p), (ULONG)data.n, 0)) &&
              good(BCryptFinishHash(handle, digest, SHA256_BYTES, 0));
    if (handle)
        BCryptDestroyHash(handle);
    return ok;
}

void sha256(struct slice data, uint8_t digest[SHA256_BYTES])
{
    crypto_must(hash(algorithms()->sha256, (struct slice){0}, data, digest), "SHA-256");
}

void hmac_sha256(struct slice key, struct slice data, uint8_t mac[SHA256_BYTES])
{
    crypto_must(hash(algorithms()->hmac, key, data, mac), "HMAC-SHA-256");
}

void random_bytes(void *out, size_t n)
{
    crypto_must(n <= INT32_MAX && good(BCryptGenRandom(NULL, out, (ULONG)n, BCRYPT_USE_SYSTEM_PREFERRED_RNG)),
                "random numbers");
}
