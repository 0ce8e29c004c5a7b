#include "hub.h"
#include "mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* A long poll as the hub sees it: how often it was settled, by whichever way. */
struct poll {
    atomic_int answered;
    int loop;
    char machine[65];
};

static void answer(void *ctx, int loop, void *token, const char *machine_id)
{
    struct poll *p = token;
    (void)ctx;
    p->loop = loop;
    snprintf(p->machine, sizeof p->machine, "%s", machine_id);
    atomic_fetch_add(&p->answered, 1);
}

struct rig {
    struct clock_fake clock;
    struct hub *hub;
    struct arena arena;
    struct offer *handed[20];
    const char **cancelled;
    size_t cancelled_count;
};

static int setup(void **state)
{
    struct rig *r = mem_zalloc(sizeof *r);
    clock_fake_init(&r->clock, 1000000, 5000);
    r->hub = hub_new(2, &r->clock.clock, answer, r);
    *state = r;
    return 0;
}

static int teardown(void **state)
{
    struct rig *r = *state;
    hub_free(r->hub);
    arena_free(&r->arena);
    mem_free(r);
    return 0;
}

static struct offer *offer_of(const char *job, enum job_state state)
{
    struct job_row row = {.id = job,
                          .rollout_id = "r",
                          .machine_id = "m",
                          .repair = "cache_reset",
                          .op = "run",
                          .params = "{\"a\":\"b\"}",
                          .phase = "scan",
                          .update_key = "KB1",
                          .state = state,
                          .created_ms = 10,
                          .expires_ms = 20,
                          .code = 0x80070002};
    return offer_new(&row, "targets", "why");
}

static size_t hand_out_max(struct rig *r, const char *machine, size_t max)
{
    return hub_hand_out(r->hub, machine, &r->arena, max, r->handed, &r->cancelled, &r->cancelled_count);
}

static size_t hand_out(struct rig *r, const char *machine)
{
    return hand_out_max(r, machine, COUNT(r->handed));
}

static bool listed(struct rig *r, const char *machine, const char *job)
{
    bool unknown = false;
    hub_listed(r->hub, machine, &job, job ? 1 : 0, &unknown);
    return !unknown;
}

/* ---- offers ---- */

static void an_offer_is_handed_out_until_it_is_listed(void **state)
{
    struct rig *r = *state;
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hand_out(r, "m"), 1);
        assert_string_equal(r->handed[0]->job, "j1");
    }
    assert_true(listed(r, "m", "j1"));
    assert_int_equal(hand_out(r, "m"), 0);
    assert_true(listed(r, "m", NULL)); /* it does not come back once the machine stops listing it */
    assert_int_equal(hand_out(r, "m"), 0);
}

static void an_offer_carries_the_job(void **state)
{
    struct rig *r = *state;
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_int_equal(hand_out(r, "m"), 1);
    hub_offer_drop(r->hub, "m", "j1", NULL); /* what was handed out is a copy */
    const struct offer *o = r->handed[0];
    assert_string_equal(o->rollout, "r");
    assert_string_equal(o->op, "run");
    assert_string_equal(o->repair, "cache_reset");
    assert_string_equal(o->params, "{\"a\":\"b\"}");
    assert_string_equal(o->targets_sha256, "targets");
    assert_string_equal(o->reason, "why");
    assert_string_equal(o->phase, "scan");
    assert_string_equal(o->update_key, "KB1");
    assert_int_equal(o->code, 0x80070002);
    assert_int_equal(o->created_ms, 10);
    assert_int_equal(o->expires_ms, 20);
}

