/* What the files of the runner share. Nobody else includes it. */
#ifndef FLEETMEND_RUNNER_INTERNAL_H
#define FLEETMEND_RUNNER_INTERNAL_H

#include "runner.h"
#include "steps.h"

struct runner {
    const struct machine *machine;
    struct spool *spool;
    int64_t speed;
    struct journal journal;
    struct run run;
    struct job *active; /* the one job that runs, puts back or verifies */
    bool frozen;
    char boot[41];
    int64_t tidy_ticks;       /* when to tidy next */
    struct wire_result shown; /* of runner_result() */
};

/* Reads all clocks. */
void runner_look_at_time(struct runner *, int64_t server_now_ms);
/* Saves what is dirty, then hands new reports to the spool. False: the journal can't be written, nothing may
 * be done. */
bool runner_flush(struct runner *, struct err *e);

/* A later report: the job's next revision. */
void job_report(struct job *);
void job_fill_result(const struct job *, struct wire_result *out);
/* Ends without ever having started, or after its last stage. */
void job_end(struct job *, int64_t wall_ms);
void job_end_with(struct job *, int64_t wall_ms, enum job_result, const char *reason);

/* The next job that may start, started and active; or NULL. Those that can't wait any longer end. */
struct job *runner_start_next(struct runner *);
/* Works on the active job; returns how many ms it wants to wait. */
int64_t runner_work(struct runner *);
/* After runner_open(): decides whether a job that was cut off goes on or is put back. */
void runner_recover(struct runner *, struct job *);
void runner_set_active(struct runner *, struct job *);
void runner_describe_job(struct runner *, struct job *, struct buf *out);

#endif
