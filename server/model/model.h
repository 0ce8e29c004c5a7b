/* The entities of the server as plain structs: what the store fills and the domain decides on.
 *
 * Strings point into the arena the verb was given, are never NULL ("" when empty), and are UTF-8. Times are
 * UTC ms by the server's clock, 0 when it has not happened. Codes are 0 when there is none. */
#ifndef FLEETMEND_MODEL_H
#define FLEETMEND_MODEL_H

#include "arena.h"
#include "job.h"

#include <stdint.h>

/* X(id, word, help) */
#define MACHINE_STATES(X)                                                                                    \
    X(HEALTHY, "healthy", "no open failure, and a scan has succeeded")                                       \
    X(FAILING, "failing", "an update failure is open and nothing is under way")                              \
    X(REPAIRING, "repairing", "a job runs or is being verified")                                             \
    X(WAITING, "waiting", "a job is queued or held back")                                                    \
    X(NEEDS_HANDS, "needs_hands", "the ladder is used up: a person must act")                                \
    X(SILENT, "silent", "not heard of for three days")                                                       \
    X(NEVER_SCANNED, "never_scanned", "no update scan was ever seen to succeed or fail")                     \
    X(UNSERVICED, "unserviced", "this Windows is out of support")                                            \
    X(PENDING, "pending", "enrolled, not approved yet: reports only")                                        \
    X(HELD, "held", "held back by an admin")                                                                 \
    X(LEFT, "left", "the agent was uninstalled")                                                             \
    X(RETIRED, "retired", "taken out of the fleet by an admin")

enum machine_state {
#define X(id, word, help) MACHINE_##id,
    MACHINE_STATES(X)
#undef X
        MACHINE_STATE_COUNT
};

/* X(id, word, open, help) */
#define FAILURE_STATES(X)                                                                                    \
    X(OPEN, "open", true, "reported, nothing under way")                                                     \
    X(REPAIRING, "repairing", true, "a job for it runs")                                                     \
    X(WAITING, "waiting", true, "a job for it is queued or held back")                                       \
    X(VERIFYING, "verifying", true, "repaired; evidence is awaited")                                         \
    X(FIXED, "fixed", false, "a scan or install succeeded where it had failed")                              \
    X(SUPERSEDED, "superseded", false, "the update is no longer wanted or was replaced")                     \
    X(GONE, "gone", false, "not seen again; nothing proves it is fixed")                                     \
    X(ACCEPTED, "accepted", false, "an admin accepted it for a time")                                        \
    X(NEEDS_HANDS, "needs_hands", true, "the ladder is used up: a person must act")

enum failure_state {
#define X(id, word, open, help) FAILURE_##id,
    FAILURE_STATES(X)
#undef X
        FAILURE_STATE_COUNT
};

extern const char *const machine_state_words[MACHINE_STATE_COUNT];
extern const char *const failure_state_words[FAILURE_STATE_COUNT];
const char *machine_state_help(enum machine_state);
const char *failure_state_help(enum failure_state);
bool failure_state_open(enum failure_state);

struct machine_row {
    const char *id, *name;
    enum machine_state state;
    const char *public_key; /* base64 SPKI */
    const char *instance, *stream;
    int64_t stream_have;
    const char *os, *build, *role, *update_manager, *update_server, *domain, *ou, *site, *model,
        *tags;         /* tags: ",a,b," */
    const char *facts; /* JSON as the agent sent it */
    const char *agent_version, *boot_id;
    bool approved, simulated, reboot_pending;
    int64_t enrolled_ms, last_seen_ms, last_scan_ok_ms, skew_ms;
    uint32_t last_error; /* code of the newest open failure */
    const char *why;     /* one sentence: why it is not healthy yet; "" when it is */
};

struct failure_row {
    int64_t id;
    const char *machine_id, *machine; /* id and name */
    uint32_t code, extend;
    const char *phase, *update_key; /* update_key: update id, else kb, else "" */
    const char *kb, *title, *why, *text;
    enum failure_state state;
    int64_t first_seen_ms, last_seen_ms, closed_ms, count;
};

struct event_row {
    const char *machine_id, *stream;
    int64_t seq, received_ms, time_ms, revision, count;
    bool failed, history;
    uint32_t code, extend;
    const char *phase, *source, *context, *update_id, *kb, *title, *text;
};

struct job_row {
    const char *id, *rollout_id, *machine_id, *machine, *repair, *op, *params,
        *origin; /* params: JSON object */
    int repair_class;
    enum job_state state;
    enum job_result result;
    enum job_verdict verdict;
    const char *reason, *verdict_reason, *output, *undo_of;
    uint32_t code, verdict_code; /* the failure it is meant for; what the verifying scan returned */
    const char *phase, *update_key;
    bool dry_run, undoable, late;
    int64_t rev, start_seq, created_ms, started_ms, ended_ms, expires_ms;
};

struct rollout_row {
    const char *id, *repair, *params, *filter, *reason, *created_by, *targets_sha256,
        *state; /* running, done, cancelled */
    int64_t created_ms, matched;
    bool dry_run;
};

struct user_row {
    int64_t id;
    const char *name, *password_hash;
    unsigned roles; /* set of enum role (message.h) */
    int64_t created_ms;
    bool disabled;
};

/* An API token or a console session: what is shown once is stored as SHA-256 only. */
struct token_row {
    const char *id, *kind; /* kind: api | session */
    const char *sha256, *name;
    int64_t user_id;
    unsigned roles;
    int64_t created_ms, expires_ms, last_used_ms;
};

struct enroll_token_row {
    const char *id, *sha256, *name, *tags;
    int64_t created_ms, expires_ms, uses_max, uses; /* uses_max 0: unlimited */
    bool approval;                                  /* machines that use it wait for approval */
};

struct audit_row {
    int64_t id, time_ms;
    const char *actor, *action, *object, *detail, *prev_hash, *hash; /* detail: JSON; hashes: hex SHA-256 */
};

#endif