static void offers_go_to_their_machine_in_order_and_at_most_max(void **state)
{
    struct rig *r = *state;
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    hub_offer(r->hub, "other", offer_of("x", JOB_QUEUED));
    hub_offer(r->hub, "m", offer_of("j2", JOB_QUEUED));
    hub_offer(r->hub, "m", offer_of("j3", JOB_QUEUED));
    assert_int_equal(hand_out_max(r, "m", 2), 2);
    assert_string_equal(r->handed[0]->job, "j1");
    assert_string_equal(r->handed[1]->job, "j2");
    assert_int_equal(hub_job_state(r->hub, "m", "j3", JOB_QUEUED), JOB_QUEUED);
    assert_int_equal(hand_out(r, "m"), 3);
    assert_int_equal(hand_out(r, "nobody"), 0);
    assert_int_equal(hand_out_max(r, "m", 0), 0);
}

static void a_held_offer_waits_for_its_release(void **state)
{
    struct rig *r = *state;
    struct poll p = {0};
    hub_offer(r->hub, "m", offer_of("j1", JOB_WAITING));
    assert_int_equal(hand_out(r, "m"), 0);
    assert_true(hub_wait(r->hub, "m", 0, &p, 100000, true));
    hub_offer(r->hub, "m", offer_of("j2", JOB_WAITING));
    assert_int_equal(p.answered, 0); /* nothing for it to fetch yet */
    hub_offer_release(r->hub, "m", "j1");
    assert_int_equal(p.answered, 1);
    assert_int_equal(hand_out(r, "m"), 1);
    assert_string_equal(r->handed[0]->job, "j1");
}

static void a_second_offer_of_a_job_is_dropped(void **state)
{
    struct rig *r = *state;
    struct poll p = {0};
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_true(listed(r, "m", "j1"));
    assert_true(hub_wait(r->hub, "m", 0, &p, 100000, true));
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_int_equal(p.answered, 0);
    assert_int_equal(hand_out(r, "m"), 0);
}

static void dropping_tells_whether_the_machine_had_it(void **state)
{
    struct rig *r = *state;
    bool accepted = true;
    hub_offer_drop(r->hub, "m", "none", &accepted);
    assert_false(accepted);
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    hub_offer(r->hub, "m", offer_of("j2", JOB_QUEUED));
    hand_out(r, "m");
    assert_true(listed(r, "m", "j2"));
    hub_offer_drop(r->hub, "m", "j1", &accepted);
    assert_false(accepted);
    hub_offer_drop(r->hub, "m", "j2", &accepted);
    assert_true(accepted);
    assert_false(listed(r, "m", "j2")); /* unknown from now on */
}

static void a_job_the_machine_has_reported_on_is_not_offered_again(void **state)
{
    struct rig *r = *state;
    struct job_row row = {.id = "j", .rollout_id = "", .repair = "cache_reset", .op = "undo", .params = "{}",
                          .phase = "", .update_key = "", .state = JOB_WAITING, .rev = 1};
    struct offer *o = offer_new(&row, "", "");
    assert_string_equal(o->op, "undo");
    assert_false(o->held); /* deferred by the agent, not by an approval */
    hub_offer(r->hub, "m", o);
    assert_int_equal(hand_out(r, "m"), 0);
    row.repair = "format_disk";
    assert_null(offer_new(&row, "", ""));
}

static void a_handed_job_is_offered_and_no_other(void **state)
{
    struct rig *r = *state;
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_int_equal(hub_job_state(r->hub, "m", "j1", JOB_QUEUED), JOB_QUEUED);
    hand_out(r, "m");
    assert_int_equal(hub_job_state(r->hub, "m", "j1", JOB_QUEUED), JOB_OFFERED);
    assert_int_equal(hub_job_state(r->hub, "m", "j1", JOB_RUNNING), JOB_RUNNING);
    assert_int_equal(hub_job_state(r->hub, "m", "j2", JOB_QUEUED), JOB_QUEUED);
    assert_int_equal(hub_job_state(r->hub, "nobody", "j1", JOB_QUEUED), JOB_QUEUED);
}

