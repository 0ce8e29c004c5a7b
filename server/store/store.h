/* The store's typed verbs. The database is the truth; memory elsewhere holds caches only.
 *
 * A struct store is one connection with its prepared statements, for one thread. Verbs that change run inside the
 * writer's transaction. State changes are compare-and-set with the moves of protocol/job.h. Every verb returns false with
 * a sentence on failure; ERR_NOT_FOUND where a row was asked for by id. Rows' strings live in the arena given; in a
 * callback they are borrowed for the call. A callback that returns false ends the list, which is no error. */
#ifndef FLEETMEND_STORE_H
#define FLEETMEND_STORE_H

#include "db.h"
#include "filter.h"
#include "model.h"

struct store;

/* Opens and, as a writer, migrates to the newest schema; refuses a database newer than this program. */
struct store *store_open(const char *url, enum db_mode mode, struct err *e);
void store_close(struct store *);
struct db *store_db(struct store *);
enum { STORE_SCHEMA = 1 };
/* A machine not heard of for so long is silent. */
#define STORE_SILENT_AFTER_MS INT64_C(259200000)
/* A job that has started may still report after its time ran out; only after this much more it expires. */
#define STORE_STARTED_GRACE_MS INT64_C(604800000)

/* ---- meta: small named values (epoch, schema, server clock high-water) ---- */
bool store_meta_get(struct store *, struct arena *, const char *key, const char **value, struct err *e); /* "" when unset */
bool store_meta_set(struct store *, const char *key, const char *value, struct err *e);

/* ---- machines ---- */
bool store_machine_get(struct store *, struct arena *, const char *id, struct machine_row *out, struct err *e);
/* By id, or by name without regard to case; ERR_CONFLICT when several machines bear the name. */
bool store_machine_find(struct store *, struct arena *, const char *id_or_name, struct machine_row *out, struct err *e);
/* How many machines not retired bear this name with another id. */
bool store_machine_same_name(struct store *, const char *name, const char *not_id, int64_t *count, struct err *e);
/* Inserts, or for a known id updates key facts and approval (a re-enrolment keeps its history). The state is never taken
 * from the row: `pending` without approval, else never_scanned until store_machine_refresh(); who had left is back;
 * held and retired stay. */
bool store_machine_put(struct store *, const struct machine_row *, struct err *e);
bool store_machine_set_approved(struct store *, const char *id, bool approved, struct err *e);
/* What an admin or the agent decides, not the evidence: held, retired or left, with the reason as `why`. Any other state
 * ends that; store_machine_refresh() then derives what is so. */
bool store_machine_set_state(struct store *, const char *id, enum machine_state to, const char *why, struct err *e);
/* Columns derived from facts (name to tags, instance, simulated, reboot_pending), and the JSON itself. */
bool store_machine_set_facts(struct store *, const struct machine_row *, struct err *e);
/* Version, boot id, skew, last_seen, stream and its high-water (which never falls) after a sync. A former stream's
 * high-water is kept, for the newest 8. */
bool store_machine_touch(struct store *, const struct machine_row *, struct err *e);
bool store_machine_seen_batch(struct store *, const char *const *ids, const int64_t *seen_ms, size_t n, struct err *e);
bool store_machine_scan_ok(struct store *, const char *id, int64_t time_ms, struct err *e);
/* Derives state, last_error and why from approval, failures and jobs, and stores them: call after any of them changed, and
 * after a touch of a silent machine. Dry runs count as nothing. */
bool store_machine_refresh(struct store *, const char *id, int64_t now_ms, struct err *e);
/* Machines not heard of since before_ms (now - STORE_SILENT_AFTER_MS) become silent, others leave that state when seen. */
bool store_machines_mark_silent(struct store *, int64_t before_ms, struct err *e);
/* High-water of a stream; 0 when unknown. */
bool store_stream_have(struct store *, const char *machine_id, const char *stream, int64_t *have, struct err *e);
bool store_stream_set(struct store *, const char *machine_id, const char *stream, int64_t have, struct err *e);

