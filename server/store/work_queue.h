/* Work waiting for a thread, first in, first out, up to a maximum. For writer.c and pool.c. */
#ifndef FLEETMEND_WORK_QUEUE_H
#define FLEETMEND_WORK_QUEUE_H

#include "writer.h"

#include <pthread.h>

struct work_queue {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    struct work *first, **end;
    size_t count, max, highest;
    bool stopping;
};

void work_queue_init(struct work_queue *, size_t max);
void work_queue_free(struct work_queue *);
/* False when it is full or stopping. */
bool work_queue_put(struct work_queue *, struct work *);
/* Waits for work and takes up to `most` of it, linked by next. NULL: the queue has stopped and is empty. */
struct work *work_queue_take(struct work_queue *, size_t most);
/* Takers finish what is queued, then get NULL. */
void work_queue_stop(struct work_queue *);

#endif