static void a_listed_job_nobody_knows_is_told(void **state)
{
    struct rig *r = *state;
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    const char *jobs[] = {"j1", "stranger"};
    bool unknown = false;
    hub_listed(r->hub, "m", jobs, 2, &unknown);
    assert_true(unknown);
    assert_int_equal(hand_out(r, "m"), 0); /* j1 was accepted all the same */
    hub_listed(r->hub, "new machine", NULL, 0, &unknown);
    assert_false(unknown);
}

/* ---- cancelled ---- */

static void a_cancelled_job_is_told_until_it_is_no_longer_listed(void **state)
{
    struct rig *r = *state;
    hub_cancel(r->hub, "m", "j1");
    hub_cancel(r->hub, "m", "j2");
    for (int i = 0; i < 3; i++) {
        hand_out(r, "m");
        assert_int_equal(r->cancelled_count, i == 0 ? 2 : 1);
        assert_string_equal(r->cancelled[0], "j1");
        listed(r, "m", "j1");
    }
    listed(r, "m", NULL);
    hand_out(r, "m");
    assert_int_equal(r->cancelled_count, 0);
}

static void a_job_cancelled_twice_is_told_once(void **state)
{
    struct rig *r = *state;
    hub_cancel(r->hub, "m", "j1");
    hub_cancel(r->hub, "m", "j1");
    hand_out(r, "m");
    assert_int_equal(r->cancelled_count, 1);
}

static void a_cancellation_wakes_the_machine(void **state)
{
    struct rig *r = *state;
    struct poll p = {0}, next = {0};
    assert_true(hub_wait(r->hub, "m", 1, &p, 100000, true));
    hub_cancel(r->hub, "m", "j1");
    assert_int_equal(p.answered, 1);
    assert_int_equal(p.loop, 1);
    assert_string_equal(p.machine, "m");
    assert_false(hub_wait(r->hub, "m", 1, &next, 100000, true));
    assert_int_equal(next.answered, 0);
}

/* ---- waiters ---- */

static void a_push_wakes_the_machine_it_is_for(void **state)
{
    struct rig *r = *state;
    struct poll mine = {0}, other = {0};
    assert_true(hub_wait(r->hub, "m", 0, &mine, 100000, true));
    assert_true(hub_wait(r->hub, "other", 1, &other, 100000, true));
    assert_int_equal(hub_waiting(r->hub), 2);
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_int_equal(mine.answered, 1);
    assert_int_equal(other.answered, 0);
    assert_int_equal(hub_waiting(r->hub), 1);
    assert_false(hub_leave(r->hub, "m", &mine));
    assert_true(hub_leave(r->hub, "other", &other));
    assert_int_equal(hub_waiting(r->hub), 0);
}

static void nobody_waits_while_something_is_on_offer(void **state)
{
    struct rig *r = *state;
    struct poll p = {0};
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_false(hub_wait(r->hub, "m", 0, &p, 100000, true));
    assert_true(hub_wait(r->hub, "m", 0, &p, 100000, false)); /* it takes no jobs: it waits all the same */
    assert_true(hub_leave(r->hub, "m", &p));
    hand_out(r, "m");
    assert_false(hub_wait(r->hub, "m", 0, &p, 100000, true)); /* handed, but not listed: it may be lost */
    assert_true(listed(r, "m", "j1"));
    assert_true(hub_wait(r->hub, "m", 0, &p, 100000, true));
    assert_int_equal(p.answered, 0);
}

static void a_waiter_is_answered_at_its_deadline_on_its_loop(void **state)
{
    struct rig *r = *state;
    struct poll early = {0}, late = {0}, elsewhere = {0};
    assert_true(hub_wait(r->hub, "a", 0, &early, 6000, true));
    assert_true(hub_wait(r->hub, "b", 0, &late, 7000, true));
    assert_true(hub_wait(r->hub, "c", 1, &elsewhere, 6000, true));
    hub_expire(r->hub, 0, 5999);
    assert_int_equal(early.answered, 0);
    hub_expire(r->hub, 0, 6000);
    assert_int_equal(early.answered, 1);
    assert_int_equal(late.answered, 0);
    assert_int_equal(elsewhere.answered, 0);
    hub_expire(r->hub, 0, INT64_MAX);
    hub_expire(r->hub, 1, INT64_MAX);
    assert_int_equal(early.answered, 1);
    assert_int_equal(late.answered, 1);
    assert_int_equal(elsewhere.answered, 1);
    assert_int_equal(hub_waiting(r->hub), 0);
}

