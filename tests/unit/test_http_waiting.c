/* Long polls, answers from other threads, and the end of the server. */
#include "http_fixture.h"

#include <sched.h>
#include <unistd.h>

static void pushes_to_a_long_poll_from_another_thread(void **state)
{
    (void)state;
    struct client *c = open_wait();
    for (int i = 0; i < 3; i++) {
        struct exchange *x = park_take();
        assert_true(slice_eqz(x->path, "/wait"));
        exchange_set_header(x, "X-Round", "yes");
        exchange_reply(x, 200, "text/plain", slice_of("work"));
        struct answer a = client_answer(c);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "work");
        assert_string_equal(answer_header(&a, "X-Round"), "yes");
        answer_free(&a);
        client_puts(c, GET("/wait"));
        WAIT_UNTIL(parked_count() == 1);
    }
    exchange_reply(park_take(), 204, NULL, slice_of(""));
    struct answer a = client_ask(c, "");
    assert_int_equal(a.status, 204);
    answer_free(&a);
    client_close(c);
    assert_int_equal(app.gone + app.gone_late, 0);
    assert_int_equal(stats().connections_total, 1);
}

static void waits_longer_than_any_deadline(void **state)
{
    (void)state;
    struct client *c = open_wait();
    int64_t end = now_ms() + quick.idle_ms + quick.request_ms;
    WAIT_UNTIL(now_ms() > end);
    exchange_reply(park_take(), 200, NULL, slice_of("{}"));
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    client_close(c);
}

static void sees_a_client_leave(void **state)
{
    (void)state;
    client_close(open_wait());
    WAIT_UNTIL(app.gone == 1);
    client_abort(open_wait());
    WAIT_UNTIL(app.gone == 2);
    WAIT_UNTIL(stats().connections_now == 0);
    assert_null(park_take());
    assert_int_equal(app.gone_late, 0);
}

static void takes_talking_for_leaving(void **state)
{
    (void)state;
    struct client *c = open_wait();
    client_puts(c, GET("/ping"));
    assert_true(client_sees_end(c));
    client_close(c);
    assert_int_equal(app.gone, 1);
    /* also when the bytes came before the handler began to wait */
    c = client_open(port());
    client_puts(c, GET("/wait") GET("/ping"));
    assert_true(client_sees_end(c));
    client_close(c);
    assert_int_equal(app.gone, 2);
    assert_int_equal(app.handled, 0);
}

static void drops_a_reply_the_client_did_not_wait_for(void **state)
{
    (void)state;
    struct client *c = open_wait();
    struct exchange *held = park_take();
    client_close(c);
    WAIT_UNTIL(app.gone_late == 1);
    WAIT_UNTIL(stats().connections_now == 0);
    assert_true(slice_eqz(held->query, "a=b")); /* still readable */
    exchange_reply(held, 200, NULL, slice_of("too late"));
    expect(GET("/ping"), 200);
    assert_int_equal(app.gone, 0);
}

static void survives_a_client_that_leaves_unwatched(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    client_puts(c, GET("/later"));
    WAIT_UNTIL(parked_count() == 1);
    client_abort(c);
    exchange_reply(park_take(), 200, NULL, slice_of("nobody reads this"));
    WAIT_UNTIL(stats().connections_now == 0);
    expect(GET("/ping"), 200);
}

static atomic_bool answering;

static void *answer_parked(void *ctx)
{
    (void)ctx;
    while (answering) {
        struct exchange *x = park_take();
        if (x)
            exchange_reply(x, 200, "text/plain", slice_of("done"));
        else
            sched_yield();
    }
    return NULL;
}

static void *ask_many(void *failures)
{
    struct client *c = client_open(port());
    for (int i = 0; c && i < 100; i++) {
        struct answer a = client_ask(c, i % 2 ? GET("/later") : GET("/wait"));
        if (a.status != 200 || strcmp(a.body, "done") != 0)
            atomic_fetch_add((atomic_int *)failures, 1);
        answer_free(&a);
        if (i % 10 == 9) { /* leave while somebody may be answering */
            client_puts(c, GET("/wait"));
            client_close(c);
            c = client_open(port());
        }
    }
    if (!c)
        atomic_fetch_add((atomic_int *)failures, 1);
    client_close(c);
    return NULL;
}

