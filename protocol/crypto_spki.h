/* For the two implementations of crypto.h only: where the point stands in a P-256 SubjectPublicKeyInfo. */
#ifndef FLEETMEND_CRYPTO_SPKI_H
#define FLEETMEND_CRYPTO_SPKI_H

#include "crypto.h"

enum { POINT_BYTES = 2 * SCALAR_BYTES, SPKI_POINT_AT = PUBLIC_KEY_BYTES - POINT_BYTES };

/* `point` is x || y. */
void spki_write(const uint8_t point[POINT_BYTES], uint8_t spki[PUBLIC_KEY_BYTES]);
/* Points at x || y inside `spki`; NULL with ERR_INVALID when it is anything but an uncompressed P-256 key.
 * Whether the point is on the curve is left to the caller. */
const uint8_t *spki_point(struct slice spki, struct err *e);

/* A signature over a fixed text by `key` verifies under its own public half. */
bool sign_key_is_pair(const struct sign_key *key);

/* For what can't fail on a healthy system: says `what` on stderr and aborts unless `ok`. */
void crypto_must(bool ok, const char *what);

#endif
