#include "http_fixture.h"

#include <stdlib.h>
#include <unistd.h>

const struct http_limits quick = {
    .request_ms = 500,
    .idle_ms = 1500,
    .answer_ms = 3000,
    .stall_ms = 300,
    .linger_ms = 300,
    .stop_ms = 1000,
    .handshakes_max = 100,
};

struct app app;
struct http_server *server;
pthread_t server_thread;
char cert_file[64], key_file[64];
static char folder[] = "/tmp/fleetmend-http-XXXXXX";

/* ---- handlers ---- */

static bool park_remove(struct exchange *x)
{
    bool found = false;
    pthread_mutex_lock(&app.lock);
    for (int i = 0; i < PARKED_MAX && !found; i++) {
        found = app.parked[i] == x;
        if (found)
            app.parked[i] = NULL;
    }
    pthread_mutex_unlock(&app.lock);
    return found;
}

struct exchange *park_take(void)
{
    struct exchange *x = NULL;
    pthread_mutex_lock(&app.lock);
    for (int i = 0; i < PARKED_MAX && !x; i++) {
        x = app.parked[i];
        app.parked[i] = NULL;
    }
    pthread_mutex_unlock(&app.lock);
    return x;
}

int parked_count(void)
{
    int n = 0;
    pthread_mutex_lock(&app.lock);
    for (int i = 0; i < PARKED_MAX; i++)
        n += app.parked[i] != NULL;
    pthread_mutex_unlock(&app.lock);
    return n;
}

static bool on_gone(void *ctx, struct exchange *x)
{
    if (ctx != &app) /* not a cmocka assertion: this is a loop's thread */
        abort();
    bool mine = park_remove(x);
    atomic_fetch_add(mine ? &app.gone : &app.gone_late, 1);
    return mine;
}

static void park(struct exchange *x)
{
    pthread_mutex_lock(&app.lock);
    for (int i = 0; i < PARKED_MAX; i++)
        if (!app.parked[i]) {
            app.parked[i] = x;
            break;
        }
    pthread_mutex_unlock(&app.lock);
}

static void handle_wait(void *a, struct exchange *x)
{
    exchange_watch(x, on_gone, a);
    park(x);
}

static void handle_hand_over(void *a, struct exchange *x)
{
    (void)a;
    park(x);
}

void handle_ping(void *a, struct exchange *x)
{
    atomic_fetch_add(&((struct app *)a)->handled, 1);
    exchange_reply(x, 200, "text/plain", slice_of("pong"));
}

static void handle_echo(void *a, struct exchange *x)
{
    (void)a;
    exchange_set_header(x, "Cache-Control", "max-age=60");
    exchange_set_header(x, "Set-Cookie", "a=1");
    exchange_set_header(x, "Set-Cookie", "b=2");
    exchange_reply(x, 201, "text/plain", x->body);
}

static void handle_part(void *a, struct exchange *x)
{
    (void)a;
    const char *q = exchange_query(x, "q"), *agent = exchange_header(x, "user-agent");
    char text[256];
    snprintf(text, sizeof text, "%.*s|%.*s|%s|%s|%s", SLICE_ARG(x->params[0]), SLICE_ARG(x->params[1]),
             q ? q : "-", agent ? agent : "-", x->peer);
    exchange_reply(x, 200, "text/plain", slice_of(text));
}

static void handle_literal(void *a, struct exchange *x)
{
    (void)a;
    exchange_reply(x, 204, NULL, slice_of(""));
}

static void handle_big(void *a, struct exchange *x)
{
    exchange_reply(x, 200, "text/plain", slice_make(((struct app *)a)->big, BIG_BYTES));
}

static void handle_failure(void *a, struct exchange *x)
{
    (void)a;
    struct err e = {0};
    const char *kind = exchange_query(x, "kind");
    err_set(&e, (enum err_kind)strtol(kind ? kind : "0", NULL, 10), "a \"quoted\" reason");
    exchange_problem_err(x, &e);
}

static void handle_who(void *a, struct exchange *x)
{
    (void)a;
    exchange_reply(x, 200, "text/plain", slice_of(x->who.name));
}

static bool authorise(void *a, struct exchange *x, int *status, struct err *reason)
{
    (void)a;
    const char *given = exchange_header(x, "Authorization");
    *status = given ? 403 : 401;
    if (given && strcmp(given, "Bearer good") == 0) {
        snprintf(x->who.name, sizeof x->who.name, "anna");
        return true;
    }
    return err_set(reason, ERR_DENIED, given ? "the role viewer is needed" : "log in first");
}

static void tick(void *a, int loop)
{
    (void)loop;
    atomic_fetch_add(&((struct app *)a)->ticks, 1);
}

static int64_t fake_now(void *ctx)
{
    (void)ctx;
    return app.now_ms;
}

