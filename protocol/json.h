/* Strict JSON: reading and writing.
 *
 * Reading refuses what cJSON alone lets through: anything after the value, invalid UTF-8, NUL and control
 * characters, lone surrogates, duplicate keys, depth beyond JSON_DEPTH_MAX, numbers that are not finite or
 * are integers outside +-2^53. Keys are case-sensitive. Values are borrowed from their document.
 *
 * Writing streams into a buf; the caller checks the buf once at the end. */
#ifndef FLEETMEND_JSON_H
#define FLEETMEND_JSON_H

#include "buf.h"

#include <stdint.h>

enum { JSON_DEPTH_MAX = 8, JSON_MEMBERS_MAX = 256 };

#define JSON_INT_MAX INT64_C(9007199254740992)

enum json_type { JSON_ABSENT, JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json;

/* ERR_INVALID with the byte offset and what is wrong there. Free with json_free(). */
struct json *json_parse(struct slice text, struct err *e);
void json_free(struct json *);

/* All accept NULL and the wrong type, and then say JSON_ABSENT, NULL, 0 or false. */
enum json_type json_type(const struct json *);
const char *json_type_name(enum json_type); /* "a string", "an object", ... for error texts */
const struct json *json_get(const struct json *object, const char *key);
/* Members and elements in order: for (v = json_first(x); v; v = json_next(v)) */
const struct json *json_first(const struct json *);
const struct json *json_next(const struct json *);
const char *json_key(const struct json *member); /* "" for array elements */
size_t json_count(const struct json *);
bool json_string(const struct json *, struct slice *out);
bool json_int(const struct json *, int64_t *out); /* false for fractions */
bool json_number(const struct json *, double *out);
bool json_bool(const struct json *, bool *out);

struct json_writer {
    struct buf *out;
    bool comma; /* the next value in this place needs one before it */
};

void json_begin(struct json_writer *, char bracket); /* '{' or '[' */
void json_end(struct json_writer *, char bracket);   /* '}' or ']' */
void json_put_key(struct json_writer *, const char *key);
/* Invalid UTF-8 in s is replaced, so the output is always valid JSON. */
void json_put_slice(struct json_writer *, struct slice s);
void json_put_string(struct json_writer *, const char *z);
void json_put_int(struct json_writer *, int64_t v);
void json_put_number(struct json_writer *, double v); /* reads the same again; null when not finite */
void json_put_bool(struct json_writer *, bool v);
void json_put_null(struct json_writer *);
/* Text that is JSON already, e.g. a stored document. */
void json_put_raw(struct json_writer *, struct slice json);

/* key and value in one call */
void json_member_string(struct json_writer *, const char *key, const char *z);
void json_member_int(struct json_writer *, const char *key, int64_t v);
void json_member_bool(struct json_writer *, const char *key, bool v);

#endif
