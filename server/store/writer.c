#include "writer.h"

#include "log.h"
#include "mem.h"
#include "work_queue.h"

#include <inttypes.h>
#include <time.h>
#include <unistd.h>

/* The more wait, the cheaper each commit; a cap keeps the first of them from waiting for all. */
enum { BATCH_MAX = 1000, BUSY_BATCH = 8, GATHER_NS = 300 * 1000, EXIT_COMMIT_UNKNOWN = 70 };

struct writer {
    struct store *store;
    pthread_t thread;
    struct work_queue queue;
    void (*hook)(void *ctx, const char *point);
    void *hook_ctx;
    pthread_mutex_t stats_lock; /* guards stats */
    struct writer_stats stats;
};

static int64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void at_point(struct writer *w, const char *point)
{
    if (w->hook)
        w->hook(w->hook_ctx, point);
}

/* After a commit that failed for an unknown reason, memory and disk may differ: the next start reads the
 * truth. */
static void end_process(const struct err *e)
{
    log_error(
        "writer.commit_failed reason=\"%s\" the process ends, nobody was told that these changes are stored",
        e->text);
    _exit(EXIT_COMMIT_UNKNOWN);
}

static bool commit(struct writer *w, struct err *e)
{
    at_point(w, "before_commit");
    int64_t start_us = now_us();
    if (!db_commit(store_db(w->store), e)) {
        if (e->kind == ERR_IO)
            end_process(e);
        return false;
    }
    int64_t end_us = now_us(), took_us = end_us - start_us;
    pthread_mutex_lock(&w->stats_lock);
    w->stats.commits++;
    w->stats.last_commit_us = took_us;
    w->stats.last_commit_end_us = end_us;
    if (took_us > w->stats.max_commit_us)
        w->stats.max_commit_us = took_us;
    pthread_mutex_unlock(&w->stats_lock);
    at_point(w, "after_commit");
    return true;
}

static void tell(struct work *batch, bool ok, const struct err *e)
{
    while (batch) {
        struct work *next = batch->next; /* done() owns the work from then on */
        batch->done(batch, ok, e);
        batch = next;
    }
}

/* True when the whole batch is on disk. *op_failed: one of several refused, and alone the others may succeed.
 */
static bool run_together(struct writer *w, struct work *batch, bool *op_failed, struct err *e)
{
    struct db *db = store_db(w->store);
    *op_failed = false;
    if (!db_begin(db, e))
        return false;
    for (struct work *one = batch; one; one = one->next)
        if (!one->run(one, w->store, e)) {
            db_rollback(db);
            *op_failed = true;
            return false;
        }
    return commit(w, e);
}

static void run_one_by_one(struct writer *w, struct work *batch)
{
    while (batch) {
        struct work *one = batch;
        batch = one->next;
        one->next = NULL;
        struct err e = {0};
        bool op_failed;
        bool ok = run_together(w, one, &op_failed, &e);
        one->done(one, ok, &e);
    }
}

static uint64_t count_batch(struct writer *w, const struct work *batch)
{
    uint64_t n = 0;
    for (; batch; batch = batch->next)
        n++;
    pthread_mutex_lock(&w->stats_lock);
    w->stats.works += n;
    pthread_mutex_unlock(&w->stats_lock);
    return n;
}

static void run_batch(struct writer *w, struct work *batch)
{
    struct err e = {0};
    bool op_failed;
    bool ok = run_together(w, batch, &op_failed, &e);
    if (ok || !op_failed || !batch->next) {
        tell(batch, ok, &e);
        return;
    }
    pthread_mutex_lock(&w->stats_lock);
    w->stats.reruns++;
    pthread_mutex_unlock(&w->stats_lock);
    run_one_by_one(w, batch);
}

/* While many wait for commits, those who were just answered come back within a fraction of a millisecond: let them share the
 * next one. A lone operation never waits for this. */
static void gather(void)
{
    const struct timespec pause = {.tv_nsec = GATHER_NS};
    nanosleep(&pause, NULL);
}

static void *writer_main(void *arg)
{
    struct writer *w = arg;
    struct work *batch;
    while ((batch = work_queue_take(&w->queue, BATCH_MAX))) {
        bool busy = count_batch(w, batch) >= BUSY_BATCH;
        run_batch(w, batch);
        if (busy)
            gather();
    }
    return NULL;
}

struct writer *writer_start(struct store *store, size_t queue_max, struct err *e)
{
    struct writer *w = mem_zalloc(sizeof *w);
    w->store = store;
    work_queue_init(&w->queue, queue_max);
    pthread_mutex_init(&w->stats_lock, NULL);
    int rc = pthread_create(&w->thread, NULL, writer_main, w);
    if (rc == 0)
        return w;
    err_set(e, ERR_UNAVAILABLE, "writer: no thread could be started: %s", strerror(rc));
    work_queue_free(&w->queue);
    pthread_mutex_destroy(&w->stats_lock);
    mem_free(w);
    return NULL;
}

void writer_stop(struct writer *w)
{
    if (!w)
        return;
    work_queue_stop(&w->queue);
    pthread_join(w->thread, NULL);
    work_queue_free(&w->queue);
    pthread_mutex_destroy(&w->stats_lock);
    mem_free(w);
}

void writer_set_hook(struct writer *w, void (*hook)(void *ctx, const char *point), void *ctx)
{
    w->hook_ctx = ctx;
    w->hook = hook;
}

bool writer_submit(struct writer *w, struct work *work)
{
    return work_queue_put(&w->queue, work);
}

void writer_stats(struct writer *w, struct writer_stats *out)
{
    pthread_mutex_lock(&w->stats_lock);
    *out = w->stats;
    pthread_mutex_unlock(&w->stats_lock);
    pthread_mutex_lock(&w->queue.lock);
    out->max_queue = (int64_t)w->queue.highest;
    pthread_mutex_unlock(&w->queue.lock);
}
