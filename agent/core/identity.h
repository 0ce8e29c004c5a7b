/* Who this machine is, and whom it believes: its private key (sealed by the machine), the order keys it
 * pinned, and the floor of the trusted time. One file, `identity`, replaced whole.
 *
 * A file that can't be read as JSON is set aside as `identity.bad` and a new identity begins; a key that
 * can't be unsealed is an error for a person to look at, because a new key is a new machine to the server. */
#ifndef FLEETMEND_IDENTITY_H
#define FLEETMEND_IDENTITY_H

#include "config.h"
#include "crypto.h"
#include "machine.h"

enum { MACHINE_ID_MAX = 2 * SHA256_BYTES + 1 };

enum pinned_by { PINNED_BY_NOBODY, PINNED_BY_POLICY, PINNED_BY_ENROLMENT };

struct identity;

/* Reads or makes it. `policy`: its order_keys are the pins from policy; while there are any, other keys are
 * forgotten. secret: 32 bytes to derive the key from instead of making and sealing one; NULL on real
 * machines. NULL on failure. */
struct identity *identity_open(const struct machine *, const struct agent_config *policy,
                               const uint8_t *secret, struct err *e);
void identity_close(struct identity *);

const struct sign_key *identity_key(const struct identity *);
/* Lower-case hex SHA-256 of the public key's SPKI. */
const char *identity_id(const struct identity *);
bool identity_enrolled(const struct identity *);
bool identity_set_enrolled(struct identity *, bool enrolled, struct err *e);

/* Whether any order key is pinned, by policy or by an enrolment: without one nothing is believed over
 * unchecked TLS. */
bool identity_pinned(const struct identity *);
enum pinned_by identity_pinned_by(const struct identity *);
const char *identity_pinned_by_text(const struct identity *); /* "policy", "enrolment" or "" */
/* Whether a pin allows this key. */
bool identity_allows(const struct identity *, struct slice spki);
/* Remembers an order key. The caller checked identity_allows(), or pins it for the first time by enrolment.
 */
bool identity_pin(struct identity *, struct slice spki, struct err *e);
/* The known order keys. */
size_t identity_order_keys(const struct identity *, const struct verify_key *const **keys);
/* The pin of a known key, or one from policy whose key has not been seen yet; NULL when there is none. */
const char *identity_first_pin(const struct identity *);

int64_t identity_time_floor_ms(const struct identity *);
int64_t identity_time_epoch(const struct identity *);
bool identity_set_time(struct identity *, int64_t floor_ms, int64_t epoch, struct err *e);

#endif
