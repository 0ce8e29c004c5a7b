/* What on this machine stops a repair for now. A veto never stops the repair that would lift it: that is the
 * business of the masks in the catalogue's rows. */
#ifndef FLEETMEND_VETOES_H
#define FLEETMEND_VETOES_H

#include "machine.h"
#include "repair.h"

/* The bits that hold now and concern this repair. VETO_CRITICAL_ROLE and VETO_LOCAL_ONLY don't pass by
 * waiting. */
unsigned vetoes_now(const struct repair *, const struct machine_conditions *);

enum { VETO_LASTING = VETO_CRITICAL_ROLE | VETO_LOCAL_ONLY };

/* "a restart is pending (CBS RebootPending); too little free space on the system drive" */
void vetoes_text(unsigned mask, const struct machine_conditions *, char *out, size_t size);

#endif
