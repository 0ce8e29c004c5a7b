#include "connection.h"
#include "listen.h"
#include "log.h"
#include "mem.h"
#include "rate.h"
#include "router.h"
#include "server.h"
#include "tls.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

const struct http_limits http_limits_default = {
    .request_ms = 15000,
    .idle_ms = 75000,
    .answer_ms = 75000,
    .stall_ms = 15000,
    .linger_ms = 2000,
    .stop_ms = 3000,
    .handshakes_max = 500,
};

enum { LOOPS_MAX = 16, FILES_RESERVED = 200, CONNECTIONS_CEILING = 100000 };

static void libevent_log(int severity, const char *text)
{
    /* What libevent warns of is what a client did; it concerns us only when looking for a fault. */
    log_line(severity >= EVENT_LOG_ERR ? LOG_ERROR : LOG_DEBUG, "http.libevent text=%s", text);
}

static void libevent_fatal(int code)
{
    log_error("http.libevent_fatal code=%d", code);
    abort();
}

/* Things of the whole process: harmless to do twice. */
static void prepare_process(void)
{
    event_set_log_callback(libevent_log);
    event_set_fatal_callback(libevent_fatal);
    /* Writing to a client that has left must be an error of that write, not the end of the process. */
    struct sigaction now;
    if (sigaction(SIGPIPE, NULL, &now) == 0 && now.sa_handler == SIG_DFL)
        signal(SIGPIPE, SIG_IGN);
}

static uint32_t connections_from_file_limit(void)
{
    struct rlimit files;
    rlim_t n = getrlimit(RLIMIT_NOFILE, &files) == 0 ? files.rlim_cur : 1024;
    if (n == RLIM_INFINITY || n > CONNECTIONS_CEILING + FILES_RESERVED)
        return CONNECTIONS_CEILING;
    return (uint32_t)(n > 2 * FILES_RESERVED ? n - FILES_RESERVED : n / 2);
}

static bool options_check(const struct http_options *o, struct err *e)
{
    if (o->loops < 1 || o->loops > LOOPS_MAX)
        return err_set(e, ERR_INVALID, "loops: 1 to %d expected, not %d", LOOPS_MAX, o->loops);
    if (!o->cert_file || !o->key_file || !o->clock)
        return err_set(e, ERR_INTERNAL, "http: cert_file, key_file and clock are needed");
    if (!routes_check(o->routes, o->route_count, e))
        return false;
    for (size_t i = 0; i < o->route_count; i++)
        if (o->routes[i].role != ROLE_PUBLIC && !o->authorise)
            return err_set(e, ERR_INTERNAL, "route %s: has a role, but there is no authoriser",
                           o->routes[i].path);
    return true;
}

static bool open_door(struct http_server *s, int door, const char *text, int *port, int fds[][DOORS_MAX],
                      struct err *e)
{
    struct listen_address address;
    int opened[LOOPS_MAX];
    if (!listen_parse(text, &address, e) || !listen_open(&address, text, s->loop_count, opened, e))
        return false;
    for (int i = 0; i < s->loop_count; i++)
        fds[i][door] = opened[i];
    *port = listen_port(&address);
    return true;
}

static bool open_loops(struct http_server *s, struct err *e)
{
    int fds[LOOPS_MAX][DOORS_MAX];
    for (int i = 0; i < LOOPS_MAX; i++)
        fds[i][0] = fds[i][1] = -1;
    bool ok = open_door(s, 0, s->options.listen, &s->port, fds, e) &&
              (!s->options.agent_listen || open_door(s, 1, s->options.agent_listen, &s->agent_port, fds, e));
    s->loops = mem_zalloc((size_t)s->loop_count * sizeof *s->loops);
    /* Every loop takes over its sockets, even after a failure: freeing the loops closes them. */
    for (int i = 0; i < s->loop_count; i++)
        ok = loop_init(&s->loops[i], s, i, fds[i], ok ? e : NULL) && ok;
    return ok;
}

struct http_server *http_server_new_limited(const struct http_options *o, const struct http_limits *limits,
                                            struct err *e)
{
    if (!options_check(o, e))
        return NULL;
    prepare_process();
    struct http_server *s = mem_zalloc(sizeof *s);
    s->options = *o;
    s->limits = *limits;
    s->loop_count = o->loops;
    s->connections_max = o->connections_max ? o->connections_max : connections_from_file_limit();
    for (size_t i = 0; i < o->route_count; i++)
        s->body_max = o->routes[i].body_max > s->body_max ? o->routes[i].body_max : s->body_max;
    s->rate = rate_new();
    s->tls = tls_context_new(o->cert_file, o->key_file, conn_tls_info, e);
    if (!s->tls || !open_loops(s, e)) {
        http_server_free(s);
        return NULL;
    }
    return s;
}

struct http_server *http_server_new(const struct http_options *o, struct err *e)
{
    return http_server_new_limited(o, &http_limits_default, e);
}

static void *run_thread(void *loop)
{
    loop_run(loop);
    return NULL;
}

bool http_server_run(struct http_server *s, struct err *e)
{
    int started = 1, failed = 0;
    for (; started < s->loop_count; started++) {
        failed = pthread_create(&s->loops[started].thread, NULL, run_thread, &s->loops[started]);
        if (failed)
            break;
    }
    log_info("http.serving port=%d agent_port=%d loops=%d connections_max=%u", s->port, s->agent_port,
             s->loop_count, s->connections_max);
    if (failed)
        http_server_stop(s);
    loop_run(&s->loops[0]);
    for (int i = 1; i < started; i++)
        pthread_join(s->loops[i].thread, NULL);
    return !failed || err_set(e, ERR_INTERNAL, "http: starting a loop: %s", strerror(failed));
}

/* Only an atomic store and write(2): allowed in a signal handler. */
void http_server_stop(struct http_server *s)
{
    int saved = errno;
    atomic_store(&s->stop, true);
    for (int i = 0; i < s->loop_count; i++)
        loop_wake(&s->loops[i]);
    errno = saved;
}

void http_server_free(struct http_server *s)
{
    if (!s)
        return;
    for (int i = 0; s->loops && i < s->loop_count; i++)
        loop_free(&s->loops[i]);
    mem_free(s->loops);
    SSL_CTX_free(s->tls);
    rate_free(s->rate);
    mem_free(s);
}

int http_server_port(const struct http_server *s)
{
    return s->port;
}

int http_server_agent_port(const struct http_server *s)
{
    return s->agent_port;
}

int http_server_loops(const struct http_server *s)
{
    return s->loop_count;
}

int http_server_this_loop(const struct http_server *s)
{
    const struct loop *here = loop_here();
    return here && here->server == s ? here->number : -1;
}

struct post {
    struct mail mail; /* first */
    void (*fn)(void *ctx);
    void *ctx;
};

static void run_post(struct mail *m)
{
    struct post *p = (struct post *)m;
    p->fn(p->ctx);
    mem_free(p);
}

void http_server_post(struct http_server *s, int loop, void (*fn)(void *ctx), void *ctx)
{
    struct post *p = mem_alloc(sizeof *p);
    *p = (struct post){.mail = {.run = run_post}, .fn = fn, .ctx = ctx};
    loop_mail(&s->loops[loop], &p->mail);
}

void http_server_stats(const struct http_server *s, struct http_stats *out)
{
    *out = (struct http_stats){
        .connections_now = s->connections_now,
        .connections_total = s->connections_total,
        .requests = s->requests,
        .refused = s->refused,
        .handshake_failures = s->handshake_failures,
        .cut_by_deadline = s->cut_by_deadline,
    };
}