static void answers_from_many_threads(void **state)
{
    (void)state;
    enum { ASKING = 8, ANSWERING = 4 };
    pthread_t asking[ASKING], threads[ANSWERING];
    atomic_int failures = 0;
    answering = true;
    for (int i = 0; i < ANSWERING; i++)
        pthread_create(&threads[i], NULL, answer_parked, NULL);
    for (int i = 0; i < ASKING; i++)
        pthread_create(&asking[i], NULL, ask_many, &failures);
    for (int i = 0; i < ASKING; i++)
        pthread_join(asking[i], NULL);
    WAIT_UNTIL(stats().connections_now == 0);
    WAIT_UNTIL(parked_count() == 0);
    answering = false;
    for (int i = 0; i < ANSWERING; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(failures, 0);
}

/* ---- the end ---- */

static void stops_while_long_polls_wait(void **state)
{
    struct client *waiting[3];
    for (int i = 0; i < 3; i++)
        waiting[i] = open_wait();
    struct client *idle = client_open(port());
    int64_t begin = now_ms();
    stop(state);
    assert_true(now_ms() - begin < quick.stop_ms);
    for (int i = 0; i < 3; i++) {
        struct answer a = client_answer(waiting[i]);
        assert_int_equal(a.status, 503);
        assert_string_equal(answer_header(&a, "Retry-After"), "5");
        assert_string_equal(answer_header(&a, "Connection"), "close");
        answer_free(&a);
        client_close(waiting[i]);
    }
    assert_true(client_sees_end(idle));
    client_close(idle);
    assert_int_equal(app.gone, 3);
    assert_int_equal(parked_count(), 0);
}

static void answers_what_is_owed_before_it_stops(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    client_puts(c, GET("/later"));
    WAIT_UNTIL(parked_count() == 1);
    http_server_stop(server);
    /* the doors are closed at once */
    int fd;
    WAIT_UNTIL((fd = tcp_open(port())) < 0 || (close(fd), false));
    exchange_reply(park_take(), 200, NULL, slice_of("in time"));
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "in time");
    assert_true(client_sees_end(c));
    answer_free(&a);
    client_close(c);
    wait_for_end();
}

static void does_not_wait_for_ever_for_an_answer(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    client_puts(c, GET("/later"));
    WAIT_UNTIL(parked_count() == 1);
    int64_t begin = now_ms();
    http_server_stop(server);
    void *failed;
    pthread_join(server_thread, &failed);
    assert_in_range(now_ms() - begin, quick.stop_ms - 50, quick.stop_ms + 1500);
    exchange_reply(park_take(), 200, NULL, slice_of("too late")); /* still allowed, before the free */
    http_server_free(server);
    server = NULL;
    assert_true(client_sees_end(c));
    client_close(c);
}

static atomic_int posted_loop;

static void note_loop(void *ctx)
{
    posted_loop = http_server_this_loop(ctx) + 100;
}

static void posts_to_a_loop(void **state)
{
    (void)state;
    assert_int_equal(http_server_loops(server), 2);
    assert_int_equal(http_server_this_loop(server), -1);
    for (int i = 0; i < 2; i++) {
        http_server_post(server, i, note_loop, server);
        WAIT_UNTIL(posted_loop == 100 + i);
    }
    WAIT_UNTIL(app.ticks > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(pushes_to_a_long_poll_from_another_thread),
        SERVED(waits_longer_than_any_deadline),
        SERVED(sees_a_client_leave),
        SERVED(takes_talking_for_leaving),
        SERVED(drops_a_reply_the_client_did_not_wait_for),
        SERVED(survives_a_client_that_leaves_unwatched),
        SERVED(answers_from_many_threads),
        SERVED(stops_while_long_polls_wait),
        SERVED(answers_what_is_owed_before_it_stops),
        SERVED(does_not_wait_for_ever_for_an_answer),
        SERVED(posts_to_a_loop),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
