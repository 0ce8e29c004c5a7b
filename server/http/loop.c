#include "connection.h"
#include "dispatch.h"
#include "exchange.h"
#include "framing.h"
#include "log.h"
#include "mem.h"

#include <errno.h>
#include <event2/listener.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { TICK_MS = 250, STOP_CHECK_MS = 10 };

static _Thread_local struct loop *here;

struct loop *loop_here(void)
{
    return here;
}

static struct timeval from_ms(int ms)
{
    return (struct timeval){ms / 1000, ms % 1000 * 1000};
}

static const struct timeval *common(struct loop *l, int ms)
{
    struct timeval tv = from_ms(ms);
    return event_base_init_common_timeout(l->base, &tv);
}

/* ---- mail ---- */

void loop_wake(struct loop *l)
{
    /* Fails only when the counter is full, and then the loop is being woken anyway. */
    uint64_t one = 1;
    ssize_t n = write(l->wake_fd, &one, sizeof one);
    (void)n;
}

void loop_mail(struct loop *l, struct mail *m)
{
    m->next = NULL;
    pthread_mutex_lock(&l->lock);
    bool first = !l->mail_first;
    if (first)
        l->mail_first = m;
    else
        l->mail_last->next = m;
    l->mail_last = m;
    pthread_mutex_unlock(&l->lock);
    if (first) /* otherwise the one who put the first has woken it */
        loop_wake(l);
}

static struct mail *take_mail(struct loop *l)
{
    pthread_mutex_lock(&l->lock);
    struct mail *m = l->mail_first;
    l->mail_first = l->mail_last = NULL;
    pthread_mutex_unlock(&l->lock);
    return m;
}

static void run_mail(struct loop *l)
{
    for (struct mail *m = take_mail(l), *next; m; m = next) {
        next = m->next;
        m->run(m);
    }
}

/* ---- the end ---- */

static void close_doors(struct loop *l)
{
    for (int i = 0; i < DOORS_MAX; i++) {
        struct door *d = &l->doors[i];
        /* Closes the socket: the next server can have the port while this one still answers. */
        if (d->bound)
            evhttp_del_accept_socket(d->http, d->bound);
        d->bound = NULL;
    }
}

static void begin_stop(struct loop *l)
{
    l->stopping = true;
    l->stop_at_ms = clock_ticks_ms(&clock_system) + l->server->limits.stop_ms;
    close_doors(l);
    for (struct conn *c = l->conns, *next; c; c = next) {
        next = conn_next(c);
        conn_stop(c);
    }
    struct timeval tv = from_ms(STOP_CHECK_MS);
    event_add(l->stop_check, &tv);
}

static void on_stop_check(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct loop *l = ctx;
    bool busy = false;
    for (const struct conn *c = l->conns; c && !busy; c = conn_next(c))
        busy = conn_is_busy(c);
    if (!busy || clock_ticks_ms(&clock_system) >= l->stop_at_ms)
        event_base_loopbreak(l->base);
}

/* ---- running ---- */

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    struct loop *l = ctx;
    uint64_t count;
    ssize_t n = read(fd, &count, sizeof count);
    (void)n;
    run_mail(l);
    if (!l->stopping && atomic_load(&l->server->stop))
        begin_stop(l);
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct loop *l = ctx;
    /* A door that ran out of files is tried again. */
    for (int i = 0; i < DOORS_MAX; i++)
        if (l->doors[i].bound)
            evconnlistener_enable(evhttp_bound_socket_get_listener(l->doors[i].bound));
    if (l->server->options.tick)
        l->server->options.tick(l->server->options.app, l->number);
}

static void on_accept_error(struct evconnlistener *listener, void *ctx)
{
    (void)ctx; /* evhttp's own */
    log_warn("http.accept loop=%d reason=\"%s\"", here->number, strerror(errno));
    evconnlistener_disable(listener);
}

void loop_run(struct loop *l)
{
    here = l;
    event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    here = NULL;
}

/* ---- making and freeing ---- */

static bool open_door(struct door *d, struct loop *l)
{
    d->loop = l;
    d->http = evhttp_new(l->base);
    struct evconnlistener *listener =
        evconnlistener_new(l->base, NULL, NULL, LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_CLOSE_ON_FREE, 0, d->fd);
    if (!d->http || !listener)
        return false;
    d->fd = -1;
    d->bound = evhttp_bind_listener(d->http, listener);
    evhttp_set_bevcb(d->http, conn_accept, d);
    evhttp_set_gencb(d->http, dispatch, d);
    /* The check of the head is stricter; these are a second fence. */
    evhttp_set_max_headers_size(d->http, HEAD_BYTES_MAX);
    evhttp_set_max_body_size(d->http, (ev_ssize_t)l->server->body_max);
    evhttp_set_allowed_methods(d->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_PUT |
                                            EVHTTP_REQ_DELETE | EVHTTP_REQ_PATCH);
    evhttp_set_default_content_type(d->http, NULL);
    evconnlistener_set_error_cb(listener, on_accept_error);
    return d->bound;
}

bool loop_init(struct loop *l, struct http_server *s, int number, const int fds[DOORS_MAX], struct err *e)
{
    const struct timeval tick = from_ms(TICK_MS);
    l->server = s;
    l->number = number;
    pthread_mutex_init(&l->lock, NULL);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    for (int i = 0; i < DOORS_MAX; i++)
        l->doors[i] = (struct door){.fd = fds[i], .agents_only = i == 1};
    /* No EPOLL_USE_CHANGELIST: its late epoll_ctl may hit a number that another loop's accept has taken
     * meanwhile. */
    l->base = event_base_new();
    if (!l->base || l->wake_fd < 0)
        return err_set(e, ERR_IO, "http: making event loop %d: %s", number, strerror(errno));
    l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    l->tick = event_new(l->base, -1, EV_PERSIST, on_tick, l);
    l->stop_check = event_new(l->base, -1, EV_PERSIST, on_stop_check, l);
    l->deadlines = (struct deadlines){
        .request = common(l, s->limits.request_ms),
        .idle = common(l, s->limits.idle_ms),
        .answer = common(l, s->limits.answer_ms),
        .linger = common(l, s->limits.linger_ms),
    };
    bool ok = l->wake && l->tick && l->stop_check && l->deadlines.request && l->deadlines.idle &&
              l->deadlines.answer && l->deadlines.linger && event_add(l->wake, NULL) == 0 &&
              event_add(l->tick, &tick) == 0;
    for (int i = 0; ok && i < DOORS_MAX; i++)
        ok = l->doors[i].fd < 0 || open_door(&l->doors[i], l);
    return ok || err_set(e, ERR_INTERNAL, "http: preparing event loop %d", number);
}

static void free_event(struct event *ev)
{
    if (ev)
        event_free(ev);
}

void loop_free(struct loop *l)
{
    if (!l->server)
        return;
    close_doors(l);
    for (int i = 0; i < DOORS_MAX; i++) {
        if (l->doors[i].fd >= 0)
            close(l->doors[i].fd);
        if (l->doors[i].http)
            evhttp_free(l->doors[i].http);
    }
    free_event(l->wake);
    free_event(l->tick);
    free_event(l->stop_check);
    if (l->base) {
        /* Closed connections are freed by the loop itself, in its next rounds. */
        while (l->conns)
            event_base_loop(l->base, EVLOOP_NONBLOCK);
        event_base_free(l->base);
    }
    /* Answers that came too late are in the list as well as in the mail. */
    while (l->boxes)
        box_free(l->boxes);
    if (l->wake_fd >= 0)
        close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
}
