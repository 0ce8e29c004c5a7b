/* A fleet in one process: the real agent core, thousands of times, each over its own simulated Windows and with its
 * own connection.
 *
 *   swarm = swarm_new(&options, &e);
 *   while (...) swarm_step(swarm, 1000);
 *   swarm_summary(swarm, &s);  swarm_free(swarm);
 *
 * Keys come from seed and index: a second run is the same machines to the server. One thread. */
#ifndef FLEETMEND_SWARM_H
#define FLEETMEND_SWARM_H

#include "config.h"
#include "job.h"
#include "sim_machine.h"

struct swarm;

/* All must outlive the swarm. */
struct swarm_options {
    const struct world *world;
    const struct agent_config *config;
    const struct clock *clock;
    uint64_t seed;
    int64_t speed;
    int64_t attempt_every_ms; /* see sim_machine.h */
    const char *state_dir;    /* a folder for each machine in it; NULL: all in memory */
    double crash_chance;      /* that a machine's agent dies in the middle of its first job; in memory only */
};

struct swarm *swarm_new(const struct swarm_options *, struct err *e);
void swarm_free(struct swarm *);
/* Does what is due, waits for the network at most wait_ms. */
void swarm_step(struct swarm *, int wait_ms);
/* Makes swarm_step() return; from a signal handler too. */
void swarm_wake(struct swarm *);

struct swarm_summary {
    int64_t machines, started, enrolled;
    int64_t failing;         /* machines whose hidden fault still acts */
    int64_t online;
    int64_t requests, errors, syncs;
    int64_t events;          /* taken by the server */
    int64_t crashes;
    int64_t jobs[REPAIR_COUNT + 1];      /* ended; the last: repairs this version does not know */
    int64_t results[JOB_RESULT_COUNT];
    int64_t verdicts[JOB_VERDICT_COUNT];
    char last_error[300];    /* of any machine; "" when there was none */
};

void swarm_summary(const struct swarm *, struct swarm_summary *);

#endif
