/* A machine's facts as the columns lists and filters use. */
#ifndef FLEETMEND_MACHINE_FACTS_H
#define FLEETMEND_MACHINE_FACTS_H

#include "model.h"
#include "wire.h"

/* Fills what facts tell; id, key, approval and times stay zero. Strings live in the arena or in `facts`. */
void machine_row_of_facts(const struct wire_facts *facts, struct arena *a, struct machine_row *out);

#endif
