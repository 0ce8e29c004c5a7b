/* The runner: the only code that acts on the machine. It takes verified orders, decides by its synced journal
 * whether one may start, walks the steps of its repair, undoes what a failed step left, looks for evidence
 * and reports. A job is started at most once, whatever servers, crashes and restarts do.
 *
 * A step function: runner_step() does one short piece of work and says when it wants to be called again. It
 * never blocks. Each step is journalled to disk before it runs; after a crash runner_open() finds the job
 * and resumes or undoes it. One job at a time; others wait in the journal. */
#ifndef FLEETMEND_RUNNER_H
#define FLEETMEND_RUNNER_H

#include "machine.h"
#include "repair.h"
#include "spool.h"

struct runner;

struct runner_options {
    const struct machine *machine;
    struct spool *spool; /* reports go here */
    int64_t speed;       /* divides limits and windows for simulated fleets; 1 for real ones */
};

/* Reads the journal; a job found half done is resumed or undone by the next steps. */
struct runner *runner_open(const struct runner_options *, struct err *e);
void runner_close(struct runner *);

/* Takes a verified order (envelope and machine id were checked by the caller). `now_ms` is trusted server
 * time T. A repeat of a known id starts nothing; of an ended job it only makes the report again. Refusals
 * (unknown repair, bad parameters, class differs from the catalogue, expired, not yet valid) are journalled
 * and reported as results too. false only when the journal can't be written: then the order was not taken. */
bool runner_take(struct runner *, const struct wire_order *order, int64_t now_ms, struct err *e);
/* The server took these back: those not started end without a start. */
bool runner_cancel(struct runner *, const char *const *jobs, size_t count, struct err *e);
void runner_freeze(struct runner *, bool frozen); /* no new start while frozen */

/* Runs a repair by hand (`fleetmend-agent repair`): makes a job of origin "local". */
bool runner_local(struct runner *, const char *op, const char *repair, const struct repair_values *values,
                  const char *undo_job, bool dry_run, char job[JOB_ID_MAX], struct err *e);

/* One piece of work. `server_now_ms`: trusted time T, or 0 when unknown (then time checks of orders wait and
 * the skew can't be measured). Returns the ticks at which it wants to be called again; INT64_MAX: nothing to
 * do. */
int64_t runner_step(struct runner *, int64_t server_now_ms);

/* Events the sources saw, in order: evidence for verification and for install verdicts that are pending. */
void runner_saw_event(struct runner *, const struct wire_event *ev);

/* Ids of all jobs in the journal that have not ended (queued, running, verifying), in the arena. */
size_t runner_running(const struct runner *, struct arena *a, const char ***ids);
bool runner_idle(const struct runner *);

/* For status and local use: the last report of a job, NULL when unknown; valid until the next call. */
const struct wire_result *runner_result(const struct runner *, const char *job);

/* The steps of a repair in words, one a line, with what each would do on this machine now: `--dry-run`. */
bool runner_describe(struct runner *, const char *repair, const struct repair_values *values, struct buf *out,
                     struct err *e);

#endif
