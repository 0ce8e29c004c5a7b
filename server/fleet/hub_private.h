/* What hub.c (machines and waiters) and hub_offers.c (what is on offer to them) share; for nobody else. */
#ifndef FLEETMEND_HUB_PRIVATE_H
#define FLEETMEND_HUB_PRIVATE_H

#include "hub.h"

#include <pthread.h>

enum { SHARDS = 64, BUCKETS_MIN = 256, REPLACE_WAIT_MS = 5000, CONNECTED_MS = 70 * 1000, LOOPS_MAX = 16 };

struct waiter {
    struct waiter *prev, *next; /* of its slot in the loop's list */
    struct machine_entry *machine;
    void *token;
    int loop;
    int64_t deadline;
};

struct cancelled {
    struct cancelled *next;
    char job[JOB_ID_MAX];
};

struct machine_entry {
    struct machine_entry *next;
    char id[65];
    bool seen_dirty;
    int64_t seen_ms;
    struct hub_known known;
    struct offer *offers;
    struct cancelled *cancelled;
    struct waiter *waiter;
};

struct shard {
    pthread_mutex_t lock; /* guards everything in this shard */
    struct machine_entry **buckets;
    size_t bucket_count, count;
};

/* Waiters by the second of their deadline, round and round: whoever looks for those whose time has come sees
 * them and few others, not a hundred thousand that have a minute left. */
enum { SLOTS = 128, SLOT_MS = 1024 };

struct loop_list {
    pthread_mutex_t lock;       /* guards the list only; taken after a shard's lock, never before */
    struct waiter slots[SLOTS]; /* heads */
    int64_t looked_at; /* the slot, as deadline / SLOT_MS, where the next look for who is due begins */
    size_t count;
};

struct hub {
    struct shard shards[SHARDS];
    struct loop_list loops[LOOPS_MAX];
    int loop_count;
    const struct clock *clock;
    hub_answer_fn *answer;
    void *ctx;
};

/* Locks and returns the machine's shard. */
struct shard *hub_lock(struct hub *, const char *machine_id);
/* With the shard's lock held; NULL when unknown and `make` is false. */
struct machine_entry *hub_entry(struct shard *, const char *machine_id, bool make);
/* With the shard's lock held: the waiter, if any, belongs to the caller then, who must hub_answer() it
 * without the lock. */
struct waiter *hub_take(struct hub *, struct machine_entry *);
void hub_answer(struct hub *, struct waiter *, const char *machine_id);
bool hub_to_hand_out(const struct offer *);

#endif
