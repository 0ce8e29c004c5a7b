#include "bench_client.h"

#include "bench_measure.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTING_MAX = 200, EVENTS = 256, READ_BYTES = 16 * 1024, ANSWER_MAX = 256 << 20, STUCK_S = 60 };

enum link_state { LINK_CLOSED, LINK_QUEUED, LINK_CONNECTING, LINK_HANDSHAKE, LINK_OPEN };

struct link {
    struct client *client;
    struct link *next_all, *next_queued;
    enum link_state state;
    int fd;
    unsigned events;
    SSL *ssl;
    struct buf out, in;
    size_t sent;
    bool busy; /* a request is under way */
    answer_fn *fn;
    void *ctx;
};

struct client {
    int epoll;
    SSL_CTX *tls;
    struct sockaddr_storage address;
    socklen_t address_size;
    char host[256], port[8];
    struct link *all, *queued, **queued_end;
    size_t connecting, waiting; /* waiting: in the queue */
    int64_t last_event_ns;
};

static void split_url(const char *url, struct client *c)
{
    const char *at = url + 8, *colon = strrchr(url, ':');
    size_t n = colon > at ? (size_t)(colon - at) : 0;
    if (strncmp(url, "https://", 8) != 0 || !n || n >= sizeof c->host || strlen(colon + 1) >= sizeof c->port)
        bench_fail("--url: https://HOST:PORT expected, not %s", url);
    memcpy(c->host, at, n);
    snprintf(c->port, sizeof c->port, "%s", colon + 1);
}

struct client *client_new(const char *url, const char *ca_file)
{
    struct client *c = mem_zalloc(sizeof *c);
    c->queued_end = &c->queued;
    split_url(url, c);
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM}, *found = NULL;
    if (getaddrinfo(c->host, c->port, &hints, &found) != 0)
        bench_fail("%s: no such host", c->host);
    memcpy(&c->address, found->ai_addr, found->ai_addrlen);
    c->address_size = found->ai_addrlen;
    freeaddrinfo(found);
    c->epoll = epoll_create1(EPOLL_CLOEXEC);
    c->tls = SSL_CTX_new(TLS_client_method());
    if (c->epoll < 0 || !c->tls || SSL_CTX_load_verify_locations(c->tls, ca_file, NULL) != 1)
        bench_fail("%s: can't be used as a certificate authority", ca_file);
    SSL_CTX_set_verify(c->tls, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(c->tls, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c->tls, SSL_SESS_CACHE_OFF);
    signal(SIGPIPE, SIG_IGN);
    return c;
}

