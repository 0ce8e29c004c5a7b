/* The filter language, the same in URL, API and command line:
 *
 *   state=failing code=0x80070002 os~"Windows 10" ou="OU=Sales,DC=corp" last_seen<7d tag=pilot
 *
 * Terms are joined by "and", which may be written or left out. `=` equal (without regard to case for names),
 * `!=` not equal, `~` contains (without regard to case), `<` `>` for times, as an age such as 30m, 12h, 7d:
 * last_seen<7d means seen within the last 7 days. Values with blanks are quoted; inside quotes \" and
 * \\ stand for " and \. One closed list of fields says which entity knows which field. A machine matches a
 * code or a phase when one of its open failures does. */
#ifndef FLEETMEND_FILTER_H
#define FLEETMEND_FILTER_H

#include "arena.h"
#include "buf.h"

#include <stdint.h>

enum filter_entity { FILTER_MACHINES = 1, FILTER_FAILURES = 2, FILTER_JOBS = 4 };

enum filter_field {
    FIELD_ID,
    FIELD_NAME,
    FIELD_STATE,
    FIELD_OS,
    FIELD_BUILD,
    FIELD_ROLE,
    FIELD_UPDATE_MANAGER,
    FIELD_UPDATE_SERVER,
    FIELD_DOMAIN,
    FIELD_OU,
    FIELD_SITE,
    FIELD_MODEL,
    FIELD_TAG,
    FIELD_LAST_SEEN,
    FIELD_CODE,
    FIELD_PHASE,
    FIELD_KB,
    FIELD_MACHINE,
    FIELD_REPAIR,
    FIELD_RESULT,
    FIELD_VERDICT,
    FIELD_ROLLOUT,
    FIELD_SIMULATED,
    FIELD_COUNT
};

enum filter_op { FILTER_EQ, FILTER_NE, FILTER_CONTAINS, FILTER_LESS, FILTER_GREATER };

struct filter_term {
    enum filter_field field;
    enum filter_op op;
    const char *text; /* the value, unquoted; words are checked against their list */
    uint32_t code;    /* FIELD_CODE */
    int64_t age_ms;   /* FIELD_LAST_SEEN */
};

enum { FILTER_TERMS_MAX = 16, FILTER_VALUE_MAX = 400 };

struct filter {
    struct filter_term terms[FILTER_TERMS_MAX];
    int count;
};

/* ERR_INVALID names the term, and the fields or words that are allowed there. Empty text: no terms. */
bool filter_parse(struct slice text, enum filter_entity entity, struct arena *a, struct filter *out,
                  struct err *e);
/* The normal spelling, for audit and rollouts: reading it gives the same filter. */
void filter_print(const struct filter *, struct buf *out);
const char *filter_field_name(enum filter_field);

#endif