/* Looked for as a server does, four times a second: nobody early, nobody more than one look late, however far
 * ahead the deadline. */
static void every_deadline_is_met_however_far_ahead(void **state)
{
    enum { STEP_MS = 250, LAST_MS = 400000 };
    struct rig *r = *state;
    static const int64_t deadlines[] = {5001,   5250,   6143,   6144,   60000,  115000,
                                        136071, 136072, 136073, 200000, 267000, LAST_MS - STEP_MS};
    struct poll polls[COUNT(deadlines)] = {0};
    for (size_t i = 0; i < COUNT(deadlines); i++) {
        char id[8];
        snprintf(id, sizeof id, "m%zu", i);
        assert_true(hub_wait(r->hub, id, 0, &polls[i], deadlines[i], true));
    }
    for (int64_t now = 5000; now < LAST_MS; now += STEP_MS) {
        hub_expire(r->hub, 0, now);
        for (size_t i = 0; i < COUNT(deadlines); i++)
            assert_int_equal(polls[i].answered, deadlines[i] <= now);
    }
    assert_int_equal(hub_waiting(r->hub), 0);
}

static void a_deadline_that_has_passed_is_met_at_the_next_look(void **state)
{
    struct rig *r = *state;
    struct poll p = {0};
    hub_expire(r->hub, 0, 90000);
    assert_true(hub_wait(r->hub, "m", 0, &p, 20000, true));
    hub_expire(r->hub, 0, 90000);
    assert_int_equal(p.answered, 1);
}

static void who_left_is_not_answered(void **state)
{
    struct rig *r = *state;
    struct poll p = {0}, stranger = {0};
    assert_true(hub_wait(r->hub, "m", 0, &p, 6000, true));
    assert_false(hub_leave(r->hub, "m", &stranger));
    assert_false(hub_leave(r->hub, "nobody", &p));
    assert_true(hub_leave(r->hub, "m", &p));
    assert_false(hub_leave(r->hub, "m", &p));
    hub_expire(r->hub, 0, INT64_MAX);
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    assert_int_equal(p.answered, 0);
}

static void a_newer_poll_replaces_the_older_and_waits_5_seconds_at_least(void **state)
{
    struct rig *r = *state;
    struct poll older = {0}, newer = {0}, third = {0};
    assert_true(hub_wait(r->hub, "m", 0, &older, 50000, true));
    assert_true(hub_wait(r->hub, "m", 1, &newer, 5001, true)); /* it is 5000 now */
    assert_int_equal(older.answered, 1);
    assert_int_equal(older.loop, 0);
    assert_int_equal(newer.answered, 0);
    assert_int_equal(hub_waiting(r->hub), 1);
    hub_expire(r->hub, 1, 9999);
    assert_int_equal(newer.answered, 0);
    hub_expire(r->hub, 1, 10000);
    assert_int_equal(newer.answered, 1);
    /* A longer deadline stays, and the first of its machine keeps its own. */
    assert_true(hub_wait(r->hub, "m", 0, &third, 5001, true));
    hub_expire(r->hub, 0, 5001);
    assert_int_equal(third.answered, 1);
    assert_int_equal(older.answered, 1);
}

static void a_replacing_poll_keeps_its_own_longer_deadline(void **state)
{
    struct rig *r = *state;
    struct poll older = {0}, newer = {0};
    assert_true(hub_wait(r->hub, "m", 0, &older, 50000, true));
    assert_true(hub_wait(r->hub, "m", 0, &newer, 60000, true));
    hub_expire(r->hub, 0, 59999);
    assert_int_equal(newer.answered, 0);
    hub_expire(r->hub, 0, 60000);
    assert_int_equal(newer.answered, 1);
}

