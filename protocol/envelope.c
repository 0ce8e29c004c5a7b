#include "envelope.h"

#include "json.h"
#include "text.h"

/* The bytes under the signature: both lengths are in it, so no two pairs of type and payload look alike. */
static void pae_append(struct buf *out, const char *type, struct slice payload)
{
    buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, payload.n);
    buf_append_slice(out, payload);
}

static void pae_init(struct buf *out, const char *type, struct slice payload)
{
    buf_init(out, payload.n + strlen(type) + 64);
    pae_append(out, type, payload);
}

static void put_base64(struct json_writer *w, const char *key, struct slice bytes)
{
    struct buf text;
    buf_init(&text, bytes.n / 3 * 4 + 4);
    base64_encode(bytes, &text);
    json_put_key(w, key);
    json_put_slice(w, buf_slice(&text));
    buf_free(&text);
}

static void put_signature(struct json_writer *w, const struct sign_key *key, struct slice signature)
{
    uint8_t spki[PUBLIC_KEY_BYTES];
    char keyid[2 * SHA256_BYTES + 1];
    sign_key_public(key, spki);
    sha256_hex(slice_make(spki, sizeof spki), keyid);
    json_begin(w, '{');
    json_member_string(w, "keyid", keyid);
    put_base64(w, "sig", signature);
    json_end(w, '}');
}

bool envelope_sign(const struct sign_key *key, const char *type, struct slice payload, struct buf *out,
                   struct err *e)
{
    if (payload.n > ENVELOPE_PAYLOAD_MAX)
        return err_set(e, ERR_LIMIT, "envelope: the payload has %zu bytes, at most %d are allowed", payload.n,
                       ENVELOPE_PAYLOAD_MAX);
    struct buf pae;
    uint8_t signature[SIGNATURE_BYTES];
    pae_init(&pae, type, payload);
    bool ok = sign_key_sign(key, buf_slice(&pae), signature, e);
    buf_free(&pae);
    if (!ok)
        return err_wrap(e, "envelope");

    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, "payloadType", type);
    put_base64(&w, "payload", payload);
    json_put_key(&w, "signatures");
    json_begin(&w, '[');
    put_signature(&w, key, slice_make(signature, sizeof signature));
    json_end(&w, ']');
    json_end(&w, '}');
    return buf_check(out, "envelope", e);
}

static bool type_check(const struct json *envelope, const char *type, struct err *e)
{
    struct slice found;
    if (!json_string(json_get(envelope, "payloadType"), &found))
        return err_set(e, ERR_INVALID, "envelope: payloadType: a string is expected");
    if (!slice_eqz(found, type))
        return err_set(e, ERR_DENIED, "envelope: payloadType is '%.64s', '%s' is expected", found.p, type);
    return true;
}

static bool payload_decode(const struct json *envelope, struct buf *payload, struct err *e)
{
    struct slice text;
    if (!json_string(json_get(envelope, "payload"), &text))
        return err_set(e, ERR_INVALID, "envelope: payload: a string is expected");
    if (!base64_decode(text, payload, e))
        return err_wrap(e, "envelope: payload");
    if (payload->n > ENVELOPE_PAYLOAD_MAX)
        return err_set(e, ERR_LIMIT, "envelope: the payload has %zu bytes, at most %d are allowed",
                       payload->n, ENVELOPE_PAYLOAD_MAX);
    return true;
}

static bool signatures_check(const struct json *envelope, struct err *e)
{
    const struct json *signatures = json_get(envelope, "signatures");
    if (json_type(signatures) != JSON_ARRAY || json_count(signatures) == 0)
        return err_set(e, ERR_INVALID, "envelope: signatures: a list with at least one is expected");
    if (json_count(signatures) > ENVELOPE_SIGNATURES_MAX)
        return err_set(e, ERR_LIMIT, "envelope: %zu signatures, at most %d are allowed",
                       json_count(signatures), ENVELOPE_SIGNATURES_MAX);
    return true;
}

/* The parsed envelope, and its payload; all but the signatures is checked. Free with json_free(). */
static struct json *envelope_read(struct slice text, const char *type, struct buf *payload, struct err *e)
{
    buf_clear(payload);
    if (text.n > ENVELOPE_MAX) {
        err_set(e, ERR_LIMIT, "envelope: %zu bytes, at most %d are allowed", text.n, ENVELOPE_MAX);
        return NULL;
    }
    struct json *envelope = json_parse(text, e);
    if (!envelope) {
        err_wrap(e, "envelope");
        return NULL;
    }
    if (type_check(envelope, type, e) && signatures_check(envelope, e) &&
        payload_decode(envelope, payload, e))
        return envelope;
    buf_clear(payload);
    json_free(envelope);
    return NULL;
}

static bool signature_holds(const struct json *signature, struct slice pae,
                            const struct verify_key *const keys[], size_t n_keys)
{
    struct slice text;
    if (!json_string(json_get(signature, "sig"), &text))
        return false;
    bool holds = false;
    struct buf bytes;
    buf_init(&bytes, SIGNATURE_BYTES);
    if (base64_decode(text, &bytes, NULL))
        for (size_t i = 0; i < n_keys && !holds; i++)
            holds = verify_key_check(keys[i], pae, buf_slice(&bytes), NULL);
    buf_free(&bytes);
    return holds;
}

static bool any_signature_holds(const struct json *envelope, const char *type, struct slice payload,
                                const struct verify_key *const keys[], size_t n_keys)
{
    struct buf pae;
    pae_init(&pae, type, payload);
    const struct json *signature = json_first(json_get(envelope, "signatures"));
    while (signature && !signature_holds(signature, buf_slice(&pae), keys, n_keys))
        signature = json_next(signature);
    buf_free(&pae);
    return signature != NULL;
}

/* Says whose signature it claims to bear: with a wrong pin that is what the reader must compare. */
static bool denied(const struct json *envelope, size_t n_keys, struct err *e)
{
    struct slice keyid;
    if (!json_string(json_get(json_first(json_get(envelope, "signatures")), "keyid"), &keyid))
        keyid = slice_of("?");
    return err_set(e, ERR_DENIED,
                   "envelope: no signature holds under the %zu trusted key%s; the first one says keyid %.64s",
                   n_keys, n_keys == 1 ? "" : "s", keyid.p);
}

bool envelope_open(struct slice text, const char *type, const struct verify_key *const keys[], size_t n_keys,
                   struct buf *payload, struct err *e)
{
    struct json *envelope = envelope_read(text, type, payload, e);
    if (!envelope)
        return false;
    bool ok =
        any_signature_holds(envelope, type, buf_slice(payload), keys, n_keys) || denied(envelope, n_keys, e);
    if (!ok)
        buf_clear(payload);
    json_free(envelope);
    return ok;
}

bool envelope_peek(struct slice text, const char *type, struct buf *payload, struct err *e)
{
    struct json *envelope = envelope_read(text, type, payload, e);
    json_free(envelope);
    return envelope != NULL;
}
