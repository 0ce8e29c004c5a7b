/* The one writer: takes its whole queue into one transaction, so a commit is shared by all who wait (group commit).
 *
 * An operation runs on the writer's thread inside the transaction; `done` is called after COMMIT, on the same thread:
 * what was answered is on disk. When an operation fails, the batch is rolled back and its operations run
 * again one by one, each in a transaction of its own: so `run` must be repeatable (it writes only to the store and to its
 * own op). When COMMIT fails for want of disk space, everyone of the batch is told so. When it fails otherwise, nobody
 * knows what is on disk: the process ends with code 70, the supervisor restarts it, and nobody was told "done". */
#ifndef FLEETMEND_WRITER_H
#define FLEETMEND_WRITER_H

#include "store.h"

struct work {
    struct work *next;                                        /* the queue's */
    bool (*run)(struct work *, struct store *, struct err *e); /* writer: in the transaction; pool: on a reader */
    void (*done)(struct work *, bool ok, const struct err *e); /* owns the work from here on */
};

struct writer;

/* Starts the thread. `store` is the writing connection, borrowed. queue_max: submissions beyond it are refused. */
struct writer *writer_start(struct store *store, size_t queue_max, struct err *e);
/* Runs what is queued, then ends; nothing may be submitted any more. */
void writer_stop(struct writer *);
/* False when the queue is full (answer 503 with Retry-After); the work is not taken then. Thread-safe. */
bool writer_submit(struct writer *, struct work *);

/* For tests that break things at a known place: called on the writer's thread at the points "before_commit" and
 * "after_commit" (before anyone is told). Set it before the first submission. */
void writer_set_hook(struct writer *, void (*hook)(void *ctx, const char *point), void *ctx);

struct writer_stats {
    uint64_t commits, works, reruns;
    int64_t last_commit_us, max_commit_us, max_queue;
    int64_t last_commit_end_us; /* CLOCK_MONOTONIC */
};
void writer_stats(struct writer *, struct writer_stats *out);

/* Readers for lists: `run` gets a read-only store of its thread, within one read transaction, so all it sees is of one
 * moment; `done` follows at once. */
struct pool;
/* `readers` threads, each with a connection of its own. The writer must have opened the database before. */
struct pool *pool_start(const char *url, int readers, size_t queue_max, struct err *e);
/* Runs what is queued, then ends; nothing may be submitted any more. */
void pool_stop(struct pool *);
/* False when the queue is full; the work is not taken then. Thread-safe. */
bool pool_submit(struct pool *, struct work *);

#endif
