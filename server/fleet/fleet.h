/* The domain of the server: what happens to machines, failures and jobs. No HTTP, no SQL.
 *
 * Everything that changes or reads the database is a call: it is queued to the writer (one transaction with
 * others, answered after COMMIT) or to the readers, and its callback runs on their thread. Memory-only
 * questions are answered at once. A full queue makes the call return false: the caller answers 503. */
#ifndef FLEETMEND_FLEET_H
#define FLEETMEND_FLEET_H

#include "accounts.h"
#include "clock.h"
#include "crypto.h"
#include "hub.h"
#include "wire.h"
#include "writer.h"

struct fleet_settings {
    char url[256];
    int64_t class1_approval_above; /* pushes of class 1 to more machines wait for an approver */
    int64_t job_life_ms;           /* a job not started by then expires */
    int64_t silent_after_ms;
    int64_t wait_s; /* long poll; +- a tenth */
    int64_t ticket_life_ms;
};

enum { FLEET_PINS_MAX = 8 };

struct fleet {
    struct fleet_settings settings;
    const struct clock *clock;
    struct writer *writer;
    struct pool *pool;       /* readers for lists */
    struct pool *login_pool; /* two threads: argon2id costs 64 MiB each */
    struct hub *hub;
    struct accounts *accounts;
    struct sign_key *order_key;
    char order_spki[200]; /* base64 */
    uint8_t ticket_key[32];
    char tls_pins[FLEET_PINS_MAX][PIN_TEXT_MAX];
    int tls_pin_count;
    char epoch[41];                        /* made with the database, and anew by a restore */
    int64_t time_epoch;                    /* raised by `clock accept` */
    bool clock_doubtful;                   /* the clock jumped: nothing is signed until an admin accepts it */
    int64_t clock_wall_ms, clock_ticks_ms; /* of the last look */
    int64_t silence_due_ticks_ms;          /* when to look for silent machines again */
    struct challenges *challenges;
    bool stopping;
};

/* A random job, rollout or token id: 32 hex digits. */
void fleet_new_id(char out[JOB_ID_MAX]);

/* ---- signed time, tickets ---- */

/* DSSE by the order key. ERR_UNAVAILABLE while the clock is doubtful. Memory only. */
bool fleet_time(struct fleet *, const struct wire_time_request *, struct buf *out, struct err *e);
/* A challenge this server made in the last two minutes and nobody has used yet; uses it. ERR_DENIED
 * otherwise. */
bool fleet_challenge_use(struct fleet *, const char *challenge, struct err *e);
/* The same without using it up: an enrolment played again changes nothing, and its session may follow on the
 * same one. */
bool fleet_challenge_check(struct fleet *, const char *challenge, struct err *e);
void fleet_ticket_make(struct fleet *, const char *machine_id, int64_t expires_ms, struct buf *out);
bool fleet_ticket_check(struct fleet *, const char *ticket, char machine_id[65], struct err *e);
/* Signs one order for one machine. */
bool fleet_order_sign(struct fleet *, const char *machine_id, const struct offer *, struct buf *out,
                      struct err *e);

/* ---- agents ---- */

struct enroll_call {
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    struct wire_enroll msg;
    char peer[48];
    char machine_id[65];
    bool approved;
    void (*done)(void *ctx, struct enroll_call *, bool ok, const struct err *e);
    void *ctx;
};
/* Opens the envelope (key inside the payload, signature by it, fresh challenge). Then submit it. */
struct enroll_call *fleet_enroll_open(struct fleet *, struct slice envelope, const char *peer, struct err *e);
bool fleet_enroll_submit(struct enroll_call *);
void fleet_enroll_free(struct enroll_call *);

enum session_end {
    SESSION_OK,
    SESSION_UNKNOWN,
    SESSION_DENIED,
    SESSION_BLOCKED,
    SESSION_CLONE,
    SESSION_ERROR
};

struct session_call {
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    struct slice envelope;
    struct wire_session claim; /* unverified until the stored key has verified the envelope */
    enum session_end end;
    struct buf ticket;
    int64_t expires_ms;
    void (*done)(void *ctx, struct session_call *, bool ok, const struct err *e);
    void *ctx;
};
struct session_call *fleet_session_open(struct fleet *, struct slice envelope, struct err *e);
bool fleet_session_submit(struct session_call *);
void fleet_session_free(struct session_call *);

