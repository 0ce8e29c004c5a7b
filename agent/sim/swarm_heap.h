/* Private to sim: which machine is due next. Each machine stands in it at most once. */
#ifndef FLEETMEND_SWARM_HEAP_H
#define FLEETMEND_SWARM_HEAP_H

#include <stddef.h>
#include <stdint.h>

struct swarm_heap {
    size_t *order;      /* machine numbers, earliest first by heap order */
    size_t *place;      /* of each machine in order */
    int64_t *due;       /* of each machine */
    size_t count;
};

/* All of them, due at INT64_MAX. */
void swarm_heap_init(struct swarm_heap *, size_t count);
void swarm_heap_free(struct swarm_heap *);
void swarm_heap_set(struct swarm_heap *, size_t machine, int64_t due);
size_t swarm_heap_first(const struct swarm_heap *);

#endif
