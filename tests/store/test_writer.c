#include "temp_dir.h"
#include "writer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Waits until as many works have been told as were submitted. */
struct told {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    int count, ok;
};

struct put {
    struct work work;
    struct told *told;
    char key[32];
    bool refuse; /* run fails after it has written */
    bool ok;
    struct err e;
    int runs;
};

struct rig {
    struct store *store;
    struct writer *writer;
    char url[200];
    struct told told;
};

static bool run_put(struct work *w, struct store *s, struct err *e)
{
    struct put *p = (struct put *)(void *)w;
    p->runs++;
    if (!store_meta_set(s, p->key, "value", e))
        return false;
    return !p->refuse || err_set(e, ERR_CONFLICT, "refused");
}

static void done_put(struct work *w, bool ok, const struct err *e)
{
    struct put *p = (struct put *)(void *)w;
    pthread_mutex_lock(&p->told->lock);
    p->ok = ok;
    p->e = *e;
    p->told->count++;
    p->told->ok += ok;
    pthread_cond_broadcast(&p->told->wake);
    pthread_mutex_unlock(&p->told->lock);
}

static void await(struct told *t, int count)
{
    pthread_mutex_lock(&t->lock);
    while (t->count < count)
        pthread_cond_wait(&t->wake, &t->lock);
    pthread_mutex_unlock(&t->lock);
}

static void put_init(struct put *p, struct rig *rig, int n)
{
    *p = (struct put){.work = {.run = run_put, .done = done_put}, .told = &rig->told};
    snprintf(p->key, sizeof p->key, "key-%d", n);
}

static int start(void **state)
{
    static int n;
    struct rig *rig = calloc(1, sizeof *rig);
    struct err e = {0};
    pthread_mutex_init(&rig->told.lock, NULL);
    pthread_cond_init(&rig->told.wake, NULL);
    snprintf(rig->url, sizeof rig->url, "sqlite:%s/writer-%d.db", temp_dir(), n++);
    rig->store = store_open(rig->url, DB_WRITER, &e);
    rig->writer = rig->store ? writer_start(rig->store, 500, &e) : NULL;
    *state = rig;
    return rig->writer ? 0 : -1;
}

static int stop(void **state)
{
    struct rig *rig = *state;
    writer_stop(rig->writer);
    store_close(rig->store);
    pthread_cond_destroy(&rig->told.wake);
    pthread_mutex_destroy(&rig->told.lock);
    free(rig);
    return 0;
}

static bool stored(struct rig *rig, const char *key)
{
    struct arena a = {0};
    struct err e = {0};
    const char *value = "";
    struct store *reader = store_open(rig->url, DB_READER, &e);
    assert_non_null(reader);
    assert_true(store_meta_get(reader, &a, key, &value, &e));
    bool there = strcmp(value, "value") == 0;
    store_close(reader);
    arena_free(&a);
    return there;
}

/* Holds the writer before its first commit until the queue is as full as the test wants it. */
struct gate {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool open, reached;
};

