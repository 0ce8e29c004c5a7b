/* Undo, and what is left lying for it: which job may be undone, and how long its old folder is kept. */
#ifndef FLEETMEND_UNDO_H
#define FLEETMEND_UNDO_H

#include "steps.h"

/* The job an undo order names, when it may be undone now. Otherwise NULL with the result and the reason: only
 * the newest undoable job of a repair, never after a later install, never twice. */
const struct job *undo_target(const struct journal *, const struct job *undo, enum job_result *result,
                              struct err *e);
/* The repair has an undo, and this job something to put back. */
bool undo_is_possible(const struct job *);
/* The undo ended well: its target can't be undone again, and its folders are where they were. */
void undo_done(struct journal *, const struct job *undo);

/* One piece of tidying while nothing runs: start types a failure left held, folders kept for undo for 14 days
 * (for less when the disk is nearly full and the repair helped), verdicts nobody will bring any more. True
 * when there may be more to do at once. */
bool undo_tidy(struct journal *, struct run *);

#endif
