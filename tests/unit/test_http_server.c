/* Requests and their answers, over real loopback connections. */
#include "http_fixture.h"

static void answers_with_safe_headers(void **state)
{
    (void)state;
    struct answer a = ask(port(), GET("/ping"));
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "pong");
    assert_string_equal(answer_header(&a, "Content-Type"), "text/plain");
    assert_string_equal(answer_header(&a, "Cache-Control"), "no-store");
    assert_string_equal(answer_header(&a, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(answer_header(&a, "Referrer-Policy"), "no-referrer");
    assert_string_equal(answer_header(&a, "Server"), "");
    assert_true(strlen(answer_header(&a, "Date")) > 20);
    answer_free(&a);
}

static void handler_headers_win_and_repeat(void **state)
{
    (void)state;
    struct answer a = ask(port(), "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "hello");
    assert_string_equal(answer_header(&a, "Cache-Control"), "max-age=60");
    assert_non_null(strstr(a.head, "Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n"));
    answer_free(&a);
}

static void decodes_holes_and_query(void **state)
{
    (void)state;
    static const struct {
        const char *path, *body;
    } cases[] = {
        {"/items/7/parts/left", "7|left|-|-|127.0.0.1"},
        {"/items/%7B7%7D/parts/a%20b?q=x%26y+z", "{7}|a b|x&y z|-|127.0.0.1"},
        {"/items/7/parts/left?qq=1&q=2&q=3", "7|left|2|-|127.0.0.1"},
        {"/items/7/parts/left?q", "7|left||-|127.0.0.1"},
    };
    struct client *c = client_open(port());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char request[256];
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", cases[i].path);
        struct answer a = client_ask(c, request);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, cases[i].body);
        answer_free(&a);
    }
    client_close(c);
    expect(GET("/items/7/parts/none"), 204); /* the literal is preferred to the hole */
    expect(GET("/items/7/parts/left?q=%ff"), 400); /* never read as if it were not there */
    expect(GET("/items/7/parts/left?q=%0"), 400);
    expect(GET("/items/7/parts/left?q=%00"), 400);
    expect(GET("/items//parts/none"), 400);
    expect(GET("/items/%ff/parts/x"), 404);
    expect(GET("/items/%0a/parts/x"), 404);
}

