/* The hub: memory of every machine the server has heard of since it started.
 *
 * It knows who waits in a long poll, what is on offer to whom, when a machine was last heard and up to where
 * its events are stored. All of it can be rebuilt: offers from the jobs in the database, the rest from the
 * next sync. Thread-safe; machines are spread over shards with a lock each.
 *
 * An offer is handed out on every sync until the machine says it has it (`running` or a result): then it is
 * accepted and only a memory of the job. Of a waiter exactly one of push, time-out, disconnect and
 * replacement takes it, and whoever took it must answer it. */
#ifndef FLEETMEND_HUB_H
#define FLEETMEND_HUB_H

#include "arena.h"
#include "clock.h"
#include "job.h"
#include "model.h"

struct offer {
    char job[JOB_ID_MAX], rollout[JOB_ID_MAX];
    const char *op, *repair; /* static words of the catalogue */
    char *params;            /* JSON object; owned */
    int repair_class;
    char targets_sha256[65];
    int64_t created_ms, expires_ms;
    bool dry_run;
    uint32_t code;
    char phase[20], update_key[41], reason[120];
    bool held;             /* waits for approval: not handed out */
    bool handed, accepted; /* the hub's own */
    struct offer *next;
};

/* Fills an offer from a stored job and its rollout; NULL when the job names an unknown repair. Free with
 * offer_free(). */
struct offer *offer_new(const struct job_row *, const char *targets_sha256, const char *reason);
void offer_free(struct offer *);

struct hub;

/* Called without any lock, on whatever thread took the waiter: `token` must be answered now. */
typedef void hub_answer_fn(void *ctx, int loop, void *token, const char *machine_id);

struct hub *hub_new(int loops, const struct clock *clock, hub_answer_fn *answer, void *ctx);
void hub_free(struct hub *);

/* What is known of a machine from its last sync. */
struct hub_known {
    bool synced; /* false: nothing is known since the server started */
    bool approved;
    char stream[33];
    int64_t have;
    char boot_id[41];
    bool has_facts;
    int64_t skew_ms; /* of its clock, as stored */
};
void hub_known_get(struct hub *, const char *machine_id, struct hub_known *out);
void hub_known_set(struct hub *, const char *machine_id, const struct hub_known *);
/* Approval or facts changed in the database: ask again. */
void hub_forget(struct hub *, const char *machine_id);

void hub_seen(struct hub *, const char *machine_id, int64_t wall_ms);
/* Last time heard in this run of the server; 0 when not. */
int64_t hub_last_seen(struct hub *, const char *machine_id);
bool hub_connected(
    struct hub *,
    const char *machine_id); /* waits, or was heard within 70 s (a long poll is 55 s at most by default) */
/* Takes what changed since the last call: ids and times to be stored; at most max. */
size_t hub_take_seen(struct hub *, struct arena *, const char **ids, int64_t *seen_ms, size_t max);

/* Takes the offer; wakes the machine when it waits. A second offer of the same job is dropped. */
void hub_offer(struct hub *, const char *machine_id, struct offer *);
/* Approved: it may be handed out now. */
void hub_offer_release(struct hub *, const char *machine_id, const char *job);
/* Ended, cancelled or superseded: forgets it. *accepted: the machine had said it has it. */
void hub_offer_drop(struct hub *, const char *machine_id, const char *job, bool *accepted);
/* The job's state as memory knows it: JOB_OFFERED when handed out, else `stored`. */
enum job_state hub_job_state(struct hub *, const char *machine_id, const char *job, enum job_state stored);
/* To be told in the next answers until the machine no longer lists the job. */
void hub_cancel(struct hub *, const char *machine_id, const char *job);

/* The machine listed these jobs: offers among them are accepted, cancelled ones not listed are forgotten.
 * *unknown: at least one of them is no offer the hub knows (the server was restarted or restored). */
void hub_listed(struct hub *, const char *machine_id, const char *const *jobs, size_t n, bool *unknown);
/* Copies what is to be handed out now and marks it handed; *cancelled likewise. */
size_t hub_hand_out(struct hub *, const char *machine_id, struct arena *, size_t max, struct offer **out,
                    const char ***cancelled, size_t *cancelled_count);

/* Parks a long poll until deadline_ticks. takes_jobs false: offers do not count (the machine waits for
 * approval, or nothing can be signed now). False: there is something to hand out, answer at once. An older
 * waiter of the same machine is answered, and then the deadline is at least 5 s away. */
bool hub_wait(struct hub *, const char *machine_id, int loop, void *token, int64_t deadline_ticks_ms,
              bool takes_jobs);
/* The client left: true when the waiter was still there and is taken back. */
bool hub_leave(struct hub *, const char *machine_id, const void *token);
/* Answers the waiters of this loop whose time has come; all of them with INT64_MAX. */
void hub_expire(struct hub *, int loop, int64_t now_ticks_ms);
size_t hub_waiting(struct hub *);

#endif
