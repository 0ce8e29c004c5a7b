/* Deadlines, connection limits, and what the server refuses to start with. */
#include "http_fixture.h"

#include <sys/socket.h>
#include <unistd.h>

/* ---- deadlines ---- */

/* Sends a byte every 20 ms; the time until the server has had enough. */
static int64_t trickle(struct client *c, const char *text)
{
    int64_t begin = now_ms();
    for (; *text && client_send(c, text, 1); text++) {
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        if (stats().connections_now == 0)
            break;
    }
    return now_ms() - begin;
}

static void cuts_a_client_that_trickles(void **state)
{
    (void)state;
    static const char slow_head[] =
        "GET /ping HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    struct client *c = client_open(port());
    assert_in_range(trickle(c, slow_head), quick.request_ms - 50, quick.request_ms + 900);
    client_close(c);
    c = client_open(port());
    client_puts(c, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\n");
    assert_in_range(trickle(c, slow_head), quick.request_ms - 50, quick.request_ms + 900);
    client_close(c);
    /* a later request counts from its first byte */
    c = client_open(port());
    struct answer a = client_ask(c, GET("/ping"));
    assert_int_equal(a.status, 200);
    answer_free(&a);
    assert_in_range(trickle(c, slow_head), quick.request_ms - 50, quick.request_ms + 900);
    client_close(c);
    assert_int_equal(stats().cut_by_deadline, 3);
}

static void cuts_a_silent_client(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    int64_t begin = now_ms();
    assert_true(client_sees_end(c));
    assert_in_range(now_ms() - begin, quick.request_ms - 50, quick.request_ms + 900);
    client_close(c);
    c = client_open(port());
    struct answer a = client_ask(c, GET("/ping"));
    answer_free(&a);
    begin = now_ms();
    assert_true(client_sees_end(c));
    assert_in_range(now_ms() - begin, quick.idle_ms - 50, quick.idle_ms + 1500);
    client_close(c);
    assert_int_equal(stats().cut_by_deadline, 2);
    assert_int_equal(stats().handshake_failures, 0);
}

static void cuts_a_half_open_handshake(void **state)
{
    (void)state;
    int fd = tcp_open(port());
    char byte;
    int64_t begin = now_ms();
    assert_int_equal(send(fd, "\x16\x03\x01\x02", 4, 0), 4);
    assert_true(recv(fd, &byte, 1, 0) <= 0);
    assert_in_range(now_ms() - begin, quick.request_ms - 50, quick.request_ms + 900);
    close(fd);
    assert_int_equal(stats().cut_by_deadline, 1);
}

static void counts_failed_handshakes(void **state)
{
    (void)state;
    int fd = tcp_open(port());
    char bytes[100];
    assert_int_equal(send(fd, "GET / HTTP/1.0\r\n\r\n", 18, 0), 18);
    while (recv(fd, bytes, sizeof bytes, 0) > 0)
        continue;
    close(fd);
    WAIT_UNTIL(stats().handshake_failures == 1);
}

static void cuts_a_client_that_does_not_read(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    client_puts(c, GET("/big"));
    int64_t begin = now_ms();
    WAIT_UNTIL(stats().requests == 1);
    WAIT_UNTIL(stats().connections_now == 0);
    assert_in_range(now_ms() - begin, quick.stall_ms - 50, quick.answer_ms - 1000);
    client_close(c);
}

static void cuts_a_client_that_reads_for_ever(void **state)
{
    (void)state;
    struct http_options o = options();
    struct http_limits patient = quick;
    patient.answer_ms = 500;
    patient.stall_ms = 2000;
    start_with(&o, &patient);
    struct client *c = client_open(port());
    client_puts(c, GET("/big"));
    size_t have = 0;
    for (size_t n; (n = client_read(c, 100000)) > 0; have += n)
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    assert_true(have > 0 && have < BIG_BYTES);
    client_close(c);
    assert_int_equal(stats().cut_by_deadline, 1);
}

static void delivers_a_large_answer(void **state)
{
    (void)state;
    struct answer a = ask(port(), GET("/big"));
    assert_int_equal(a.status, 200);
    assert_int_equal(a.body_n, BIG_BYTES);
    assert_memory_equal(a.body, app.big, BIG_BYTES);
    answer_free(&a);
}

/* ---- limits on connections ---- */

static void tells_clients_over_the_limit(void **state)
{
    (void)state;
    struct http_options o = options();
    o.connections_max = 2;
    start_with(&o, &quick);
    struct client *a = open_wait(), *b = open_wait();
    struct answer refused = ask(port(), GET("/ping"));
    assert_int_equal(refused.status, 503);
    assert_string_equal(answer_header(&refused, "Retry-After"), "30");
    answer_free(&refused);
    client_close(a);
    WAIT_UNTIL(stats().connections_now == 1);
    expect(GET("/ping"), 200);
    client_close(b);
    WAIT_UNTIL(stats().connections_now == 0);
    assert_int_equal(stats().refused, 1);
}

static void limits_handshakes_under_way(void **state)
{
    (void)state;
    struct http_options o = options();
    struct http_limits three = quick;
    three.handshakes_max = 3;
    o.loops = 1;
    start_with(&o, &three);
    int fds[4];
    char byte;
    for (int i = 0; i < 3; i++)
        fds[i] = tcp_open(port());
    WAIT_UNTIL(stats().connections_now == 3);
    int64_t begin = now_ms();
    fds[3] = tcp_open(port());
    assert_true(recv(fds[3], &byte, 1, 0) <= 0);
    assert_true(now_ms() - begin < quick.request_ms - 100);
    assert_int_equal(stats().refused, 1);
    for (int i = 0; i < 4; i++)
        close(fds[i]);
    WAIT_UNTIL(stats().connections_now == 0);
    assert_int_equal(stats().handshake_failures, 3); /* not the one we closed */
    expect(GET("/ping"), 200);
}

/* ---- what is refused at the start ---- */

static void refuse_start(const struct http_options *o, enum err_kind kind, const char *text)
{
    struct err e = {0};
    assert_null(http_server_new(o, &e));
    if (e.kind != kind || !strstr(e.text, text))
        fail_msg("%s: %s, instead of %s: ...%s...", err_kind_name(e.kind), e.text, err_kind_name(kind), text);
}

static void refuses_a_port_in_use(void **state)
{
    (void)state;
    char listen[32];
    snprintf(listen, sizeof listen, "127.0.0.1:%d", port());
    struct http_options o = options();
    o.listen = listen;
    refuse_start(&o, ERR_CONFLICT, "in use");
    o.loops = 1;
    refuse_start(&o, ERR_CONFLICT, listen);
    o = options();
    o.agent_listen = listen;
    refuse_start(&o, ERR_CONFLICT, "in use");
}

static void refuses_unclear_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "8443",
                                      ":8443",
                                      "localhost",
                                      "localhost:",
                                      "localhost:99999",
                                      "localhost:-1",
                                      "localhost:84x",
                                      "example.com:8443",
                                      "::1:8443",
                                      "[::1]",
                                      "[]:1",
                                      "1.2.3:x"};
    struct http_options o = options();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        o.listen = bad[i];
        refuse_start(&o, ERR_INVALID, "HOST:PORT expected");
    }
    static const char *const good[] = {"localhost:0", "0.0.0.0:0", "[::]:0", "[::1]:0"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct err e = {0};
        o.listen = good[i];
        struct http_server *s = http_server_new(&o, &e);
        if (!s)
            fail_msg("%s: %s", good[i], e.text);
        assert_in_range(http_server_port(s), 1024, 65535);
        http_server_free(s);
    }
}