/* ---- what is known ---- */

static void what_is_known_is_kept_until_forgotten(void **state)
{
    struct rig *r = *state;
    struct hub_known k;
    hub_known_get(r->hub, "m", &k);
    assert_false(k.synced);
    k = (struct hub_known){.synced = true, .approved = true, .stream = "s", .have = 7, .boot_id = "b", .has_facts = true};
    hub_known_set(r->hub, "m", &k);
    memset(&k, 0, sizeof k);
    hub_known_get(r->hub, "m", &k);
    assert_true(k.synced && k.approved && k.has_facts);
    assert_string_equal(k.stream, "s");
    assert_int_equal(k.have, 7);
    hub_offer(r->hub, "m", offer_of("j1", JOB_QUEUED));
    hub_forget(r->hub, "m");
    hub_known_get(r->hub, "m", &k);
    assert_false(k.synced);
    assert_int_equal(hand_out(r, "m"), 1); /* offers are no knowledge */
}

static void connected_is_who_waits_or_was_heard_of_lately(void **state)
{
    struct rig *r = *state;
    struct poll p = {0};
    assert_false(hub_connected(r->hub, "m"));
    assert_int_equal(hub_last_seen(r->hub, "m"), 0);
    hub_seen(r->hub, "m", r->clock.wall);
    assert_int_equal(hub_last_seen(r->hub, "m"), 1000000);
    clock_fake_advance(&r->clock, 69999);
    assert_true(hub_connected(r->hub, "m"));
    clock_fake_advance(&r->clock, 1);
    assert_false(hub_connected(r->hub, "m"));
    assert_true(hub_wait(r->hub, "m", 0, &p, INT64_MAX, true));
    clock_fake_advance(&r->clock, 1000000);
    assert_true(hub_connected(r->hub, "m"));
}

static void what_was_seen_is_taken_once(void **state)
{
    struct rig *r = *state;
    char id[40];
    enum { MACHINES = 40000 }; /* more than the table starts with */
    for (int i = 0; i < MACHINES; i++) {
        snprintf(id, sizeof id, "machine-%d", i);
        hub_seen(r->hub, id, i + 1);
    }
    const char *ids[1000];
    int64_t times[1000];
    size_t total = 0, n;
    char *taken = mem_zalloc(MACHINES);
    while ((n = hub_take_seen(r->hub, &r->arena, ids, times, COUNT(ids))) > 0) {
        for (size_t i = 0; i < n; i++) {
            snprintf(id, sizeof id, "machine-%d", (int)times[i] - 1);
            assert_string_equal(ids[i], id);
            assert_int_equal(taken[times[i] - 1]++, 0);
        }
        total += n;
    }
    assert_int_equal(total, MACHINES);
    assert_int_equal(hub_last_seen(r->hub, "machine-39999"), MACHINES);
    hub_seen(r->hub, "machine-5", 99);
    assert_int_equal(hub_take_seen(r->hub, &r->arena, ids, times, COUNT(ids)), 1);
    assert_int_equal(times[0], 99);
    mem_free(taken);
}

static void whoever_still_waits_at_the_end_is_let_go(void **state)
{
    struct rig *r = *state;
    static struct poll p;
    assert_true(hub_wait(r->hub, "m", 0, &p, 100000, true));
    hub_offer(r->hub, "m2", offer_of("j", JOB_QUEUED));
    hub_cancel(r->hub, "m2", "j2");
    /* teardown frees all; the sanitizer would name what is left */
}

/* ---- threads ---- */

enum { ROUNDS = 3000, TAKERS = 4 };

enum taker { PUSH, EXPIRE, LEAVE, REPLACE };

/* One waiter, four who want it at the same time, round after round. */
struct race {
    struct rig *rig;
    pthread_barrier_t start, end;
    char machine[20], job[20];
    struct poll waiting, replacing;
    bool left, replaced;
};

