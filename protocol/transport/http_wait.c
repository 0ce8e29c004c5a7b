/* Two ways to wait, chosen here and nowhere else. An agent has one connection: curl's own poll will do, and it is
 * what works on Windows. A simulated fleet has thousands, where a step may not look at all of them: epoll. */
#include "http_wait.h"

#include "mem.h"

#ifdef _WIN32

struct http_wait {
    CURLM *multi;
};

struct http_wait *http_wait_new(CURLM *multi, struct err *e)
{
    (void)e;
    struct http_wait *w = mem_zalloc(sizeof *w);
    w->multi = multi;
    return w;
}

void http_wait_free(struct http_wait *w)
{
    mem_free(w);
}

void http_wait_step(struct http_wait *w, int wait_ms)
{
    int running = 0;
    /* Wait first, then work: what ends during the work is looked at by the caller at once, and what was just added
     * lets the wait end at once. */
    if (wait_ms > 0)
        curl_multi_poll(w->multi, NULL, 0, wait_ms, NULL);
    curl_multi_perform(w->multi, &running);
}

void http_wait_wake(struct http_wait *w)
{
    curl_multi_wakeup(w->multi);
}

#else

#include "clock.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { EVENTS_A_TURN = 256 };

struct http_wait {
    CURLM *multi;
    int epoll, wake;
    int64_t due_ticks_ms; /* curl's next timer; -1: none */
};

static int64_t now_ms(void)
{
    return clock_ticks_ms(&clock_system);
}

/* curl says which directions of a socket it waits for. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *known)
{
    (void)easy;
    struct http_wait *w = ctx;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
        return 0;
    }
    struct epoll_event ev = {.data.fd = fd};
    ev.events = (what & CURL_POLL_IN ? EPOLLIN : 0u) | (what & CURL_POLL_OUT ? EPOLLOUT : 0u);
    /* A descriptor number that was closed and given out again is new to epoll though curl may still know it. */
    if (epoll_ctl(w->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev) != 0)
        epoll_ctl(w->epoll, errno == EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &ev);
    curl_multi_assign(w->multi, fd, w);
    return 0;
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    (void)multi;
    struct http_wait *w = ctx;
    w->due_ticks_ms = timeout_ms < 0 ? -1 : now_ms() + timeout_ms;
    return 0;
}

struct http_wait *http_wait_new(CURLM *multi, struct err *e)
{
    struct http_wait *w = mem_zalloc(sizeof *w);
    signal(SIGPIPE, SIG_IGN); /* OpenSSL writes to connections the other side has closed */
    *w = (struct http_wait){.multi = multi, .due_ticks_ms = -1};
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    w->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = w->wake};
    if (w->epoll < 0 || w->wake < 0 || epoll_ctl(w->epoll, EPOLL_CTL_ADD, w->wake, &ev) != 0) {
        err_set(e, ERR_IO, "epoll: %s", strerror(errno));
        http_wait_free(w);
        return NULL;
    }
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, w);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, w);
    return w;
}

void http_wait_free(struct http_wait *w)
{
    if (!w)
        return;
    if (w->epoll >= 0)
        close(w->epoll);
    if (w->wake >= 0)
        close(w->wake);
    mem_free(w);
}

static int time_to_wait(const struct http_wait *w, int wait_ms)
{
    if (w->due_ticks_ms < 0)
        return wait_ms;
    int64_t left = w->due_ticks_ms - now_ms();
    if (left <= 0)
        return 0;
    return left < wait_ms ? (int)left : wait_ms;
}

static void act_on(struct http_wait *w, const struct epoll_event *ev)
{
    int running = 0;
    if (ev->data.fd == w->wake) {
        uint64_t count;
        ssize_t got = read(w->wake, &count, sizeof count);
        (void)got;
        return;
    }
    int what = (ev->events & (EPOLLIN | EPOLLHUP) ? CURL_CSELECT_IN : 0) |
               (ev->events & EPOLLOUT ? CURL_CSELECT_OUT : 0) | (ev->events & EPOLLERR ? CURL_CSELECT_ERR : 0);
    curl_multi_socket_action(w->multi, ev->data.fd, what, &running);
}

void http_wait_step(struct http_wait *w, int wait_ms)
{
    struct epoll_event events[EVENTS_A_TURN];
    int n = epoll_wait(w->epoll, events, EVENTS_A_TURN, time_to_wait(w, wait_ms));
    for (int i = 0; i < n; i++)
        act_on(w, &events[i]);
    if (w->due_ticks_ms >= 0 && w->due_ticks_ms <= now_ms()) {
        w->due_ticks_ms = -1;
        int running = 0;
        curl_multi_socket_action(w->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    }
}

void http_wait_wake(struct http_wait *w)
{
    uint64_t one = 1;
    ssize_t put = write(w->wake, &one, sizeof one); /* full means that a wake-up is under way already */
    (void)put;
}

#endif
