/* How often repairs may run on this machine, whatever a server says: the numbers of the catalogue's rows, and
 * at most six repairs of class 1 and above in 24 hours. What counts is what the journal says was started.
 * (Not named limits.h: that is a header of C, and our folders come first on the include path.) */
#ifndef FLEETMEND_REPAIR_LIMITS_H
#define FLEETMEND_REPAIR_LIMITS_H

#include "journal.h"

/* One look at all clocks. */
struct now {
    int64_t t_ms;     /* trusted server time, 0 unknown */
    int64_t ticks_ms; /* of the boot named `boot` */
    int64_t wall_ms;  /* for people only */
    const char *boot;
};

/* Time since the job started: by ticks within one boot, else by server time, never by the wall clock. When
 * neither can tell, and after clocks that went back, it counts as just started: a limit must not be lifted by
 * a jump. */
int64_t job_age_ms(const struct job *, const struct now *);

/* ERR_LIMIT says which limit, and when it ran last. */
bool limits_allow(const struct journal *, const struct job *, const struct now *, int64_t speed,
                  struct err *e);

/* Server time became known: jobs started without it get it now. True when one changed (it is dirty then). */
bool limits_learn_time(struct journal *, const struct now *);

/* "2 days", "3 hours", "40 seconds" */
void duration_text(int64_t ms, char out[40]);

#endif
