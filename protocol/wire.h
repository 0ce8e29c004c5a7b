/* The messages of the agent protocol: encode and decode by the lists in wire.def.
 *
 * Decoding copies into the caller's arena and checks every limit; the error names the field, e.g.
 * "events[3].code: a code such as 0x80070002 expected". Encoding writes into a bounded buf. */
#ifndef FLEETMEND_WIRE_H
#define FLEETMEND_WIRE_H

#include "arena.h"
#include "buf.h"
#include "job.h"
#include "json.h"

struct wire_pair {
    const char *key, *value;
};

#define STRING(name, need, max)    const char *name;
#define WORD(name, need, words, n) int name;
#define INT(name, need, min, max)  int64_t name;
#define BOOL(name, need)           bool name;
#define CODE(name, need)           uint32_t name;
#define STRINGS(name, need, count, max)                                                                      \
    const char **name;                                                                                       \
    size_t name##_count;
#define PAIRS(name, need, count, max)                                                                        \
    struct wire_pair *name;                                                                                  \
    size_t name##_count;
#define OBJECT(name, need, message) struct wire_##message *name;
#define LIST(name, need, message, max)                                                                       \
    struct wire_##message *name;                                                                             \
    size_t name##_count;
#define RAWS(name, need, count, max)                                                                         \
    struct slice *name;                                                                                      \
    size_t name##_count;
#define MESSAGE(name) struct wire_##name {
#define END(name)                                                                                            \
    }                                                                                                        \
    ;
#include "wire.def"
#include "wire_undef.h"

enum { WIRE_SYNC_MAX_BYTES = 48 * 1024, WIRE_EVENTS_MAX = 200, WIRE_OUTPUT_MAX_BYTES = 16 * 1024 };

/* wire_encode_sync(&msg, &buf), wire_decode_sync(json_text, &arena, &msg, &err), and so on for each message.
 */
#define MESSAGE(name)                                                                                        \
    void wire_encode_##name(const struct wire_##name *msg, struct buf *out);                                 \
    bool wire_decode_##name(struct slice text, struct arena *a, struct wire_##name *msg, struct err *e);
#define END(name)
#define STRING(name, need, max)
#define WORD(name, need, words, n)
#define INT(name, need, min, max)
#define BOOL(name, need)
#define CODE(name, need)
#define STRINGS(name, need, count, max)
#define PAIRS(name, need, count, max)
#define OBJECT(name, need, message)
#define LIST(name, need, message, max)
#define RAWS(name, need, count, max)
#include "wire.def"
#include "wire_undef.h"

#endif
