/* The lists of the API as tables: which columns, in which order, with which headings. */
#ifndef FLEETMEND_ENTITY_H
#define FLEETMEND_ENTITY_H

#include "show.h"

struct column {
    const char *heading, *key;
    enum show_kind kind;
    bool wide; /* only with -o wide and csv */
};

struct entity {
    const char *name, *one, *many; /* "machines"; "1 machine", "2 machines" */
    const char *name_key;          /* what -o name prints */
    const struct column *columns;  /* ended by a row with heading NULL */
};

/* NULL when there is none. */
const struct entity *entity_find(const char *name);
extern const struct entity entity_push; /* the jobs of one push, verdicts first */

#endif