struct sync_call {
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    char machine_id[65];
    struct wire_sync msg;
    struct hub_known known; /* after the sync */
    const char **acked;     /* results that are on disk now */
    size_t acked_count;
    const char **dropped; /* jobs whose offers are over */
    size_t dropped_count;
    const char **cancelled; /* listed as running by the machine, ended here without a start */
    size_t cancelled_count;
    int64_t now_ms;
    bool wants_facts;
    void (*done)(void *ctx, struct sync_call *, bool ok, const struct err *e);
    void *ctx;
};
struct sync_call *fleet_sync_new(struct fleet *, const char *machine_id);
/* Whether the decoded message must go through the database; else it may be answered from memory. */
bool fleet_sync_has_news(struct sync_call *);
bool fleet_sync_submit(struct sync_call *);
void fleet_sync_free(struct sync_call *);

/* ---- admins ---- */

struct act { /* one change by an admin; runs on the writer */
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    struct actor who;
    bool (*run)(struct act *, struct store *, struct err *e);
    void (*committed)(struct act *);         /* memory to be updated after COMMIT; may be NULL */
    void *input;                             /* in the arena */
    struct buf out;                          /* JSON for the answer */
    int status;                              /* of the answer */
    int64_t commit_took_us, committed_at_us; /* of its COMMIT; at: CLOCK_MONOTONIC */
    void (*done)(void *ctx, struct act *, bool ok, const struct err *e);
    void *ctx;
};
struct act *fleet_act_new(struct fleet *);
bool fleet_act_submit(struct act *);
void fleet_act_free(struct act *);

struct push_input {
    const char *repair, *filter, *reason;
    struct wire_pair *params;
    size_t param_count;
    const char **machines;
    size_t machine_count;
    bool preview, dry_run;
    /* filled by the run */
    struct job_row *jobs;
    size_t job_count, job_room;
    struct rollout_row rollout;
    const char **superseded, **superseded_machine;
    size_t superseded_count, superseded_room;
};
bool act_push(struct act *, struct store *, struct err *e);
void act_push_committed(struct act *);

struct job_input {
    const char *id, *reason;
    struct job_row job, made;
    struct rollout_row rollout;
};
bool act_undo(struct act *, struct store *, struct err *e);
void act_undo_committed(struct act *);
bool act_job_cancel(struct act *, struct store *, struct err *e);
void act_job_cancel_committed(struct act *);

struct rollout_input {
    const char *id;
    struct job_row *jobs;
    size_t job_count, job_room;
};
bool act_rollout_approve(struct act *, struct store *, struct err *e);
void act_rollout_approve_committed(struct act *);
bool act_rollout_cancel(struct act *, struct store *, struct err *e);
void act_rollout_cancel_committed(struct act *);

struct machine_input {
    const char *id; /* id or name */
    const char *found_id;
};
bool act_machine_approve(struct act *, struct store *, struct err *e);
void act_machine_approve_committed(struct act *);

struct token_input {
    const char *kind, *name, *tags; /* api | enroll */
    int64_t days, uses;
    unsigned roles;
    bool approval;
    const char *id; /* for delete */
    struct token_row made;
};
bool act_token_create(struct act *, struct store *, struct err *e);
void act_token_create_committed(struct act *);
bool act_token_delete(struct act *, struct store *, struct err *e);
void act_token_delete_committed(struct act *);

/* ---- reading: documents of the API ---- */

struct query {
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    const char *what; /* "machines", "machine", ...: a row of the table in query.c */
    const char *id, *filter, *sort, *cursor;
    int64_t limit;
    bool csv, all;
    struct buf out;
    void (*done)(void *ctx, struct query *, bool ok, const struct err *e);
    void *ctx;
};
struct query *fleet_query_new(struct fleet *, const char *what);
bool fleet_query_submit(struct query *);
void fleet_query_free(struct query *);

/* ---- login ---- */

struct login_call {
    struct work work;
    struct fleet *fleet;
    struct arena arena;
    const char *user, *password;
    struct user_row found;
    bool matches;
    struct token_row token;
    char secret[65];
    void (*done)(void *ctx, struct login_call *, bool ok, const struct err *e);
    void *ctx;
};
struct login_call *fleet_login_new(struct fleet *);
/* Checks the password on the login threads, then makes a session token by the writer; done is called at the
 * end of either. */
bool fleet_login_submit(struct login_call *);
void fleet_login_free(struct login_call *);

/* ---- life ---- */

/* Loads open jobs, users and tokens into memory, with the opened writing store, before the writer starts. */
bool fleet_load(struct fleet *, struct store *, struct err *e);
/* About once a second, from any one thread: stores who was seen, expires jobs, marks silent machines, watches
 * the clock. */
void fleet_sweep(struct fleet *);

#endif
