/* Private to sim: what the machines of a swarm reported, read from the messages they sent. */
#ifndef FLEETMEND_SWARM_COUNT_H
#define FLEETMEND_SWARM_COUNT_H

#include "slice.h"

#include <stdint.h>

struct swarm_summary;

struct swarm_job {
    uint64_t id;      /* hash */
    int repair, result, verdict;
    bool ended;
};

/* Of one machine. */
struct swarm_reported {
    struct swarm_job *jobs;
    size_t job_count;
    int64_t last_seq;
};

/* Takes a sync the server has answered; `sum` gets what is new in it. */
void swarm_count_sync(struct swarm_reported *, struct slice body, struct swarm_summary *sum);
/* Takes the answer: results do not say which repair they are of, the orders do. */
void swarm_count_answer(struct swarm_reported *, struct slice body);
void swarm_count_free(struct swarm_reported *);

#endif
