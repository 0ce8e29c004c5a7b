/* The HTTPS client against a small server with certificates of every kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "clock.h"
#include "http_client.h"
#include "tls_server.h"

#include <stdio.h>
#include <stdlib.h>

#define YEAR_S INT64_C(31536000)

static struct tls_authority *ca, *other_ca;

struct world {
    struct tls_server *server;
    struct tls_identity *identity;
    struct http_client *client;
    struct http_peer *peer;
    char url[200];
};

/* What the server should do stands in the path. */
static void handle(void *ctx, const struct tls_request *r, struct tls_response *out)
{
    (void)ctx;
    out->hang = strcmp(r->path, "/hang") == 0;
    out->cut = strcmp(r->path, "/cut") == 0;
    out->endless = strcmp(r->path, "/endless") == 0;
    if (strcmp(r->path, "/echo") == 0) {
        bool bearer = strstr(r->head, "\r\nAuthorization: Bearer T1\r\n") != NULL;
        bool type = strstr(r->head, "\r\nContent-Type: text/plain\r\n") != NULL;
        bool more = strstr(r->head, "\r\nX-More: yes\r\n") != NULL;
        buf_printf(&out->body, "%s %d%d%d %.*s", r->method, bearer, type, more, SLICE_ARG(r->body));
    } else if (strcmp(r->path, "/busy") == 0) {
        out->status = 503;
        snprintf(out->headers, sizeof out->headers, "Retry-After: 17\r\nContent-Type: application/problem+json\r\n");
    } else if (strcmp(r->path, "/elsewhere") == 0) {
        out->status = 302;
        snprintf(out->headers, sizeof out->headers, "Location: /echo\r\n");
    } else {
        for (int i = 0; i < 100; i++)
            buf_puts(&out->body, "0123456789");
    }
}

static void begin(struct world *w, const struct tls_authority *by, const char *host, int64_t from_s, int64_t to_s)
{
    struct err e = {0};
    w->identity = tls_identity_new(by, host, from_s, to_s);
    w->server = tls_server_new(w->identity, handle, NULL);
    w->client = http_client_new(400, &e);
    assert_non_null(w->client);
    w->peer = http_peer_new(w->client);
}

static void begin_good(struct world *w)
{
    begin(w, ca, "localhost", 0, 200 * YEAR_S);
}

static void end(struct world *w)
{
    http_peer_free(w->peer);
    http_client_free(w->client);
    tls_server_free(w->server);
    tls_identity_free(w->identity);
}

struct seen {
    int count;
    struct http_answer answer;
    struct buf body;
};

static void on_done(void *ctx, const struct http_answer *a)
{
    struct seen *s = ctx;
    s->count++;
    s->answer = *a;
    buf_free(&s->body);
    buf_init(&s->body, 1 << 20);
    buf_append_slice(&s->body, a->body);
}

static struct http_call call_of(struct world *w, const char *path)
{
    snprintf(w->url, sizeof w->url, "https://localhost:%d%s", tls_server_port(w->server), path);
    return (struct http_call){.method = "GET",
                              .url = w->url,
                              .limit_s = 20,
                              .answer_max_bytes = 4000,
                              .trust = HTTP_TRUST_CA,
                              .ca_pem = tls_authority_pem(ca)};
}

static void run(struct world *w, const struct http_call *call, struct seen *s)
{
    *s = (struct seen){0};
    buf_init(&s->body, 1 << 20);
    http_peer_start(w->peer, call, on_done, s);
    while (s->count == 0)
        http_client_step(w->client, 1000);
    buf_free(&s->body);
}

static enum http_failure failure_of(struct world *w, const struct http_call *call)
{
    struct seen s;
    run(w, call, &s);
    assert_int_equal(s.answer.failure == HTTP_ANSWERED, s.answer.error[0] == '\0');
    return s.answer.failure;
}

static enum http_failure ca_says(const struct tls_authority *by, const char *host, int64_t from_s, int64_t to_s)
{
    struct world w;
    begin(&w, by, host, from_s, to_s);
    struct http_call call = call_of(&w, "/");
    enum http_failure f = failure_of(&w, &call);
    end(&w);
    return f;
}

/* ---- certificates ---- */

static void accepts_the_ca_it_was_given(void **state)
{
    (void)state;
    assert_int_equal(ca_says(ca, "localhost", 0, 200 * YEAR_S), HTTP_ANSWERED);
}

static void refuses_unknown_ca(void **state)
{
    (void)state;
    assert_int_equal(ca_says(other_ca, "localhost", 0, 200 * YEAR_S), HTTP_CERT_WRONG);
}

static void refuses_wrong_name(void **state)
{
    (void)state;
    assert_int_equal(ca_says(ca, "elsewhere.example", 0, 200 * YEAR_S), HTTP_CERT_WRONG);
}

