/* Signed messages: DSSE envelopes (Dead Simple Signing Envelope) with ECDSA P-256.
 *
 *   {"payloadType": TYPE, "payload": BASE64, "signatures": [{"keyid": HEX, "sig": BASE64}]}
 *
 * A signature is over DSSE's pre-authentication encoding of type and payload bytes, so what is signed for one
 * purpose never passes for another. Bytes are verified first and parsed second, and what was signed is never
 * written anew. `keyid` is the SHA-256 of the signer's SubjectPublicKeyInfo in hex; it helps people to find
 * the key and decides nothing. */
#ifndef FLEETMEND_ENVELOPE_H
#define FLEETMEND_ENVELOPE_H

#include "buf.h"
#include "crypto.h"

enum {
    ENVELOPE_PAYLOAD_MAX = 64 * 1024,
    ENVELOPE_SIGNATURES_MAX = 4,
    ENVELOPE_MAX = 90 * 1024, /* of the JSON text: base64 of the longest payload, and room for the rest */
};

#define ENVELOPE_TIME    "application/vnd.fleetmend.time+json"
#define ENVELOPE_ENROLL  "application/vnd.fleetmend.enroll+json"
#define ENVELOPE_SESSION "application/vnd.fleetmend.session+json"
#define ENVELOPE_ORDER   "application/vnd.fleetmend.order+json"

/* Appends the envelope to `out`. ERR_LIMIT when the payload is too long, or `out` too small. Thread-safe. */
bool envelope_sign(const struct sign_key *, const char *type, struct slice payload, struct buf *out,
                   struct err *e);

/* Replaces what is in `payload` by the payload when any signature holds under any of the keys; else `payload`
 * is left empty. ERR_DENIED: another type, or no signature holds. ERR_INVALID, ERR_LIMIT: not an envelope, or
 * one beyond the limits above. Thread-safe. */
bool envelope_open(struct slice json, const char *type, const struct verify_key *const keys[], size_t n_keys,
                   struct buf *payload, struct err *e);

/* The payload with nothing verified, for enrolment, where the key stands inside it: read that key, call
 * envelope_open() with it, and use only what that gives. */
bool envelope_peek(struct slice json, const char *type, struct buf *payload, struct err *e);

#endif