struct runner {
    struct race *race;
    enum taker taker;
};

static void grab(struct race *c, enum taker taker)
{
    struct hub *h = c->rig->hub;
    switch (taker) {
    case PUSH:
        hub_offer(h, c->machine, offer_of(c->job, JOB_QUEUED));
        break;
    case EXPIRE:
        hub_expire(h, 0, 7000);
        break;
    case LEAVE:
        c->left = hub_leave(h, c->machine, &c->waiting);
        break;
    case REPLACE:
        c->replaced = hub_wait(h, c->machine, 1, &c->replacing, 100000, true);
        break;
    }
}

static void *run(void *ctx)
{
    struct runner *r = ctx;
    for (int i = 0; i < ROUNDS; i++) {
        pthread_barrier_wait(&r->race->start);
        grab(r->race, r->taker);
        pthread_barrier_wait(&r->race->end);
    }
    return NULL;
}

/* How often the poll was settled when it may wait no longer. */
static int settled(struct rig *r, struct poll *p, const char *machine, bool parked)
{
    return atomic_load(&p->answered) + (parked && hub_leave(r->hub, machine, p));
}

static void of_a_waiter_exactly_one_takes_it(void **state)
{
    struct rig *r = *state;
    struct race c = {.rig = r};
    struct runner runners[TAKERS];
    pthread_t threads[TAKERS];
    int by_leave = 0, by_answer = 0;
    pthread_barrier_init(&c.start, NULL, TAKERS + 1);
    pthread_barrier_init(&c.end, NULL, TAKERS + 1);
    for (int i = 0; i < TAKERS; i++) {
        runners[i] = (struct runner){&c, (enum taker)i};
        pthread_create(&threads[i], NULL, run, &runners[i]);
    }
    int wrong = 0;
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(c.machine, sizeof c.machine, "m%d", i % 100);
        snprintf(c.job, sizeof c.job, "j%d", i);
        atomic_store(&c.waiting.answered, 0);
        atomic_store(&c.replacing.answered, 0);
        bool parked = hub_wait(r->hub, c.machine, 0, &c.waiting, 6000, true);
        pthread_barrier_wait(&c.start);
        pthread_barrier_wait(&c.end);
        by_leave += c.left;
        by_answer += atomic_load(&c.waiting.answered);
        wrong += !parked || settled(r, &c.waiting, c.machine, !c.left) + c.left != 1;
        /* The newer poll: answered by a push that came later, or still waiting, or sent back at once. */
        wrong += settled(r, &c.replacing, c.machine, true) + !c.replaced != 1;
        hub_offer_drop(r->hub, c.machine, c.job, NULL);
    }
    for (int i = 0; i < TAKERS; i++)
        pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c.start);
    pthread_barrier_destroy(&c.end);
    assert_int_equal(wrong, 0);
    assert_int_equal(by_leave + by_answer, ROUNDS);
    assert_int_equal(hub_waiting(r->hub), 0);
}

enum { FREE_THREADS = 4, POLLS = 4000, FREE_MACHINES = 20 };

struct crowd {
    struct rig *rig;
    int number;
    struct poll *polls; /* of this thread */
    int *gone;          /* settled without an answer: left, or sent back at once */
};

