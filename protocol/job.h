/* Jobs: states, results, verdicts and the moves allowed between states. Shared by server and agent.
 *
 *            not started yet                 the machine acts                the end
 *   +--------------------------------+
 *   | queued <-> waiting <-> offered | ---> running ---> verifying ---> done
 *   +--------------------------------+        |    `------------------^
 *       |                  ^                  |
 *       |                  `---- waiting <----'  deferred by the agent, which tries again
 *       |
 *       +--> cancelled, superseded, expired         running and verifying may only end as done or expired
 *
 * Among the first three every move is allowed, and each of them may go at once to where the agent says it is:
 * running, verifying, done. A result that comes after the end all the same is kept, marked late.
 *
 * `offered` is memory of the server only: a restart makes it `queued` again, and the agent's journal alone
 * decides whether an offer starts anything. */
#ifndef FLEETMEND_JOB_H
#define FLEETMEND_JOB_H

#include <stdbool.h>

/* X(id, word, final, help) */
#define JOB_STATES(X)                                                                                        \
    X(QUEUED, "queued", false, "stored; not handed to the machine yet")                                      \
    X(WAITING, "waiting", false, "held back; the reason says by what")                                       \
    X(OFFERED, "offered", false, "handed to the machine, which has not said yet that it has it")             \
    X(RUNNING, "running", false, "the machine runs it")                                                      \
    X(VERIFYING, "verifying", false, "the repair ended; the machine now looks for evidence")                 \
    X(DONE, "done", true, "ended with a result, and a verdict where one could be had")                       \
    X(CANCELLED, "cancelled", true, "taken back before it started")                                          \
    X(EXPIRED, "expired", true, "its time ran out before it started")                                        \
    X(SUPERSEDED, "superseded", true, "replaced by a newer push of the same repair before it started")

enum job_state {
#define X(id, word, final, help) JOB_##id,
    JOB_STATES(X)
#undef X
        JOB_STATE_COUNT
};

/* X(id, word, help) */
#define JOB_RESULTS(X)                                                                                       \
    X(NONE, "", "no result yet")                                                                             \
    X(DONE, "done", "all steps ended well; whether it helped is the verdict's matter")                       \
    X(FAILED, "failed", "a step failed; what was changed has been put back")                                 \
    X(REFUSED, "refused", "the agent did not accept or not start it; the reason says why")                   \
    X(NOT_APPLICABLE, "not_applicable", "this machine does not need it, or it is not meant for it")          \
    X(NOT_AVAILABLE, "not_available", "this Windows or this network lacks what it takes")                    \
    X(DEFERRED, "deferred", "cannot run now; the agent keeps it and tries again until it expires")           \
    X(INTERRUPTED, "interrupted", "cut off by a crash or restart; what was changed has been put back")

enum job_result {
#define X(id, word, help) JOB_RESULT_##id,
    JOB_RESULTS(X)
#undef X
        JOB_RESULT_COUNT
};

/* X(id, word, help) */
#define JOB_VERDICTS(X)                                                                                      \
    X(NONE, "", "no verdict yet, or none is owed")                                                           \
    X(FIXED, "fixed", "a scan or install after the repair succeeded where it had failed")                    \
    X(SAME, "same", "the same error came again")                                                             \
    X(DIFFERENT, "different", "another error came instead")                                                  \
    X(NEEDS_REBOOT, "needs_reboot", "Windows must restart before this can be told")                          \
    X(PENDING, "pending", "the proof takes an install that has not happened yet")                            \
    X(UNKNOWN, "unknown", "nothing could be proved; the reason says why")

enum job_verdict {
#define X(id, word, help) JOB_VERDICT_##id,
    JOB_VERDICTS(X)
#undef X
        JOB_VERDICT_COUNT
};

enum { JOB_ID_MAX = 33 }; /* 128 random bits as 32 lower-case hex digits, and NUL */

const char *job_state_name(enum job_state);
const char *job_result_name(enum job_result);
const char *job_verdict_name(enum job_verdict);
const char *job_state_help(enum job_state);
const char *job_result_help(enum job_result);
const char *job_verdict_help(enum job_verdict);
bool job_state_parse(const char *word, enum job_state *out);
bool job_result_parse(const char *word, enum job_result *out);
bool job_verdict_parse(const char *word, enum job_verdict *out);

/* For wire tables: the words in enum order. */
extern const char *const job_state_words[JOB_STATE_COUNT];
extern const char *const job_result_words[JOB_RESULT_COUNT];
extern const char *const job_verdict_words[JOB_VERDICT_COUNT];

bool job_state_final(enum job_state);
/* Whether a job may go from one state to the other. A state may not move to itself. */
bool job_move_allowed(enum job_state from, enum job_state to);

/* 32 lower-case hex digits. */
bool job_id_valid(const char *id);

#endif