/* Without a farewell, and with a reset: ten thousand ports in TIME_WAIT would be missing in the next run. */
static void disconnect(struct link *l)
{
    struct linger at_once = {1, 0};
    if (l->state == LINK_CONNECTING || l->state == LINK_HANDSHAKE)
        l->client->connecting--;
    SSL_free(l->ssl);
    l->ssl = NULL;
    if (l->fd >= 0) {
        setsockopt(l->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(l->fd);
    }
    l->fd = -1;
    l->state = LINK_CLOSED;
}

void client_free(struct client *c)
{
    while (c->all) {
        struct link *l = c->all;
        c->all = l->next_all;
        disconnect(l);
        buf_free(&l->out);
        buf_free(&l->in);
        mem_free(l);
    }
    SSL_CTX_free(c->tls);
    close(c->epoll);
    mem_free(c);
}

struct link *link_new(struct client *c)
{
    struct link *l = mem_zalloc(sizeof *l);
    *l = (struct link){.client = c, .next_all = c->all, .fd = -1};
    buf_init(&l->out, ANSWER_MAX);
    buf_init(&l->in, ANSWER_MAX);
    c->all = l;
    return l;
}

static void watch(struct link *l, unsigned events)
{
    struct epoll_event ev = {.events = events, .data.ptr = l};
    if (l->events != events)
        epoll_ctl(l->client->epoll, l->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, l->fd, &ev);
    l->events = events;
}

static void tell(struct link *l, const struct answer *a)
{
    l->busy = false;
    l->fn(l->ctx, l, a);
}

static void fail(struct link *l)
{
    disconnect(l);
    buf_clear(&l->in);
    if (l->busy)
        tell(l, &(struct answer){.at_ns = bench_now_ns()});
}

static void start(struct link *l)
{
    struct client *c = l->client;
    int on = 1;
    l->fd = socket(c->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        bench_fail("socket: %s", strerror(errno));
    setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    l->events = 0;
    l->state = LINK_CONNECTING;
    c->connecting++;
    if (connect(l->fd, (struct sockaddr *)&c->address, c->address_size) == 0 || errno == EINPROGRESS)
        watch(l, EPOLLOUT);
    else
        fail(l);
}

static void start_queued(struct client *c)
{
    while (c->queued && c->connecting < CONNECTING_MAX) {
        struct link *l = c->queued;
        c->queued = l->next_queued;
        if (!c->queued)
            c->queued_end = &c->queued;
        c->waiting--;
        start(l);
    }
}

static void queue(struct link *l)
{
    struct client *c = l->client;
    l->state = LINK_QUEUED;
    c->waiting++;
    l->next_queued = NULL;
    *c->queued_end = l;
    c->queued_end = &l->next_queued;
}

static void send_more(struct link *l)
{
    while (l->sent < l->out.n) {
        int n = SSL_write(l->ssl, l->out.p + l->sent, (int)(l->out.n - l->sent));
        if (n <= 0) {
            if (SSL_get_error(l->ssl, n) == SSL_ERROR_WANT_WRITE)
                watch(l, EPOLLIN | EPOLLOUT);
            else
                fail(l);
            return;
        }
        l->sent += (size_t)n;
    }
    watch(l, EPOLLIN);
}

void link_request(struct link *l, const struct request *r, answer_fn *fn, void *ctx)
{
    if (l->busy)
        bench_fail("a link was given two requests at once");
    l->busy = true;
    l->fn = fn;
    l->ctx = ctx;
    l->sent = 0;
    buf_clear(&l->out);
    buf_printf(&l->out, "%s %s HTTP/1.1\r\nHost: %s\r\n", r->method, r->path, l->client->host);
    if (r->bearer)
        buf_printf(&l->out, "Authorization: Bearer %s\r\n", r->bearer);
    if (r->body.n)
        buf_printf(&l->out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", r->body.n);
    buf_puts(&l->out, "\r\n");
    buf_append_slice(&l->out, r->body);
    if (l->state == LINK_OPEN)
        send_more(l);
    else if (l->state == LINK_CLOSED)
        queue(l);
}

/* ---- reading ---- */

static struct slice header(struct slice head, const char *name)
{
    size_t name_n = strlen(name);
    for (const char *at = head.p, *end = head.p + head.n; at < end;) {
        const char *stop = memchr(at, '\r', (size_t)(end - at));
        stop = stop ? stop : end;
        if ((size_t)(stop - at) > name_n && at[name_n] == ':' && strncasecmp(at, name, name_n) == 0) {
            at += name_n + 1;
            at += at < stop && *at == ' ';
            return slice_make(at, (size_t)(stop - at));
        }
        at = stop + 2;
    }
    return slice_make(NULL, 0);
}

struct slice answer_header(const struct answer *a, const char *name)
{
    return header(a->head, name);
}

/* True when a whole answer has come; the caller's buffer holds it until the next request. */
static bool whole_answer(const struct buf *in, struct answer *a)
{
    const char *end = in->n ? memmem(in->p, in->n, "\r\n\r\n", 4) : NULL;
    if (!end || in->n < 12)
        return false;
    a->head = slice_make(in->p, (size_t)(end - in->p));
    struct slice length = header(a->head, "Content-Length");
    size_t body_n = length.n ? (size_t)strtoull(length.p, NULL, 10) : 0;
    a->body = slice_make(end + 4, body_n);
    a->status = (int)strtol(in->p + 9, NULL, 10);
    return a->head.n + 4 + body_n <= in->n;
}

static void read_more(struct link *l)
{
    static char bytes[READ_BYTES];
    struct answer a = {0};
    int n;
    while ((n = SSL_read(l->ssl, bytes, sizeof bytes)) > 0)
        buf_append(&l->in, bytes, (size_t)n);
    int why = SSL_get_error(l->ssl, n);
    if (l->busy && whole_answer(&l->in, &a)) {
        struct buf text = l->in; /* the callback may make a request, and that one fail */
        buf_init(&l->in, ANSWER_MAX);
        a.at_ns = bench_now_ns();
        if (why != SSL_ERROR_WANT_READ)
            disconnect(l);
        tell(l, &a);
        buf_free(&text);
    } else if (why != SSL_ERROR_WANT_READ) {
        fail(l);
    }
}

/* ---- events ---- */

static void begin_tls(struct link *l)
{
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(l->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    l->ssl = error ? NULL : SSL_new(l->client->tls);
    if (!l->ssl) {
        fail(l);
        return;
    }
    SSL_set_fd(l->ssl, l->fd);
    SSL_set_tlsext_host_name(l->ssl, l->client->host);
    SSL_set1_host(l->ssl, l->client->host);
    SSL_set_connect_state(l->ssl);
    l->state = LINK_HANDSHAKE;
}

static void shake_hands(struct link *l)
{
    int r = SSL_do_handshake(l->ssl);
    int why = r == 1 ? SSL_ERROR_NONE : SSL_get_error(l->ssl, r);
    if (why == SSL_ERROR_WANT_READ)
        watch(l, EPOLLIN);
    else if (why == SSL_ERROR_WANT_WRITE)
        watch(l, EPOLLIN | EPOLLOUT);
    else if (why != SSL_ERROR_NONE)
        fail(l);
    else {
        l->state = LINK_OPEN;
        l->client->connecting--;
        send_more(l);
    }
}

static void on_event(struct link *l, unsigned events)
{
    ERR_clear_error();
    if (l->state == LINK_CONNECTING)
        begin_tls(l);
    if (l->state == LINK_HANDSHAKE)
        shake_hands(l);
    else if (l->state == LINK_OPEN && l->sent < l->out.n && (events & EPOLLOUT))
        send_more(l);
    else if (l->state == LINK_OPEN)
        read_more(l);
}

void client_step(struct client *c, int wait_ms)
{
    struct epoll_event events[EVENTS];
    start_queued(c);
    int n = epoll_wait(c->epoll, events, EVENTS, wait_ms);
    if (n > 0)
        c->last_event_ns = bench_now_ns();
    for (int i = 0; i < n; i++)
        on_event(events[i].data.ptr, events[i].events);
}

size_t client_unsent(const struct client *c)
{
    return c->waiting + c->connecting;
}

void client_run_until_zero(struct client *c, const size_t *left)
{
    c->last_event_ns = bench_now_ns();
    while (*left) {
        client_step(c, 1000);
        if (bench_now_ns() - c->last_event_ns > (int64_t)STUCK_S * 1000000000)
            bench_fail("nothing has come for %d s; %zu answers are missing", STUCK_S, *left);
    }
}

void client_run_for(struct client *c, int64_t ms)
{
    int64_t end = bench_now_ns() + ms * 1000000, left;
    while ((left = (end - bench_now_ns()) / 1000000) > 0)
        client_step(c, (int)left);
}

struct asked {
    struct buf *body;
    const char *path;
    size_t left;
};

static void on_asked(void *ctx, struct link *l, const struct answer *a)
{
    struct asked *q = ctx;
    (void)l;
    if (a->status < 200 || a->status > 299)
        bench_fail("%s: status %d %.*s", q->path, a->status, SLICE_ARG(a->body));
    buf_clear(q->body);
    buf_append_slice(q->body, a->body);
    q->left = 0;
}

void client_ask(struct client *c, const struct request *r, struct buf *body)
{
    struct asked q = {body, r->path, 1};
    link_request(link_new(c), r, on_asked, &q);
    client_run_until_zero(c, &q.left);
}
