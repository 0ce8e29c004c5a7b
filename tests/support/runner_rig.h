/* A runner on the fake machine with a spool in memory, for tests: push an order, let it run, kill it, look. */
#ifndef FLEETMEND_TEST_RUNNER_RIG_H
#define FLEETMEND_TEST_RUNNER_RIG_H

#include "fake_machine.h"
#include "runner.h"

enum { RIG_REPORTS_MAX = 4000 };

/* The spool's two verbs the runner uses, without a disk. */
struct spool {
    const struct fake_machine *machine; /* a dead agent reports nothing */
    int64_t last_seq;
    int fail_puts;                      /* so many reports can't be stored */
    int count;
    struct rig_report {
        char job[JOB_ID_MAX];
        int rev;
        enum job_state state;
        enum job_result result;
        enum job_verdict verdict;
        bool undoable;
        char reason[401], verdict_reason[401];
    } reports[RIG_REPORTS_MAX];
};

struct rig {
    struct fake_machine fm;
    struct spool spool;
    struct runner *runner;
    bool time_known;   /* true at first */
    int64_t speed;
    int jobs;
    char job[JOB_ID_MAX];               /* of the last order */
    struct fake_service services[SERVICE_COUNT]; /* as they were at rig_init() or rig_note() */
    struct fake_place places[PLACE_COUNT];
};

void rig_init(struct rig *);
void rig_free(struct rig *);
/* Remembers services and places as "before". */
void rig_note(struct rig *);
/* A fresh process over the same files. */
void rig_restart(struct rig *, bool reboot);

/* An order of the right class, valid for a day. pairs: "key=value;key=value". Returns its id (in rig->job). */
const char *rig_push(struct rig *, const char *repair, const char *pairs);
const char *rig_undo(struct rig *, const char *repair, const char *job);
/* The same with everything open to change before it is taken. */
struct wire_order rig_order(struct rig *, const char *op, const char *repair, struct wire_pair *pairs, const char *text);
void rig_take(struct rig *, const struct wire_order *);

/* Steps until idle, dead, or ms of machine time have passed. */
void rig_run(struct rig *, int64_t ms);
const struct wire_result *rig_result(struct rig *);
void rig_event(struct rig *, const char *outcome, uint32_t code, const char *phase, const char *update_id);
/* Fails the test unless all services (state and start type) are as they were before, when `places` the folders too. */
void rig_assert_as_found(struct rig *, bool places);
/* Fails unless the revisions of each job only rise. */
void rig_assert_revs_rise(struct rig *);
#define rig_assert_result(rig, wanted)                                                                       \
    do {                                                                                                     \
        const struct wire_result *assert_r = rig_result(rig);                                                \
        assert_non_null(assert_r);                                                                           \
        if (assert_r->result != (int)(wanted) || assert_r->state != JOB_DONE)                                \
            fail_msg("state %s, result %s (%s), wanted %s; output:\n%s",                                     \
                     job_state_name((enum job_state)assert_r->state),                                        \
                     job_result_name((enum job_result)assert_r->result), assert_r->reason, job_result_name(wanted), assert_r->output);  \
    } while (0)
#define rig_assert_verdict(rig, wanted)                                                                      \
    do {                                                                                                     \
        const struct wire_result *assert_v = rig_result(rig);                                                \
        if (assert_v->verdict != (int)(wanted))                                                              \
            fail_msg("verdict %s (%s), wanted %s", job_verdict_name((enum job_verdict)assert_v->verdict),    \
                     assert_v->verdict_reason, job_verdict_name(wanted));                                    \
    } while (0)

#endif
