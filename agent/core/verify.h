/* Did it help? A repair that ended well is believed only on evidence that came after it started: a new scan,
 * and for install failures the next install of the same update. Evidence is ordered by event numbers, never
 * by the clock. */
#ifndef FLEETMEND_VERIFY_H
#define FLEETMEND_VERIFY_H

#include "journal.h"

enum { VERIFY_WATCH_DAYS = 14 };

/* At the start: the failure this job is meant for, from the order, else the newest open one this machine saw.
 */
void verify_aim(const struct journal *, struct job *);

/* The verdict of a scan: sets verdict, verdict_reason, verdict_code and watched of the job. */
void verify_judge(struct job *, const struct scan_end *);
void verify_unknown(struct job *, const char *reason);

/* A watched job and an event after its start: true when the verdict is now known. */
bool verify_saw_event(struct job *, const struct wire_event *);

/* Keeps the newest open failure of each phase and the last successful install in the journal. */
void verify_note_event(struct journal *, const struct wire_event *);

#endif
