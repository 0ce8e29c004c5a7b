/* What an agent's report on a job does to the job and to the failures it was meant for. */
#ifndef FLEETMEND_OUTCOME_H
#define FLEETMEND_OUTCOME_H

#include "fleet.h"

/* Repeats change nothing. *over: the job needs no offer any more. *changed: the machine's state may have
 * changed. */
bool outcome_take(struct fleet *, struct store *, struct arena *, const char *machine_id,
                  const struct wire_result *r, int64_t now_ms, bool *over, bool *changed, struct err *e);

#endif