static void *mill(void *ctx)
{
    struct crowd *c = ctx;
    struct hub *h = c->rig->hub;
    struct arena a = {0};
    for (int i = 0; i < POLLS; i++) {
        char machine[20], job[30];
        unsigned dice = (unsigned)i * 2654435761u + (unsigned)c->number * 40503u;
        snprintf(machine, sizeof machine, "m%u", dice / 64 % FREE_MACHINES);
        snprintf(job, sizeof job, "j%d.%d", c->number, i);
        if (!hub_wait(h, machine, c->number % 2, &c->polls[i], 6000, true))
            c->gone[i]++;
        else if (dice % 4 == 0)
            c->gone[i] += hub_leave(h, machine, &c->polls[i]);
        if (dice % 8 == 1)
            hub_offer(h, machine, offer_of(job, dice % 16 == 1 ? JOB_QUEUED : JOB_WAITING));
        if (dice % 8 == 2)
            hub_expire(h, c->number % 2, 6000);
        if (dice % 8 == 3)
            hub_cancel(h, machine, job);
        struct offer *out[20];
        const char **cancelled;
        size_t count;
        bool unknown;
        size_t n = hub_hand_out(h, machine, &a, COUNT(out), out, &cancelled, &count);
        for (size_t k = 0; k < n; k++)
            hub_offer_drop(h, machine, out[k]->job, NULL);
        hub_listed(h, machine, NULL, 0, &unknown);
        hub_seen(h, machine, i);
        hub_connected(h, machine);
        arena_free(&a);
    }
    return NULL;
}

static void in_a_crowd_every_poll_is_settled_once(void **state)
{
    struct rig *r = *state;
    struct crowd crowd[FREE_THREADS];
    pthread_t threads[FREE_THREADS];
    for (int i = 0; i < FREE_THREADS; i++) {
        crowd[i] = (struct crowd){r, i, mem_zalloc(POLLS * sizeof(struct poll)), mem_zalloc(POLLS * sizeof(int))};
        pthread_create(&threads[i], NULL, mill, &crowd[i]);
    }
    for (int i = 0; i < FREE_THREADS; i++)
        pthread_join(threads[i], NULL);
    hub_expire(r->hub, 0, INT64_MAX);
    hub_expire(r->hub, 1, INT64_MAX);
    int wrong = 0;
    for (int i = 0; i < FREE_THREADS; i++)
        for (int k = 0; k < POLLS; k++)
            wrong += atomic_load(&crowd[i].polls[k].answered) + crowd[i].gone[k] != 1;
    for (int i = 0; i < FREE_THREADS; i++) {
        mem_free(crowd[i].polls);
        mem_free(crowd[i].gone);
    }
    assert_int_equal(wrong, 0);
    assert_int_equal(hub_waiting(r->hub), 0);
}

#define RIGGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGGED(an_offer_is_handed_out_until_it_is_listed),
        RIGGED(an_offer_carries_the_job),
        RIGGED(offers_go_to_their_machine_in_order_and_at_most_max),
        RIGGED(a_held_offer_waits_for_its_release),
        RIGGED(a_second_offer_of_a_job_is_dropped),
        RIGGED(dropping_tells_whether_the_machine_had_it),
        RIGGED(a_job_the_machine_has_reported_on_is_not_offered_again),
        RIGGED(a_handed_job_is_offered_and_no_other),
        RIGGED(a_listed_job_nobody_knows_is_told),
        RIGGED(a_cancelled_job_is_told_until_it_is_no_longer_listed),
        RIGGED(a_job_cancelled_twice_is_told_once),
        RIGGED(a_cancellation_wakes_the_machine),
        RIGGED(a_push_wakes_the_machine_it_is_for),
        RIGGED(nobody_waits_while_something_is_on_offer),
        RIGGED(a_waiter_is_answered_at_its_deadline_on_its_loop),
        RIGGED(every_deadline_is_met_however_far_ahead),
        RIGGED(a_deadline_that_has_passed_is_met_at_the_next_look),
        RIGGED(who_left_is_not_answered),
        RIGGED(a_newer_poll_replaces_the_older_and_waits_5_seconds_at_least),
        RIGGED(a_replacing_poll_keeps_its_own_longer_deadline),
        RIGGED(what_is_known_is_kept_until_forgotten),
        RIGGED(connected_is_who_waits_or_was_heard_of_lately),
        RIGGED(what_was_seen_is_taken_once),
        RIGGED(whoever_still_waits_at_the_end_is_let_go),
        RIGGED(of_a_waiter_exactly_one_takes_it),
        RIGGED(in_a_crowd_every_poll_is_settled_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
