/* Following a rollout on the server until it is over, for push --wait, undo --wait and watch. */
#ifndef FLEETMEND_FOLLOW_H
#define FLEETMEND_FOLLOW_H

#include "api.h"
#include "wait.h"

struct follow {
    struct answer answer; /* the last good report */
    struct rows jobs;     /* in it */
    struct wait wait;
    bool timed_out, interrupted, over;
};

/* Called after every good report; may be NULL. */
typedef void follow_fn(void *ctx, struct cli *, struct follow *);

/* Polls GET rollouts/{id}, 200 ms apart and growing to 2 s, until all jobs are over or `limit_ms` has passed
 * (0: no limit). A server that is away for less than 30 s is waited for. With `until_done`, offline machines
 * are waited for too. Returns the exit code; errors are said. follow_free() in every case. */
int follow_run(struct cli *, const char *rollout, int64_t limit_ms, bool until_done, follow_fn *, void *ctx,
               struct follow *);
void follow_free(struct follow *);

#endif