static void at_gate(void *ctx, const char *point)
{
    struct gate *g = ctx;
    if (strcmp(point, "before_commit") != 0)
        return;
    pthread_mutex_lock(&g->lock);
    g->reached = true;
    pthread_cond_broadcast(&g->wake);
    while (!g->open)
        pthread_cond_wait(&g->wake, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_wait(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    while (!g->reached)
        pthread_cond_wait(&g->wake, &g->lock);
    pthread_mutex_unlock(&g->lock);
}

static void gate_open(struct gate *g)
{
    pthread_mutex_lock(&g->lock);
    g->open = true;
    pthread_cond_broadcast(&g->wake);
    pthread_mutex_unlock(&g->lock);
}

static void what_waits_shares_one_commit(void **state)
{
    struct rig *rig = *state;
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    static struct put puts[300];
    writer_set_hook(rig->writer, at_gate, &gate);
    for (int i = 0; i < 300; i++)
        put_init(&puts[i], rig, i);
    assert_true(writer_submit(rig->writer, &puts[0].work));
    gate_wait(&gate);
    for (int i = 1; i < 300; i++)
        assert_true(writer_submit(rig->writer, &puts[i].work));
    assert_false(stored(rig, "key-0"));
    gate_open(&gate);
    await(&rig->told, 300);
    assert_int_equal(rig->told.ok, 300);
    struct writer_stats stats;
    writer_stats(rig->writer, &stats);
    assert_int_equal(stats.commits, 2);
    assert_int_equal(stats.works, 300);
    assert_int_equal(stats.reruns, 0);
    assert_int_equal(stats.max_queue, 299);
    assert_true(stats.max_commit_us >= stats.last_commit_us && stats.last_commit_us > 0);
}

static void a_full_queue_refuses(void **state)
{
    struct rig *rig = *state;
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    static struct put puts[502];
    writer_set_hook(rig->writer, at_gate, &gate);
    for (int i = 0; i < 502; i++)
        put_init(&puts[i], rig, i);
    assert_true(writer_submit(rig->writer, &puts[0].work));
    gate_wait(&gate);
    for (int i = 1; i <= 500; i++)
        assert_true(writer_submit(rig->writer, &puts[i].work));
    assert_false(writer_submit(rig->writer, &puts[501].work));
    gate_open(&gate);
    await(&rig->told, 501);
    assert_int_equal(puts[501].runs, 0);
    assert_true(writer_submit(rig->writer, &puts[501].work));
    await(&rig->told, 502);
}

static void one_that_fails_takes_nobody_with_it(void **state)
{
    struct rig *rig = *state;
    struct gate gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};
    static struct put puts[6];
    writer_set_hook(rig->writer, at_gate, &gate);
    for (int i = 0; i < 6; i++)
        put_init(&puts[i], rig, i);
    puts[3].refuse = true;
    assert_true(writer_submit(rig->writer, &puts[0].work));
    gate_wait(&gate);
    for (int i = 1; i < 6; i++)
        assert_true(writer_submit(rig->writer, &puts[i].work));
    gate_open(&gate);
    await(&rig->told, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(puts[i].ok, i != 3);
        assert_int_equal(stored(rig, puts[i].key), i != 3);
    }
    assert_int_equal(puts[3].e.kind, ERR_CONFLICT);
    assert_string_equal(puts[3].e.text, "refused");
    assert_int_equal(puts[1].runs, 2);
    struct writer_stats stats;
    writer_stats(rig->writer, &stats);
    assert_int_equal(stats.reruns, 1);
}

static void stopping_finishes_what_is_queued(void **state)
{
    struct rig *rig = *state;
    static struct put puts[200];
    for (int i = 0; i < 200; i++) {
        put_init(&puts[i], rig, i);
        assert_true(writer_submit(rig->writer, &puts[i].work));
    }
    writer_stop(rig->writer);
    rig->writer = NULL;
    assert_int_equal(rig->told.ok, 200);
    assert_true(stored(rig, "key-199"));
}

struct submitter {
    struct rig *rig;
    struct put *puts;
    int count;
};

static void *submit_all(void *arg)
{
    struct submitter *s = arg;
    for (int i = 0; i < s->count; i++)
        while (!writer_submit(s->rig->writer, &s->puts[i].work))
            sched_yield();
    return NULL;
}

static void many_threads_submit_at_once(void **state)
{
    enum { THREADS = 4, EACH = 500 };
    struct rig *rig = *state;
    static struct put puts[THREADS * EACH];
    struct submitter submitters[THREADS];
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS * EACH; i++)
        put_init(&puts[i], rig, i);
    for (int i = 0; i < THREADS; i++) {
        submitters[i] = (struct submitter){rig, puts + i * EACH, EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, submit_all, &submitters[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    await(&rig->told, THREADS * EACH);
    assert_int_equal(rig->told.ok, THREADS * EACH);
    struct writer_stats stats;
    writer_stats(rig->writer, &stats);
    assert_int_equal(stats.works, THREADS * EACH);
}

/* ---- the readers ---- */

struct look {
    struct work work;
    struct told *told;
    bool write, ok, found;
    struct err e;
};

static bool run_look(struct work *w, struct store *s, struct err *e)
{
    struct look *l = (struct look *)(void *)w;
    struct arena a = {0};
    const char *value = "";
    bool ok = store_meta_get(s, &a, "key-0", &value, e) && (!l->write || store_meta_set(s, "evil", "1", e));
    l->found = *value;
    arena_free(&a);
    return ok;
}

static void done_look(struct work *w, bool ok, const struct err *e)
{
    struct look *l = (struct look *)(void *)w;
    pthread_mutex_lock(&l->told->lock);
    l->ok = ok;
    l->e = *e;
    l->told->count++;
    pthread_cond_broadcast(&l->told->wake);
    pthread_mutex_unlock(&l->told->lock);
}

static void readers_see_what_was_told_and_cannot_write(void **state)
{
    struct rig *rig = *state;
    struct err e = {0};
    struct pool *pool = pool_start(rig->url, 3, 100, &e);
    assert_non_null(pool);
    struct put put;
    put_init(&put, rig, 0);
    assert_true(writer_submit(rig->writer, &put.work));
    await(&rig->told, 1);
    static struct look looks[60];
    for (int i = 0; i < 60; i++) {
        looks[i] =
            (struct look){.work = {.run = run_look, .done = done_look}, .told = &rig->told, .write = i % 2};
        assert_true(pool_submit(pool, &looks[i].work));
    }
    await(&rig->told, 61);
    for (int i = 0; i < 60; i++) {
        assert_true(looks[i].found);
        assert_int_equal(looks[i].ok, i % 2 == 0);
    }
    pool_stop(pool);
    assert_null(pool_start("sqlite:/nowhere/at/all.db", 1, 10, &e));
    assert_int_equal(e.kind, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_waits_shares_one_commit, start, stop),
        cmocka_unit_test_setup_teardown(a_full_queue_refuses, start, stop),
        cmocka_unit_test_setup_teardown(one_that_fails_takes_nobody_with_it, start, stop),
        cmocka_unit_test_setup_teardown(stopping_finishes_what_is_queued, start, stop),
        cmocka_unit_test_setup_teardown(many_threads_submit_at_once, start, stop),
        cmocka_unit_test_setup_teardown(readers_see_what_was_told_and_cannot_write, start, stop),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
