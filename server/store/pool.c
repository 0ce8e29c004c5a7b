/* Threads with a read-only connection each. */
#include "db.h"
#include "mem.h"
#include "work_queue.h"

struct reader {
    struct pool *pool;
    struct store *store;
    pthread_t thread;
};

struct pool {
    struct work_queue queue;
    struct reader *readers;
    int started; /* readers whose thread runs */
};

/* One read transaction around it: two lists of one answer tell of the same moment. */
static void run_one(struct store *store, struct work *w)
{
    struct err e = {0};
    bool ok = db_begin(store_db(store), &e);
    if (ok) {
        ok = w->run(w, store, &e);
        db_rollback(store_db(store));
    }
    w->done(w, ok, &e);
}

static void *reader_main(void *arg)
{
    struct reader *r = arg;
    struct work *w;
    while ((w = work_queue_take(&r->pool->queue, 1)))
        run_one(r->store, w);
    return NULL;
}

static bool start_reader(struct pool *p, const char *url, struct err *e)
{
    struct reader *r = &p->readers[p->started];
    r->pool = p;
    r->store = store_open(url, DB_READER, e);
    if (!r->store)
        return false;
    int rc = pthread_create(&r->thread, NULL, reader_main, r);
    if (rc != 0) {
        store_close(r->store);
        return err_set(e, ERR_UNAVAILABLE, "no thread could be started: %s", strerror(rc));
    }
    p->started++;
    return true;
}

struct pool *pool_start(const char *url, int readers, size_t queue_max, struct err *e)
{
    struct pool *p = mem_zalloc(sizeof *p);
    work_queue_init(&p->queue, queue_max);
    p->readers = mem_zalloc((size_t)readers * sizeof *p->readers);
    for (int i = 0; i < readers; i++)
        if (!start_reader(p, url, e)) {
            err_wrap(e, "readers");
            pool_stop(p);
            return NULL;
        }
    return p;
}

void pool_stop(struct pool *p)
{
    if (!p)
        return;
    work_queue_stop(&p->queue);
    for (int i = 0; i < p->started; i++) {
        pthread_join(p->readers[i].thread, NULL);
        store_close(p->readers[i].store);
    }
    work_queue_free(&p->queue);
    mem_free(p->readers);
    mem_free(p);
}

bool pool_submit(struct pool *p, struct work *work)
{
    return work_queue_put(&p->queue, work);
}
