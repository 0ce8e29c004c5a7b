#include "work_queue.h"

void work_queue_init(struct work_queue *q, size_t max)
{
    *q = (struct work_queue){.max = max};
    q->end = &q->first;
    pthread_mutex_init(&q->lock, NULL);
    pthread_cond_init(&q->wake, NULL);
}

void work_queue_free(struct work_queue *q)
{
    pthread_cond_destroy(&q->wake);
    pthread_mutex_destroy(&q->lock);
}

bool work_queue_put(struct work_queue *q, struct work *w)
{
    pthread_mutex_lock(&q->lock);
    bool taken = q->count < q->max && !q->stopping;
    if (taken) {
        w->next = NULL;
        *q->end = w;
        q->end = &w->next;
        if (++q->count > q->highest)
            q->highest = q->count;
        pthread_cond_signal(&q->wake);
    }
    pthread_mutex_unlock(&q->lock);
    return taken;
}

struct work *work_queue_take(struct work_queue *q, size_t most)
{
    pthread_mutex_lock(&q->lock);
    while (!q->first && !q->stopping)
        pthread_cond_wait(&q->wake, &q->lock);
    struct work *head = q->first, **cut = &q->first;
    for (; *cut && most; most--) {
        cut = &(*cut)->next;
        q->count--;
    }
    if (head) {
        q->first = *cut;
        *cut = NULL;
        if (!q->first)
            q->end = &q->first;
    }
    pthread_mutex_unlock(&q->lock);
    return head;
}

void work_queue_stop(struct work_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->stopping = true;
    pthread_cond_broadcast(&q->wake);
    pthread_mutex_unlock(&q->lock);
}