typedef bool store_machine_fn(void *ctx, const struct machine_row *);
struct store_page {
    const char *cursor;  /* opaque, from the previous page; "" for the first */
    const char *sort;    /* column word, '-' in front: descending; "": machines by name, failures and jobs newest first */
    int64_t limit;       /* rows of this page; 0: all */
    int64_t now_ms;      /* for ages in filters */
};
/* The column words of an entity, separated by ", ". */
const char *store_sort_words(enum filter_entity);
/* Rows in order; public_key and facts are "" here. next receives the cursor of the next page, "" at the end. Rows that
 * are added meanwhile never make a page repeat or skip one. ERR_INVALID for a cursor or a sort that is none. */
bool store_machines(struct store *, const struct filter *, const struct store_page *, store_machine_fn *fn, void *ctx,
                    char next[200], struct err *e);
bool store_machines_count(struct store *, const struct filter *, int64_t now_ms, int64_t *count, struct err *e);
/* Ids only, ordered: for pushes. */
typedef bool store_id_fn(void *ctx, const char *id, const char *name);
bool store_machine_ids(struct store *, const struct filter *, int64_t now_ms, store_id_fn *fn, void *ctx, struct err *e);

/* ---- events and failures ---- */
bool store_events_add(struct store *, const struct event_row *rows, size_t n, struct err *e);
typedef bool store_event_fn(void *ctx, const struct event_row *);
bool store_events_of(struct store *, const char *machine_id, int64_t limit, store_event_fn *fn, void *ctx, struct err *e); /* newest first */
/* Opens the failure or counts `count` more (0 means 1); a failure closed as fixed, superseded or gone is opened anew as a
 * new row, an accepted one is only counted. *opened: a new row. last_seen_ms is the time of the report. */
bool store_failure_seen(struct store *, const struct failure_row *, bool *opened, int64_t *id, struct err *e);
/* Closes (or moves) open failures of a machine that match: phase "" any, update_key NULL any, code 0 any. *changed: rows,
 * may be NULL. An accepted one is closed too, or opened by FAILURE_OPEN; other moves leave it. */
bool store_failures_move(struct store *, const char *machine_id, const char *phase, const char *update_key, uint32_t code,
                         enum failure_state to, const char *why, int64_t now_ms, int64_t *changed, struct err *e);
typedef bool store_failure_fn(void *ctx, const struct failure_row *);
/* open_only: the default of lists. */
bool store_failures(struct store *, const struct filter *, bool open_only, const struct store_page *, store_failure_fn *fn,
                    void *ctx, char next[200], struct err *e);
bool store_failures_count(struct store *, const struct filter *, bool open_only, int64_t now_ms, int64_t *count, struct err *e);
/* The open failure a job for this machine should name: of that code when code != 0, else the newest. ERR_NOT_FOUND: none. */
bool store_failure_for_job(struct store *, struct arena *, const char *machine_id, uint32_t code, struct failure_row *out,
                           struct err *e);

/* ---- codes: what the fleet has now ---- */
struct code_row {
    uint32_t code;
    int64_t machines, failures, last_seen_ms;
};
typedef bool store_code_fn(void *ctx, const struct code_row *);
bool store_codes(struct store *, store_code_fn *fn, void *ctx, struct err *e); /* most machines first */

/* ---- jobs and rollouts ---- */
bool store_rollout_add(struct store *, const struct rollout_row *, struct err *e);
bool store_rollout_get(struct store *, struct arena *, const char *id, struct rollout_row *out, struct err *e);
/* Compare-and-set of its state. */
bool store_rollout_move(struct store *, const char *id, const char *from, const char *to, struct err *e);
/* A running rollout whose jobs have all ended is done. */
bool store_rollout_settle(struct store *, const char *id, struct err *e);
typedef bool store_rollout_fn(void *ctx, const struct rollout_row *);
bool store_rollouts(struct store *, int64_t limit, store_rollout_fn *fn, void *ctx, struct err *e); /* newest first; 0: all */
bool store_jobs_add(struct store *, const struct job_row *rows, size_t n, struct err *e);
bool store_job_get(struct store *, struct arena *, const char *id, struct job_row *out, struct err *e);
/* Compare-and-set; ERR_CONFLICT when the job is not in `from` any more or the move is not allowed. */
bool store_job_move(struct store *, const char *id, enum job_state from, enum job_state to, const char *reason, int64_t now_ms,
                    struct err *e);
