/* Bodies of changing requests: typed members with a clear complaint. */
#ifndef FLEETMEND_BODY_H
#define FLEETMEND_BODY_H

#include "arena.h"
#include "json.h"
#include "wire.h"

/* An empty body is an empty object. Every member must be one of `known` (ended by NULL): a misspelt name is
 * an error that lists them. Free with json_free(). */
struct json *body_parse(struct slice body, const char *const known[], struct err *e);
/* Absent members keep *out. */
bool body_string(const struct json *, const char *key, size_t max, struct arena *, const char **out,
                 struct err *e);
bool body_int(const struct json *, const char *key, int64_t *out, struct err *e);
bool body_bool(const struct json *, const char *key, bool *out, struct err *e);
bool body_strings(const struct json *, const char *key, size_t max, struct arena *, const char ***out,
                  size_t *n, struct err *e);
bool body_pairs(const struct json *, const char *key, size_t max, struct arena *, struct wire_pair **out,
                size_t *n, struct err *e);

#endif
