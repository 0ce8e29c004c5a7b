/* What the code*.c files share; nobody else includes this. */
#ifndef FLEETMEND_CODE_INTERNAL_H
#define FLEETMEND_CODE_INTERNAL_H

#include "code.h"

struct code_range {
    uint32_t first, last; /* both belong to it */
    enum code_kind kind;
    enum code_cause cause;
    const char *ladder;
    const char *text; /* who reports such codes: true for every code in it, so it names no cause */
};

/* The narrowest range that holds `code`; the last ones hold everything, so never NULL. */
const struct code_range *code_range_find(uint32_t code);

/* A few words for a heading: "update cache damaged". */
const char *code_cause_title(enum code_cause);

#endif