/* Stores an agent's report when its rev is higher than the stored one; *applied false for repeats. A job that had ended without a
 * start keeps its state and is marked late. */
/* The state moves only where job.h allows it; the rest is stored all the same. ERR_NOT_FOUND: a job never heard of. */
bool store_job_report(struct store *, const struct job_row *, bool *applied, struct err *e);
/* Queued, waiting and offered jobs of the same repair on that machine become superseded; their ids and the machine's name
 * go to fn, which may be NULL. */
bool store_jobs_supersede(struct store *, const char *machine_id, const char *repair, const char *by_job, int64_t now_ms,
                          store_id_fn *fn, void *ctx, struct err *e);
typedef bool store_job_fn(void *ctx, const struct job_row *);
/* Rows without output: that is for store_job_get(). */
bool store_jobs(struct store *, const struct filter *, const struct store_page *, store_job_fn *fn, void *ctx, char next[200],
                struct err *e);
bool store_jobs_count(struct store *, const struct filter *, int64_t now_ms, int64_t *count, struct err *e);
/* Every job that has not ended, for the dispatcher's memory at start. */
bool store_jobs_open(struct store *, store_job_fn *fn, void *ctx, struct err *e);
/* Open jobs whose time ran out become expired; each goes to fn as it was before. See STORE_STARTED_GRACE_MS. */
bool store_jobs_expire(struct store *, int64_t now_ms, store_job_fn *fn, void *ctx, struct err *e);
/* The newest undoable job of that repair on that machine that was not undone yet. */
bool store_job_newest_undoable(struct store *, struct arena *, const char *machine_id, const char *repair, struct job_row *out,
                               struct err *e);

/* ---- users, tokens ---- */
bool store_user_add(struct store *, const struct user_row *, int64_t *id, struct err *e);
bool store_user_by_name(struct store *, struct arena *, const char *name, struct user_row *out, struct err *e);
typedef bool store_user_fn(void *ctx, const struct user_row *);
bool store_users(struct store *, store_user_fn *fn, void *ctx, struct err *e);
/* Password hash, roles and disabled of the user with that id. */
bool store_user_update(struct store *, const struct user_row *, struct err *e);
bool store_token_add(struct store *, const struct token_row *, struct err *e);
bool store_token_used(struct store *, const char *id, int64_t now_ms, struct err *e);
bool store_token_delete(struct store *, const char *id, struct err *e);
typedef bool store_token_fn(void *ctx, const struct token_row *);
bool store_tokens(struct store *, int64_t now_ms, store_token_fn *fn, void *ctx, struct err *e); /* not expired */
bool store_enroll_token_add(struct store *, const struct enroll_token_row *, struct err *e);
bool store_enroll_token_delete(struct store *, const char *id, struct err *e); /* ERR_NOT_FOUND */
typedef bool store_enroll_token_fn(void *ctx, const struct enroll_token_row *);
bool store_enroll_tokens(struct store *, store_enroll_token_fn *fn, void *ctx, struct err *e);
/* Counts one use. ERR_DENIED with the reason when unknown, expired or used up. */
bool store_enroll_token_use(struct store *, struct arena *, const char *sha256, int64_t now_ms, struct enroll_token_row *out,
                            struct err *e);

/* ---- audit: part of the act, a hash chain ---- */
/* hash = SHA-256 over prev_hash, time, actor, action, object, detail, each as LENGTH:TEXT; the first prev_hash is 64 zeros.
 * The newest hash also stands in meta as audit_head, so that rows missing at the end show. */
bool store_audit_add(struct store *, int64_t now_ms, const char *actor, const char *action, const char *object,
                     const char *detail_json, struct err *e);
typedef bool store_audit_fn(void *ctx, const struct audit_row *);
bool store_audit(struct store *, int64_t limit, store_audit_fn *fn, void *ctx, struct err *e); /* newest first */
/* ERR_CONFLICT names the first row whose hash does not follow from the one before. */
bool store_audit_verify(struct store *, int64_t *rows, struct err *e);

/* ---- overview ---- */
struct overview_counts {
    int64_t machines, by_state[MACHINE_STATE_COUNT], failures_open, fixed_24h, jobs_open, jobs_done_24h;
};
bool store_overview(struct store *, int64_t now_ms, struct overview_counts *out, struct err *e);

#endif