static void refuses_what_can_be_read_in_two_ways(void **state)
{
    (void)state;
#define POST_ECHO "POST /echo HTTP/1.1\r\nHost: x\r\n"
    static const struct {
        int status;
        const char *request;
    } cases[] = {
        {400, POST_ECHO "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"},
        {400, POST_ECHO "Content-Length: 5\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
        {400, POST_ECHO "Content-Length: +5\r\n\r\nabcde"},
        {400, POST_ECHO "Content-Length: 0x5\r\n\r\nabcde"},
        {400, POST_ECHO "Content-Length: 5, 5\r\n\r\nabcde"},
        {400, POST_ECHO "Content-Length:\r\n\r\nabcde"},
        {400, POST_ECHO "Content-Length : 5\r\n\r\nabcde"},
        {400, POST_ECHO " Content-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "X-A: b\r\n c\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "X-A: b\rContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "X-A: b\nContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "X-A: \x01\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "no colon\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO ": empty name\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, POST_ECHO "Authorization: a\r\nauthorization: b\r\nContent-Length: 5\r\n\r\nabcde"},
        {411, POST_ECHO "Transfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n"},
        {411, POST_ECHO "Transfer-Encoding: gzip\r\n\r\n"},
        {417, POST_ECHO "Expect: the worst\r\nContent-Length: 5\r\n\r\nabcde"},
        {400, "POST /echo HTTP/1.1\nHost: x\nContent-Length: 5\n\nabcde"},
        {400, "GET /ping HTTP/1.1\r\n\r\n"},
        {400, "GET /ping HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
        {400, "GET /ping HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET  /ping HTTP/1.1\r\nHost: a\r\n\r\n"},
        {505, "GET /ping HTTP/1.1 \r\nHost: a\r\n\r\n"},
        {505, "GET /ping HTTP/2.0\r\nHost: a\r\n\r\n"},
        {505, "GET /ping HTTP/1.01\r\nHost: a\r\n\r\n"},
        {400, "GET /ping\r\n\r\n"},
        {400, "\r\nGET /ping HTTP/1.1\r\nHost: a\r\n\r\n"},
        {501, "FETCH /ping HTTP/1.1\r\nHost: a\r\n\r\n"},
        {501, "get /ping HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "G@T /ping HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, GET("https://x/ping")},
        {400, GET("*")},
        {400, GET("ping")},
        {400, GET("/../ping")},
        {400, GET("/./ping")},
        {400, GET("/x/..")},
        {400, GET("/%2e%2E/ping")},
        {400, GET("//ping")},
        {400, GET("/x%2fping")},
        {400, GET("/x%5cping")},
        {400, GET("/ping%00")},
        {400, GET("/ping%0")},
        {400, GET("/ping%zz")},
        {400, GET("/ping#x")},
        {400, GET("/p\xc3\xafng")},
        {404, GET("/ping/")},
        {404, GET("/...")},
        {404, GET("/")},
        {404, GET("/Ping")},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect(cases[i].request, cases[i].status);
    assert_int_equal(app.handled, 0);
    assert_true(stats().refused >= sizeof cases / sizeof *cases);

    static const char nul[] = "GET /ping HTTP/1.1\r\nHost: x\0y\r\n\r\n";
    struct client *c = client_open(port());
    client_send(c, nul, sizeof nul - 1);
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 400);
    answer_free(&a);
    client_close(c);
}

static void refuses_large_heads(void **state)
{
    (void)state;
    char request[10000];
    size_t n = (size_t)snprintf(request, sizeof request, "GET /ping HTTP/1.1\r\nHost: x\r\nX-A: ");
    size_t room = 8192 - n - 4; /* exactly the limit */
    memset(request + n, 'a', room);
    snprintf(request + n + room, 5, "\r\n\r\n");
    expect(request, 200);
    memset(request + n, 'a', 9000);
    request[n + 9000] = '\0'; /* never ends */
    expect(request, 431);
    n = (size_t)snprintf(request, sizeof request, "GET /ping HTTP/1.1\r\nHost: x\r\n");
    for (int i = 0; i < 64; i++)
        n += (size_t)snprintf(request + n, sizeof request - n, "X-%d: y\r\n", i);
    snprintf(request + n, sizeof request - n, "\r\n");
    expect(request, 431);
}

static void refuses_bodies_over_the_routes_limit(void **state)
{
    (void)state;
    char *request = mem_zalloc(ECHO_MAX + 200);
    int n = snprintf(request, 200, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", ECHO_MAX);
    memset(request + n, 'b', ECHO_MAX);
    struct answer a = ask(port(), request);
    assert_int_equal(a.status, 201);
    assert_int_equal(a.body_n, ECHO_MAX);
    assert_string_equal(a.body, request + n);
    answer_free(&a);
    mem_free(request);
    expect("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n", 413);
    expect("PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1234567890", 201);
    expect("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413);
    expect("GET /ping HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 413);
    expect("POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx", 404);
}

/* It is refused by its announced length alone. What the client goes on sending must not turn into a reset
 * that overtakes the refusal. */
static void refusal_reaches_a_client_that_goes_on_sending(void **state)
{
    (void)state;
    char request[200];
    snprintf(request, sizeof request, "PUT /echo HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n",
             BIG_BYTES);
    struct client *c = client_open(port());
    client_puts(c, request);
    assert_true(client_send(c, app.big, BIG_BYTES / 2));
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 413);
    answer_free(&a);
    assert_true(client_sees_end(c));
    client_close(c);
}

static void names_the_methods_a_path_has(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "DELETE /echo HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET /echo HTTP/1.1\r\nHost: x\r\n\r\n",
        "PATCH /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab",
        "OPTIONS /echo HTTP/1.1\r\nHost: x\r\n\r\n",
        "TRACE /echo HTTP/1.1\r\nHost: x\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof *requests; i++) {
        struct answer a = ask(port(), requests[i]);
        assert_int_equal(a.status, 405);
        assert_string_equal(answer_header(&a, "Allow"), "POST, PUT");
        answer_free(&a);
    }
    struct client *c = client_open(port());
    client_puts(c, "HEAD /echo HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_true(client_sees_end(c));
    client_close(c);
}

static void goes_on_after_an_answer(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    static const int expected[] = {200, 404, 405, 200};
    static const char *const requests[] = {GET("/ping"), GET("/nowhere"), GET("/echo"), GET("/ping")};
    for (int i = 0; i < 4; i++) {
        struct answer a = client_ask(c, requests[i]);
        assert_int_equal(a.status, expected[i]);
        answer_free(&a);
    }
    client_close(c);
    assert_int_equal(stats().connections_total, 1);
    assert_int_equal(stats().requests, 4);
}

static void closes_when_asked(void **state)
{
    (void)state;
    static const char *const requests[] = {
        "GET /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "GET /ping HTTP/1.0\r\n\r\n",
    };
    for (int i = 0; i < 2; i++) {
        struct client *c = client_open(port());
        struct answer a = client_ask(c, requests[i]);
        assert_int_equal(a.status, 200);
        assert_string_equal(a.body, "pong");
        int64_t before = now_ms();
        assert_true(client_sees_end(c));
        assert_true(now_ms() - before < 1000);
        answer_free(&a);
        client_close(c);
    }
}

static void serves_requests_sent_together(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    client_puts(c,
                GET("/ping") "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET("/ping"));
    static const char *const bodies[] = {"pong", "abc", "pong"};
    for (int i = 0; i < 3; i++) {
        struct answer a = client_answer(c);
        assert_true(a.status == 200 || a.status == 201);
        assert_string_equal(a.body, bodies[i]);
        answer_free(&a);
    }
    client_close(c);
}

static void checks_the_head_of_a_request_sent_early(void **state)
{
    (void)state;
    static const char *const second[] = {
        "GET /ping HTTP/1.1\nHost: x\n\n",
        "GET /ping HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET /pi",
    };
    for (size_t i = 0; i < sizeof second / sizeof *second; i++) {
        struct client *c = client_open(port());
        char request[256];
        snprintf(request, sizeof request, "%s%s", GET("/ping"), second[i]);
        struct answer a = client_ask(c, request);
        assert_int_equal(a.status, 200);
        answer_free(&a);
        int64_t begin = now_ms();
        assert_true(client_sees_end(c));
        assert_true(now_ms() - begin < quick.request_ms - 100); /* not by a deadline */
        client_close(c);
    }
    assert_int_equal(app.handled, 3);
}

/* The first request fills libevent's read exactly. If the second stayed inside OpenSSL, no socket event would
 * ever tell of it. */
static void does_not_forget_a_request_inside_tls(void **state)
{
    (void)state;
    enum { READ_MARK = 4000 };
    char request[READ_MARK + 100];
    int n = snprintf(request, sizeof request, "GET /ping HTTP/1.1\r\nHost: x\r\nX-A: ");
    memset(request + n, 'a', READ_MARK);
    snprintf(request + READ_MARK - 4, 100, "\r\n\r\n%s", GET("/ping"));
    struct client *c = client_open(port());
    struct answer a = client_ask(c, request);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    a = client_answer(c);
    assert_int_equal(a.status, 200);
    answer_free(&a);
    client_close(c);
}

static void answers_without_delay(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    int64_t begin = now_ms();
    for (int i = 0; i < 50; i++) {
        struct answer a = client_ask(c, GET("/ping"));
        assert_int_equal(a.status, 200);
        answer_free(&a);
    }
    assert_true(now_ms() - begin < 1800); /* 50 stalls of 40 ms would be 2 s */
    client_close(c);
}

static void says_continue(void **state)
{
    (void)state;
    struct client *c = client_open(port());
    client_puts(c, "POST /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    struct answer a = client_answer(c);
    assert_int_equal(a.status, 100);
    answer_free(&a);
    a = client_ask(c, "hello");
    assert_int_equal(a.status, 201);
    assert_string_equal(a.body, "hello");
    answer_free(&a);
    client_close(c);
    /* no body is asked for that would be refused */
    expect("PUT /echo HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n", 413);
}

static void turns_errors_into_problems(void **state)
{
    (void)state;
    static const int statuses[][2] = {{ERR_INVALID, 400},     {ERR_NOT_FOUND, 404}, {ERR_DENIED, 403},
                                      {ERR_CONFLICT, 409},    {ERR_LIMIT, 429},     {ERR_IO, 500},
                                      {ERR_UNAVAILABLE, 503}, {ERR_INTERNAL, 500},  {ERR_TIMEOUT, 500}};
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char request[100];
        snprintf(request, sizeof request, "GET /failure?kind=%d HTTP/1.1\r\nHost: x\r\n\r\n", statuses[i][0]);
        struct answer a = ask(port(), request);
        assert_int_equal(a.status, statuses[i][1]);
        assert_string_equal(answer_header(&a, "Content-Type"), "application/problem+json");
        /* what failed inside is for the log */
        assert_int_equal(strstr(a.body, "a \\\"quoted\\\" reason") != NULL, a.status != 500);
        answer_free(&a);
    }
    struct answer a = ask(port(), "GET /failure?kind=2 HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_string_equal(a.body, "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,"
                                "\"detail\":\"a \\\"quoted\\\" reason\"}");
    answer_free(&a);
}

static void asks_the_authoriser(void **state)
{
    (void)state;
    struct answer a = ask(port(), GET("/who"));
    assert_int_equal(a.status, 401);
    assert_string_equal(answer_header(&a, "WWW-Authenticate"), "Bearer");
    assert_non_null(strstr(a.body, "log in first"));
    answer_free(&a);
    expect("GET /who HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer weak\r\n\r\n", 403);
    a = ask(port(), "GET /who HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer good\r\n\r\n");
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "anna");
    answer_free(&a);
}

static void limits_requests_a_minute(void **state)
{
    (void)state;
    app.now_ms = 1000;
    for (int i = 0; i < 3; i++)
        expect(GET("/limited"), 200);
    struct answer a = ask(port(), GET("/limited"));
    assert_int_equal(a.status, 429);
    assert_string_equal(answer_header(&a, "Retry-After"), "21"); /* a third of a minute, rounded up */
    answer_free(&a);
    expect(GET("/ping"), 200);
    app.now_ms = 1000 + 21000;
    expect(GET("/limited"), 200);
    expect(GET("/limited"), 429);
    app.now_ms = 1000 + 3600000;
    for (int i = 0; i < 3; i++)
        expect(GET("/limited"), 200);
    expect(GET("/limited"), 429);
}

static void agent_listener_serves_agents_alone(void **state)
{
    (void)state;
    int agents = -http_server_agent_port(server);
    struct answer a = ask(agents, GET("/ping"));
    assert_int_equal(a.status, 404);
    answer_free(&a);
    struct client *c = client_open(agents);
    client_puts(c, "POST /agent/v1/wait HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi");
    WAIT_UNTIL(parked_count() == 1);
    struct exchange *x = park_take();
    assert_string_equal(x->peer, "::1");
    exchange_reply(x, 200, NULL, x->body);
    a = client_answer(c);
    assert_int_equal(a.status, 200);
    assert_string_equal(a.body, "hi");
    assert_string_equal(answer_header(&a, "Content-Type"), "application/json");
    answer_free(&a);
    client_close(c);
    expect("GET /agent/v1/wait HTTP/1.1\r\nHost: x\r\n\r\n", 405);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SERVED(answers_with_safe_headers),
        SERVED(handler_headers_win_and_repeat),
        SERVED(decodes_holes_and_query),
        SERVED(refuses_what_can_be_read_in_two_ways),
        SERVED(refuses_large_heads),
        SERVED(refuses_bodies_over_the_routes_limit),
        SERVED(refusal_reaches_a_client_that_goes_on_sending),
        SERVED(names_the_methods_a_path_has),
        SERVED(goes_on_after_an_answer),
        SERVED(closes_when_asked),
        SERVED(serves_requests_sent_together),
        SERVED(checks_the_head_of_a_request_sent_early),
        SERVED(does_not_forget_a_request_inside_tls),
        SERVED(answers_without_delay),
        SERVED(says_continue),
        SERVED(turns_errors_into_problems),
        SERVED(asks_the_authoriser),
        SERVED(limits_requests_a_minute),
        SERVED(agent_listener_serves_agents_alone),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
