/* Windows Update result codes: reading any spelling, printing, explaining.
 *
 * A code is a 32-bit HRESULT (or an NTSTATUS-like setup code), kept as uint32_t. The table in
 * code_table.inc holds 2,456 of them, ordered by value; texts for people are ours. */
#ifndef FLEETMEND_CODE_H
#define FLEETMEND_CODE_H

#include "buf.h"

#include <stdint.h>

enum { CODE_TEXT_MAX = 11 }; /* "0x80070002" and NUL */

enum code_kind { CODE_FAILURE, CODE_TRANSIENT, CODE_SUCCESS };

/* X(id, word): the causes. The words are stable: they stand in JSON and in filters. */
#define CODE_CAUSES(X)                                                                                       \
    X(UNKNOWN, "unknown")                                                                                    \
    X(COMPONENT_STORE, "component_store")                                                                    \
    X(NETWORK, "network")                                                                                    \
    X(SERVICE, "service")                                                                                    \
    X(DRIVER, "driver")                                                                                      \
    X(CACHE_CORRUPT, "cache_corrupt")                                                                        \
    X(CLOCK, "clock")                                                                                        \
    X(WSUS, "wsus")                                                                                          \
    X(OS_UPGRADE, "os_upgrade")                                                                              \
    X(AUTH, "auth")                                                                                          \
    X(POLICY, "policy")                                                                                      \
    X(PROXY, "proxy")                                                                                        \
    X(DISK_SPACE, "disk_space")

enum code_cause {
#define X(id, word) CODE_CAUSE_##id,
    CODE_CAUSES(X)
#undef X
        CODE_CAUSE_COUNT
};

struct code_info {
    uint32_t code;
    const char *symbol; /* several names of one value are joined by '|' */
    enum code_kind kind;
    enum code_cause cause;
    const char *ladder; /* repair ids joined by ';', "" when no repair fits */
    const char *hint;   /* for people, never run; "" when none */
};

/* Accepts what people and logs write, blanks around it ignored: 0x80070002, 0X80070002, 80070002, 80072ee2,
 * -2147024894, 2147942402. Eight hex digits without prefix are hex; a decimal has 9 or 10 digits when
 * unsigned, any number when negative. `0x` with fewer digits is allowed (0x240006). ERR_INVALID says what is
 * accepted. */
bool code_parse(struct slice text, uint32_t *code, struct err *e);

/* Hex digits without prefix and with leading zeros lost, 1 to 8 of them: only for fields that are known to
 * be codes (column 8 of ReportingEvents.log). */
bool code_parse_field(struct slice text, uint32_t *code);

/* "0x80070002": 0x and 8 upper-case digits, everywhere in the product. */
void code_print(uint32_t code, char out[CODE_TEXT_MAX]);

/* Bit 31: a failure by the rules of HRESULT. */
static inline bool code_is_failure(uint32_t code)
{
    return code >> 31;
}

/* The table's row; NULL when the code is not in it. */
const struct code_info *code_find(uint32_t code);

/* Never fails: the table's row, else what the code's range tells (symbol ""), by value. The ladder of a
 * range is "" or the agreed fallback; strings are static. */
struct code_info code_lookup(uint32_t code);

/* All rows, ordered by code as unsigned value. */
const struct code_info *code_table(size_t *count);

const char *code_kind_name(enum code_kind);   /* "failure", "transient", "success" */
const char *code_cause_name(enum code_cause); /* "cache_corrupt" */
const char *
    code_cause_text(enum code_cause); /* two or three sentences for an admin: what is wrong, what helps */
const char *code_text(uint32_t code); /* one sentence for this code, or for its range; never "" */

/* The page `fleetmend explain` prints: code, name, meaning, cause, what Fleetmend would do, hint. Works
 * offline. */
void code_explain(uint32_t code, struct buf *out);

#endif
