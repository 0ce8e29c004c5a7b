/* The journal: every job this machine ever took, on disk before anything is done for it.
 *
 * It alone decides whether an order starts something. One file, "journal", of lines that begin with a letter
 * and hold JSON: O the order, S the whole state of a job (the last one counts), T a report the spool has, F
 * the last failure of a phase. S lines are synced. A torn last line of a crash is cut off; a file that may be
 * torn is replaced as a whole before anything is added. Ended jobs keep their id until their order has been
 * invalid for 14 days, so nothing starts twice; all but the newest few are reduced to that. */
#ifndef FLEETMEND_JOURNAL_H
#define FLEETMEND_JOURNAL_H

#include "event.h"
#include "machine.h"
#include "repair.h"

enum {
    JOURNAL_JOBS_MAX = 1024,
    JOURNAL_FULL_ENDED = 40,    /* ended jobs that keep order and output */
    JOURNAL_OUTPUT_MAX = 16000, /* less than WIRE_OUTPUT_MAX_BYTES */
    JOURNAL_MAX_BYTES = 8 << 20,
    REASON_MAX = 401,
    TAG_MAX = 41,
};

/* Where a job stands for the runner.
 *
 *   TAKEN ──► RUNNING ──► VERIFYING ──► ENDED
 *     │          └──► RESTORING ─────────▲       RESTORING puts back what the steps had changed
 *     └──────────────────────────────────┘       refused, cancelled, expired */
enum job_stage { STAGE_TAKEN, STAGE_RUNNING, STAGE_RESTORING, STAGE_VERIFYING, STAGE_ENDED };

/* The failure a job is meant to heal. */
struct failure {
    uint32_t code;
    char phase[20], update_id[EVENT_UPDATE_ID_MAX], kb[EVENT_KB_MAX];
    int64_t seq;
};

struct job {
    struct job *next;
    char id[JOB_ID_MAX];
    char repair_name[40];        /* as ordered, even when there is no such repair */
    const struct repair *repair; /* NULL when there is none */
    bool undo, dry_run, local;
    int64_t not_before, not_after; /* server time; local jobs: 0 */
    struct failure aim;
    char target[JOB_ID_MAX]; /* undo: the job to undo */
    struct repair_values values;

    enum job_stage stage;
    bool started;
    int64_t start_t, start_ticks; /* server time (0: not known then) and ticks of start_boot */
    char start_boot[41];

    int step, resumes;
    unsigned found_mask, held_mask; /* bits of enum machine_service: looked at; start type changed by us */
    struct service_info found[SERVICE_COUNT]; /* as found, by found_mask */
    unsigned moved_mask, left_mask; /* bits of enum machine_place: NAME.tag is ours, so is NAME.tag-new */
    char tag[TAG_MAX];              /* a bit is set before its call: after a crash looking tells */
    bool clock_set;                 /* the clock was stepped, or was about to be */
    bool undone;
    bool watched; /* the verdict waits for an install */

    int rev, told_rev; /* of the report; told_rev: what the spool has */
    enum job_state state;
    enum job_result result;
    enum job_verdict verdict;
    char reason[REASON_MAX], verdict_reason[REASON_MAX];
    uint32_t verdict_code;
    int64_t start_seq, started_ms, ended_ms, skew_ms;
    bool undoable;
    struct buf output;

    /* What an event said of the aim while the scan was still under way; memory only. */
    enum { PROOF_NONE, PROOF_SUCCEEDED, PROOF_FAILED } early;
    uint32_t early_code;
    bool early_download;

    bool dirty;   /* memory is ahead of the disk: nothing may be done for this job */
    bool reduced; /* only what prevents a second start is left */
    bool order_written;
    size_t output_written;
};

struct journal {
    const struct machine *machine;
    struct job *first, **end;
    size_t job_count;
    struct failure failures[EVENT_PHASE_COUNT]; /* last ones seen, by phase; seq 0: none open */
    int64_t last_install_seq;                   /* of the last successful install seen */
    size_t file_bytes, snapshot_bytes;
    bool torn; /* the file may end in half a line */
};

/* False when the file is there and can't be read: then nothing may be started. */
bool journal_open(struct journal *, const struct machine *, struct err *e);
void journal_close(struct journal *);

/* In memory until journal_save(). ERR_LIMIT when the journal is full. */
struct job *journal_add(struct journal *, const char *id, const char *repair_name, struct err *e);
struct job *journal_find(const struct journal *, const char *id);
void journal_remove(struct journal *, struct job *);

/* Synced. Clears dirty. */
bool journal_save(struct journal *, struct job *, struct err *e);
/* Not synced: losing it costs a repeated report, nothing else. */
void journal_note_told(struct journal *, struct job *);
/* Synced when it forbids an undo, i.e. after an install; else losing it only makes a verdict less sure. */
void journal_note_failure(struct journal *, enum event_phase phase, bool sync);

/* Reduces old ended jobs; forgets those that can't start any more at server time now_t (0: unknown, forgets
 * none). */
void journal_prune(struct journal *, int64_t now_t);

/* ---- lines, for journal.c ---- */

void job_encode(const struct job *, bool whole, struct buf *out);
/* Reads the S line's JSON into the job; fields that are absent keep their value. */
bool job_decode(struct job *, struct slice text, struct err *e);
void job_encode_order(const struct job *, struct buf *out);
bool job_decode_order(struct job *, struct slice text, struct err *e);
void failure_encode(const struct failure *, int64_t last_install_seq, struct buf *out);
bool failure_decode(struct slice text, struct failure *out, int64_t *last_install_seq);

#endif