static void tells_a_wrong_date_from_a_wrong_certificate(void **state)
{
    (void)state;
    assert_int_equal(ca_says(ca, "localhost", 0, YEAR_S), HTTP_CERT_TIME);                   /* ended 1971 */
    assert_int_equal(ca_says(ca, "localhost", 129 * YEAR_S, 190 * YEAR_S), HTTP_CERT_TIME);  /* begins 2098 */
}

static void unknown_ca_with_a_wrong_date_is_wrong(void **state)
{
    (void)state;
    assert_int_equal(ca_says(other_ca, "localhost", 0, YEAR_S), HTTP_CERT_WRONG);
}

static void a_right_pin_needs_neither_ca_nor_name_nor_date(void **state)
{
    (void)state;
    struct world w;
    begin(&w, other_ca, "elsewhere.example", 0, YEAR_S);
    const char *pins[] = {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", tls_identity_pin(w.identity)};
    struct http_call call = call_of(&w, "/");
    call.trust = HTTP_TRUST_PINS;
    call.pins = pins;
    call.pin_count = 2;
    assert_int_equal(failure_of(&w, &call), HTTP_ANSWERED);
    call.pin_count = 1;
    assert_int_equal(failure_of(&w, &call), HTTP_CERT_WRONG);
    end(&w);
}

static void what_is_no_pin_matches_nothing(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    const char *pins[] = {"/etc/hostname"};
    struct http_call call = call_of(&w, "/");
    call.trust = HTTP_TRUST_PINS;
    call.pins = pins;
    call.pin_count = 1;
    assert_int_equal(failure_of(&w, &call), HTTP_CERT_WRONG);
    call.pin_count = 0;
    assert_int_equal(failure_of(&w, &call), HTTP_CERT_WRONG);
    end(&w);
}

static void trust_does_not_carry_over(void **state)
{
    (void)state;
    struct world w;
    begin(&w, other_ca, "localhost", 0, 200 * YEAR_S);
    const char *right[] = {tls_identity_pin(w.identity)};
    const char *wrong[] = {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="};
    struct http_call open = call_of(&w, "/");
    struct http_call by_ca = open, by_pin = open, by_other_pin = open, by_other_ca = open;
    open.trust = HTTP_TRUST_NONE;
    by_pin.trust = by_other_pin.trust = HTTP_TRUST_PINS;
    by_pin.pins = right;
    by_other_pin.pins = wrong;
    by_pin.pin_count = by_other_pin.pin_count = 1;
    by_other_ca.ca_pem = tls_authority_pem(other_ca);
    assert_int_equal(failure_of(&w, &open), HTTP_ANSWERED);
    assert_int_equal(failure_of(&w, &by_ca), HTTP_CERT_WRONG);
    assert_int_equal(failure_of(&w, &by_pin), HTTP_ANSWERED);
    assert_int_equal(failure_of(&w, &by_other_pin), HTTP_CERT_WRONG);
    assert_int_equal(failure_of(&w, &by_other_ca), HTTP_ANSWERED);
    assert_int_equal(failure_of(&w, &by_ca), HTTP_CERT_WRONG);
    assert_int_equal(failure_of(&w, &open), HTTP_ANSWERED);
    end(&w);
}

/* ---- requests and answers ---- */

static void sends_what_it_was_given(void **state)
{
    (void)state;
    struct world w;
    struct seen s;
    const char *headers[] = {"X-More: yes", NULL};
    begin_good(&w);
    struct http_call call = call_of(&w, "/echo");
    call.method = "POST";
    call.bearer = "T1";
    call.content_type = "text/plain";
    call.body = slice_of("hello");
    call.headers = headers;
    s = (struct seen){0};
    buf_init(&s.body, 4000);
    http_peer_start(w.peer, &call, on_done, &s);
    assert_true(http_peer_busy(w.peer));
    while (s.count == 0)
        http_client_step(w.client, 1000);
    assert_false(http_peer_busy(w.peer));
    assert_string_equal(buf_text(&s.body), "POST 111 hello");
    buf_free(&s.body);
    end(&w);
}

static void sends_other_methods(void **state)
{
    (void)state;
    struct world w;
    struct err e = {0};
    struct buf out;
    int status = 0;
    begin_good(&w);
    static const char *const methods[] = {"GET", "DELETE", "PUT", "PATCH"};
    for (size_t i = 0; i < 4; i++) {
        char expected[40];
        buf_init(&out, 4000);
        struct http_call call = call_of(&w, "/echo");
        call.method = methods[i];
        if (i >= 2)
            call.body = slice_of("x");
        assert_true(http_call_wait(w.client, w.peer, &call, &status, &out, &e));
        snprintf(expected, sizeof expected, "%s 000 %s", methods[i], i >= 2 ? "x" : "");
        assert_string_equal(buf_text(&out), expected);
        buf_free(&out);
    }
    end(&w);
}

static void keeps_its_connection(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    struct http_call call = call_of(&w, "/");
    for (int i = 0; i < 5; i++)
        assert_int_equal(failure_of(&w, &call), HTTP_ANSWERED);
    assert_int_equal(tls_server_connections(w.server), 1);
    end(&w);
}

static void reads_retry_after(void **state)
{
    (void)state;
    struct world w;
    struct seen s;
    begin_good(&w);
    struct http_call call = call_of(&w, "/busy");
    run(&w, &call, &s);
    assert_int_equal(s.answer.status, 503);
    assert_int_equal(s.answer.retry_after_s, 17);
    assert_string_equal(s.answer.content_type, "application/problem+json");
    call = call_of(&w, "/");
    run(&w, &call, &s);
    assert_int_equal(s.answer.retry_after_s, 0);
    end(&w);
}

static void follows_no_redirect(void **state)
{
    (void)state;
    struct world w;
    struct seen s;
    begin_good(&w);
    struct http_call call = call_of(&w, "/elsewhere");
    run(&w, &call, &s);
    assert_int_equal(s.answer.status, 302);
    end(&w);
}

static void speaks_https_only(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    struct http_call call = call_of(&w, "/");
    call.url = "http://localhost/";
    assert_int_equal(failure_of(&w, &call), HTTP_UNREACHABLE);
    call.url = "file:///etc/hostname";
    assert_int_equal(failure_of(&w, &call), HTTP_UNREACHABLE);
    end(&w);
}

static void the_environment_sets_no_proxy(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    setenv("https_proxy", "http://127.0.0.1:9", 1);
    setenv("ALL_PROXY", "http://127.0.0.1:9", 1);
    struct http_call call = call_of(&w, "/");
    assert_int_equal(failure_of(&w, &call), HTTP_ANSWERED);
    call.proxy = "none";
    assert_int_equal(failure_of(&w, &call), HTTP_ANSWERED);
    http_peer_free(w.peer); /* a new connection, or the kept one hides the proxy */
    w.peer = http_peer_new(w.client);
    call.proxy = "system";
    assert_int_equal(failure_of(&w, &call), HTTP_UNREACHABLE);
    unsetenv("https_proxy");
    unsetenv("ALL_PROXY");
    end(&w);
}

/* ---- what goes wrong ---- */

static void times_out(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    struct http_call call = call_of(&w, "/hang");
    call.limit_s = 1;
    int64_t begun = clock_ticks_ms(&clock_system);
    assert_int_equal(failure_of(&w, &call), HTTP_UNREACHABLE);
    int64_t took = clock_ticks_ms(&clock_system) - begun;
    assert_in_range(took, 900, 5000);
    end(&w);
}

static void notices_a_cut_in_mid_answer(void **state)
{
    (void)state;
    struct world w;
    struct seen s;
    begin_good(&w);
    struct http_call call = call_of(&w, "/cut");
    run(&w, &call, &s);
    assert_int_equal(s.answer.failure, HTTP_UNREACHABLE);
    assert_int_equal(s.answer.body.n, 0);
    end(&w);
}

static void refuses_too_long_an_answer(void **state)
{
    (void)state;
    struct world w;
    struct seen s;
    begin_good(&w);
    struct http_call call = call_of(&w, "/"); /* 1000 bytes */
    call.answer_max_bytes = 1000;
    assert_int_equal(failure_of(&w, &call), HTTP_ANSWERED);
    call.answer_max_bytes = 999;
    run(&w, &call, &s);
    assert_int_equal(s.answer.failure, HTTP_UNREACHABLE);
    assert_string_equal(s.answer.error, "the answer is longer than allowed");
    call = call_of(&w, "/endless");
    run(&w, &call, &s);
    assert_int_equal(s.answer.failure, HTTP_UNREACHABLE);
    assert_string_equal(s.answer.error, "the answer is longer than allowed");
    end(&w);
}

static void says_when_nobody_listens(void **state)
{
    (void)state;
    struct world w;
    struct err e = {0};
    struct buf out;
    int status = 0;
    begin_good(&w);
    struct http_call call = call_of(&w, "/");
    call.url = "https://localhost:1/";
    buf_init(&out, 100);
    assert_false(http_call_wait(w.client, w.peer, &call, &status, &out, &e));
    assert_int_equal(e.kind, ERR_UNREACHABLE);
    call = call_of(&w, "/");
    call.ca_pem = tls_authority_pem(other_ca);
    assert_false(http_call_wait(w.client, w.peer, &call, &status, &out, &e));
    assert_int_equal(e.kind, ERR_TLS);
    end(&w);
}

static void abort_calls_nothing_back(void **state)
{
    (void)state;
    struct world w;
    struct seen hung = {0};
    begin_good(&w);
    struct http_call call = call_of(&w, "/hang");
    http_peer_start(w.peer, &call, on_done, &hung);
    while (!tls_server_wait_hanging(w.server, 1, 1))
        http_client_step(w.client, 10);
    http_peer_abort(w.peer);
    assert_false(http_peer_busy(w.peer));
    call = call_of(&w, "/");
    assert_int_equal(failure_of(&w, &call), HTTP_ANSWERED);
    assert_int_equal(hung.count, 0);
    http_peer_abort(w.peer); /* with nothing under way */
    end(&w);
}

static void free_peer(void *ctx, const struct http_answer *a)
{
    struct world *w = ctx;
    assert_int_equal(a->body.n, 1000);
    http_peer_free(w->peer);
    w->peer = NULL;
    assert_int_equal(a->body.p[999], '9'); /* still valid */
}

static void a_peer_may_be_freed_in_its_callback(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    struct http_call call = call_of(&w, "/");
    http_peer_start(w.peer, &call, free_peer, &w);
    while (w.peer)
        http_client_step(w.client, 1000);
    end(&w);
}

static void wake_ends_a_wait(void **state)
{
    (void)state;
    struct world w;
    begin_good(&w);
    int64_t begun = clock_ticks_ms(&clock_system);
    http_client_wake(w.client);
    http_client_step(w.client, 20000);
    assert_true(clock_ticks_ms(&clock_system) - begun < 10000);
    end(&w);
}

/* ---- many ---- */

enum { PEERS = 200 };

static void serves_200_peers_at_once(void **state)
{
    (void)state;
    struct world w;
    struct http_peer *peers[PEERS];
    struct seen seen[PEERS] = {0};
    begin_good(&w);
    struct http_call call = call_of(&w, "/hang");
    for (int i = 0; i < PEERS; i++) {
        peers[i] = http_peer_new(w.client);
        http_peer_start(peers[i], &call, on_done, &seen[i]);
    }
    for (int i = 0; i < 20000 && !tls_server_wait_hanging(w.server, PEERS, 1); i++)
        http_client_step(w.client, 5);
    assert_true(tls_server_wait_hanging(w.server, PEERS, 1)); /* all of them wait at the same time */
    struct http_call quick = call_of(&w, "/");
    int answered = 0;
    for (int i = 0; i < PEERS; i++) {
        http_peer_abort(peers[i]);
        http_peer_start(peers[i], &quick, on_done, &seen[i]);
    }
    for (int turn = 0; turn < 20000 && answered < PEERS; turn++) {
        http_client_step(w.client, 100);
        answered = 0;
        for (int i = 0; i < PEERS; i++)
            answered += seen[i].count;
    }
    for (int i = 0; i < PEERS; i++) {
        assert_int_equal(seen[i].count, 1);
        assert_int_equal(seen[i].answer.failure, HTTP_ANSWERED);
        buf_free(&seen[i].body);
        http_peer_free(peers[i]);
    }
    end(&w);
}

static int make_authorities(void **state)
{
    (void)state;
    ca = tls_authority_new("Test CA");
    other_ca = tls_authority_new("Another CA");
    return 0;
}

static int free_authorities(void **state)
{
    (void)state;
    tls_authority_free(ca);
    tls_authority_free(other_ca);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accepts_the_ca_it_was_given),
        cmocka_unit_test(refuses_unknown_ca),
        cmocka_unit_test(refuses_wrong_name),
        cmocka_unit_test(tells_a_wrong_date_from_a_wrong_certificate),
        cmocka_unit_test(unknown_ca_with_a_wrong_date_is_wrong),
        cmocka_unit_test(a_right_pin_needs_neither_ca_nor_name_nor_date),
        cmocka_unit_test(what_is_no_pin_matches_nothing),
        cmocka_unit_test(trust_does_not_carry_over),
        cmocka_unit_test(sends_what_it_was_given),
        cmocka_unit_test(sends_other_methods),
        cmocka_unit_test(keeps_its_connection),
        cmocka_unit_test(reads_retry_after),
        cmocka_unit_test(follows_no_redirect),
        cmocka_unit_test(speaks_https_only),
        cmocka_unit_test(the_environment_sets_no_proxy),
        cmocka_unit_test(times_out),
        cmocka_unit_test(notices_a_cut_in_mid_answer),
        cmocka_unit_test(refuses_too_long_an_answer),
        cmocka_unit_test(says_when_nobody_listens),
        cmocka_unit_test(abort_calls_nothing_back),
        cmocka_unit_test(a_peer_may_be_freed_in_its_callback),
        cmocka_unit_test(wake_ends_a_wait),
        cmocka_unit_test(serves_200_peers_at_once),
    };
    return cmocka_run_group_tests(tests, make_authorities, free_authorities);
}
