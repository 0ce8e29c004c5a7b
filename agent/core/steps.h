/* Repairs as rows of steps. A step is one primitive with its arguments; the runner saves the job, calls the
 * step until it is through, and goes to the next row.
 *
 * Rules every step keeps, because the agent may die between any two calls:
 * - it looks before it acts, so running it again does no harm;
 * - what it is about to change stands in the job first: it sets the field, marks the job dirty and returns
 *   STEP_AGAIN; the runner calls it again only when the job is on disk. */
#ifndef FLEETMEND_STEPS_H
#define FLEETMEND_STEPS_H

#include "repair_limits.h"

enum step_end {
    STEP_AGAIN, /* call again after run->wait_ms */
    STEP_NEXT,
    STEP_STOP, /* the repair ends with the result set; what it changed is put back first */
};

struct run {
    const struct machine *machine;
    struct job *job;
    const struct job *target; /* undo: the job to undo */
    struct now now;
    int64_t speed;
    int64_t wait_ms;

    /* Of the current step: zero when it begins, lost by a crash. */
    int cursor, phase, tries;
    unsigned skipped; /* services that may not be held */
    int64_t since_ticks;

    struct scan_end scan;
    bool have_scan;
};

struct step {
    const char *name; /* as it stands in reports: "stop the update services" */
    enum step_end (*run)(struct run *, const struct step *);
    void (*describe)(struct run *, const struct step *,
                     struct buf *out);    /* what it would do now; changes nothing */
    const enum machine_service *services; /* ended by SERVICE_COUNT */
    enum machine_place place;
    int flags;
};

enum { STEP_START_ALWAYS = 1, STEP_STOP_IF_WAS_DISABLED = 2 };

/* Lists are ended by a row with name NULL. */
struct repair_steps {
    enum repair_id repair;
    const struct step *steps;
    const struct step *restore; /* puts back what the steps changed */
    const struct step *undo;    /* NULL: nothing to undo */
    const struct step *undo_restore;
    const char
        *resume_at; /* cut off in this step or later: goes on when is_past() holds; else all is put back */
    bool (*is_past)(struct run *);
    bool (*is_undoable)(const struct job *);
};

/* NULL: this agent version can't run it. */
const struct repair_steps *steps_of(const struct repair *);

/* The list a job walks in its present stage. */
const struct step *steps_now(const struct job *);

/* ---- for steps ---- */

void run_say(struct run *, const char *fmt, ...) FORMAT_PRINTF(2, 3); /* one line of the report's output */
/* Ends the repair. While things are being put back it adds to the reason and goes on with the next row
 * instead. */
enum step_end run_fail(struct run *, enum job_result, const char *fmt, ...) FORMAT_PRINTF(3, 4);
/* A limit or pause as long as it is on this machine: simulated ones are faster; never 0 unless it was. */
int64_t run_scaled(const struct run *, int64_t ms);
/* Asks to be called again after that time, scaled. */
enum step_end run_again(struct run *, int64_t wait_ms);
/* Another try after a pause, up to `tries`; then fails: DENIED as refused, all else as failed. */
enum step_end run_retry(struct run *, int tries, enum machine_status, const char *what, const struct err *);
/* More than limit_s since since_ticks. */
bool run_is_late(const struct run *, int64_t limit_s);
/* A new part of the step begins: clock and tries from zero. */
void run_phase(struct run *, int phase);
void run_reset(struct run *);
/* The job changed and must be on disk before the step goes on. */
enum step_end run_save(struct run *);

/* ---- the primitives ---- */

extern const enum machine_service update_services[], time_services[];

enum step_end step_look_services(struct run *, const struct step *);
enum step_end step_stop_services(struct run *, const struct step *);
enum step_end step_start_services(struct run *, const struct step *);
enum step_end step_restore_start_types(struct run *, const struct step *);
void describe_services(struct run *, const struct step *, struct buf *out);
/* Asks any of them that runs to stop; does not wait. */
void services_stop_again(struct run *, const enum machine_service *);
/* Sets the start type of a service until step_restore_start_types(). STEP_NEXT when it is so. */
enum step_end service_hold(struct run *, enum machine_service, enum service_start);
const char *service_start_text(enum service_start);

enum step_end step_look_place(struct run *, const struct step *);
enum step_end step_export_evidence(struct run *, const struct step *);
enum step_end step_move_aside(struct run *, const struct step *);
enum step_end step_move_back(struct run *, const struct step *);
enum step_end step_drop_backup(struct run *, const struct step *);
void describe_place(struct run *, const struct step *, struct buf *out);
bool places_are_moved(struct run *);

enum step_end step_measure_clock(struct run *, const struct step *);
enum step_end step_enable_time(struct run *, const struct step *);
enum step_end step_set_clock(struct run *, const struct step *);
enum step_end step_resync(struct run *, const struct step *);
enum step_end step_check_clock(struct run *, const struct step *);
enum step_end step_undo_time(struct run *, const struct step *);
void describe_clock(struct run *, const struct step *, struct buf *out);

enum step_end step_scan(struct run *, const struct step *);
/* PENDING, or the end of the scan in run->scan; uses phase and since of the run. */
enum machine_status scan_work(struct run *, struct err *e);

#endif