static void refuses_bad_certificates(void **state)
{
    (void)state;
    struct http_options o = options();
    o.cert_file = "/nowhere/cert.pem";
    refuse_start(&o, ERR_INVALID, "/nowhere/cert.pem");
    o = options();
    o.key_file = cert_file;
    refuse_start(&o, ERR_INVALID, cert_file);
}

static void refuses_unclear_routes(void **state)
{
    (void)state;
    const struct route good = {HTTP_GET, "/a/{b}", ROLE_VIEWER, 0, 0, false, handle_ping, "Help."};
    struct http_options o = options();
    struct route rows[2];
    o.routes = rows;
    o.route_count = 1;
#define REFUSE_ROW(change, text)                                                                             \
    do {                                                                                                     \
        rows[0] = good;                                                                                      \
        change;                                                                                              \
        refuse_start(&o, ERR_INTERNAL, text);                                                                \
    } while (0)
    REFUSE_ROW(rows[0].role = 0, "exactly one role");
    REFUSE_ROW(rows[0].role = (enum role)(ROLE_VIEWER | ROLE_ADMIN), "exactly one role");
    REFUSE_ROW(rows[0].method = 0, "exactly one method");
    REFUSE_ROW(rows[0].method = (enum http_method)(HTTP_GET | HTTP_PUT), "exactly one method");
    REFUSE_ROW(rows[0].path = "a", "begin with '/'");
    REFUSE_ROW(rows[0].path = "/a{b}", "whole segment");
    REFUSE_ROW(rows[0].path = "/{a}/{b}/{c}/{d}/{e}", "too many holes");
    REFUSE_ROW(rows[0].help = NULL, "help");
    REFUSE_ROW(rows[0].handler = NULL, "handler");
    o.route_count = 2;
    REFUSE_ROW((rows[1] = good, rows[1].path = "/a/{other}"), "twice");
    o.route_count = 1;
    o.authorise = NULL;
    REFUSE_ROW((void)0, "no authoriser");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(cuts_a_client_that_trickles),
        SERVED(cuts_a_silent_client),
        SERVED(cuts_a_half_open_handshake),
        SERVED(counts_failed_handshakes),
        SERVED(cuts_a_client_that_does_not_read),
        OWN_SERVER(cuts_a_client_that_reads_for_ever),
        SERVED(delivers_a_large_answer),
        OWN_SERVER(tells_clients_over_the_limit),
        OWN_SERVER(limits_handshakes_under_way),
        SERVED(refuses_a_port_in_use),
        cmocka_unit_test(refuses_unclear_addresses),
        cmocka_unit_test(refuses_bad_certificates),
        cmocka_unit_test(refuses_unclear_routes),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