static const struct clock test_clock = {fake_now, fake_now, NULL};

static const struct route routes[] = {
    {HTTP_GET, "/ping", ROLE_PUBLIC, 0, 0, false, handle_ping, "Answers pong."},
    {HTTP_POST, "/echo", ROLE_PUBLIC, ECHO_MAX, 0, false, handle_echo, "Answers the body."},
    {HTTP_PUT, "/echo", ROLE_PUBLIC, 10, 0, false, handle_echo, "Answers a short body."},
    {HTTP_GET, "/items/{id}/parts/{part}", ROLE_PUBLIC, 0, 0, false, handle_part,
     "Answers what it was asked."},
    {HTTP_GET, "/items/{id}/parts/none", ROLE_PUBLIC, 0, 0, false, handle_literal, "Answers nothing."},
    {HTTP_GET, "/wait", ROLE_PUBLIC, 0, 0, false, handle_wait, "Waits."},
    {HTTP_POST, "/agent/v1/wait", ROLE_PUBLIC, 1000, 0, true, handle_wait, "Waits, for agents."},
    {HTTP_GET, "/later", ROLE_PUBLIC, 0, 0, false, handle_hand_over, "Answered by somebody else."},
    {HTTP_GET, "/limited", ROLE_PUBLIC, 0, 3, false, handle_ping, "Three a minute."},
    {HTTP_GET, "/who", ROLE_VIEWER, 0, 0, false, handle_who, "Says who asks."},
    {HTTP_GET, "/big", ROLE_PUBLIC, 0, 0, false, handle_big, "Answers very much."},
    {HTTP_GET, "/failure", ROLE_PUBLIC, 0, 0, false, handle_failure, "Fails."},
};

/* ---- the server under test ---- */

static void *run_server(void *s)
{
    struct err e = {0};
    return http_server_run(s, &e) ? NULL : s;
}

struct http_options options(void)
{
    return (struct http_options){
        .listen = "127.0.0.1:0",
        .agent_listen = "[::1]:0",
        .cert_file = cert_file,
        .key_file = key_file,
        .loops = 2,
        .routes = routes,
        .route_count = sizeof routes / sizeof *routes,
        .app = &app,
        .authorise = authorise,
        .tick = tick,
        .clock = &test_clock,
    };
}

void start_with(const struct http_options *o, const struct http_limits *limits)
{
    struct err e = {0};
    app.gone = app.gone_late = app.handled = app.ticks = 0;
    server = http_server_new_limited(o, limits, &e);
    if (!server)
        fail_msg("%s", e.text);
    assert_int_equal(pthread_create(&server_thread, NULL, run_server, server), 0);
}

int start(void **state)
{
    (void)state;
    struct http_options o = options();
    start_with(&o, &quick);
    return 0;
}

void wait_for_end(void)
{
    void *failed;
    pthread_join(server_thread, &failed);
    assert_null(failed);
    http_server_free(server);
    server = NULL;
}

int stop(void **state)
{
    (void)state;
    if (!server)
        return 0;
    http_server_stop(server);
    wait_for_end();
    return 0;
}

int port(void)
{
    return http_server_port(server);
}

int64_t now_ms(void)
{
    return clock_ticks_ms(&clock_system);
}

struct http_stats stats(void)
{
    struct http_stats s;
    http_server_stats(server, &s);
    return s;
}

void expect(const char *request, int status)
{
    struct answer a = ask(port(), request);
    if (a.status != status)
        fail_msg("%.60s: status %d instead of %d: %s", request, a.status, status, a.body ? a.body : "closed");
    if (status >= 400)
        assert_string_equal(answer_header(&a, "Content-Type"), "application/problem+json");
    answer_free(&a);
}

struct client *open_wait(void)
{
    int before = parked_count();
    struct client *c = client_open(port());
    assert_non_null(c);
    client_puts(c, "GET /wait?a=b HTTP/1.1\r\nHost: x\r\nUser-Agent: test\r\n\r\n");
    WAIT_UNTIL(parked_count() == before + 1);
    return c;
}

int make_folder(void **state)
{
    (void)state;
    pthread_mutex_init(&app.lock, NULL);
    app.big = mem_alloc(BIG_BYTES);
    for (size_t i = 0; i < BIG_BYTES; i++)
        app.big[i] = (char)('a' + i % 23);
    if (!mkdtemp(folder) || !make_certificate(folder))
        return -1;
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", folder);
    snprintf(key_file, sizeof key_file, "%s/key.pem", folder);
    return 0;
}

int remove_folder(void **state)
{
    (void)state;
    mem_free(app.big);
    pthread_mutex_destroy(&app.lock);
    return unlink(cert_file) || unlink(key_file) || rmdir(folder);
}
