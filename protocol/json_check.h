/* The strict look at JSON text before cJSON parses it; private to protocol/json.c. */
#ifndef FLEETMEND_JSON_CHECK_H
#define FLEETMEND_JSON_CHECK_H

#include "err.h"
#include "slice.h"

/* Grammar, UTF-8, escapes, depth, number range, whole input. Duplicate keys are checked after parsing. */
bool json_check(struct slice text, struct err *e);

#endif
