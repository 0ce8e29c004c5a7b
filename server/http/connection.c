#include "connection_private.h"

#include "exchange.h"
#include "framing.h"
#include "log.h"
#include "mem.h"
#include "router.h"

/* At least so many clients over the limit are told 503; the others are closed unheard. */
enum { OVERLOAD_MIN = 16, JOIN_BYTES_MAX = 8192 };

/* ---- from accept to free ---- */

/* Dies with the SSL object, which libevent frees last. */
static void conn_free(void *parent, void *ptr, CRYPTO_EX_DATA *ad, int index, long argl, void *argp)
{
    (void)parent, (void)ad, (void)index, (void)argl, (void)argp;
    struct conn *c = ptr;
    if (!c)
        return;
    struct http_server *s = conn_server(c);
    event_del(&c->timer);
    if (c->owed) {
        c->owed->conn = NULL;
        c->owed->request = NULL; /* went with evhttp's connection */
    }
    if (!c->handshaken)
        c->door->loop->handshakes--;
    if (!c->handshaken && c->phase != PHASE_CLOSED) /* it was not we who ended it */
        s->handshake_failures++;
    s->connections_now--;
    *c->link = c->next;
    if (c->next)
        c->next->link = c->link;
    mem_free(c);
}

static pthread_once_t index_once = PTHREAD_ONCE_INIT;
static int conn_index;

static void make_index(void)
{
    conn_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, conn_free);
}

struct conn *conn_of(struct bufferevent *bev)
{
    SSL *ssl = bufferevent_openssl_get_ssl(bev);
    return ssl ? SSL_get_ex_data(ssl, conn_index) : NULL;
}

void conn_tls_info(const SSL *ssl, int where, int ret)
{
    (void)ret;
    struct conn *c = where & SSL_CB_HANDSHAKE_DONE ? SSL_get_ex_data(ssl, conn_index) : NULL;
    if (!c || c->handshaken)
        return;
    c->handshaken = true;
    c->door->loop->handshakes--;
}

void conn_set_deadline(struct conn *c, const struct timeval *tv)
{
    if (tv)
        event_add(&c->timer, tv);
    else
        event_del(&c->timer);
}

void conn_continue_later(struct conn *c, enum phase phase)
{
    c->phase = phase;
    event_active(&c->timer, EV_TIMEOUT, 0);
}

struct evhttp_connection *conn_evcon(struct conn *c)
{
    void *evcon = c->evcon;
    if (!evcon)
        bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
    return evcon;
}

void conn_close(struct conn *c)
{
    struct evhttp_connection *evcon = c->phase == PHASE_CLOSED ? NULL : conn_evcon(c);
    c->phase = PHASE_CLOSED;
    c->evcon = NULL;
    if (evcon)
        evhttp_connection_free(evcon);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx);
static void on_input(struct evbuffer *, const struct evbuffer_cb_info *, void *ctx);

/* evhttp hands over head and body as two pieces, and OpenSSL makes a record and a send of each. Small answers are
 * joined before they are written (evhttp enables writing only when both are there). */
static void join_output(struct evbuffer *out, const struct evbuffer_cb_info *info, void *ctx)
{
    (void)ctx;
    if (info->n_added && evbuffer_get_length(out) <= JOIN_BYTES_MAX)
        evbuffer_pullup(out, -1);
}

struct bufferevent *conn_accept(struct event_base *base, void *ctx)
{
    struct door *d = ctx;
    struct http_server *s = d->loop->server;
    pthread_once(&index_once, make_index);
    SSL *ssl = SSL_new(s->tls);
    struct bufferevent *bev =
        ssl ? bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
            : NULL;
    if (!bev) {
        log_error("http.accept reason=\"out of memory\"");
        abort(); /* as mem.h does; returning NULL would have evhttp serve this connection in the clear */
    }
    bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    struct conn *c = mem_zalloc(sizeof *c);
    *c = (struct conn){.door = d, .bev = bev, .first = true, .next = d->loop->conns, .link = &d->loop->conns};
    if (c->next)
        c->next->link = &c->next;
    d->loop->conns = c;
    event_assign(&c->timer, base, -1, 0, on_timer, c);
    SSL_set_ex_data(ssl, conn_index, c);
    const struct timeval stall = {s->limits.stall_ms / 1000, s->limits.stall_ms % 1000 * 1000};
    bufferevent_set_timeouts(bev, NULL, &stall);
    bufferevent_setwatermark(bev, EV_READ, HOLD, READ_MARK);
    evbuffer_add_cb(bufferevent_get_input(bev), on_input, c);
    evbuffer_add_cb(bufferevent_get_output(bev), join_output, NULL);

    s->connections_total++;
    d->loop->handshakes++;
    uint64_t now = ++s->connections_now, limit = s->connections_max;
    uint64_t told = limit / 20 > OVERLOAD_MIN ? limit / 20 : OVERLOAD_MIN;
    c->overload = now > limit;
    conn_set_deadline(c, d->loop->deadlines.request);
    if (now > limit + told || d->loop->handshakes > s->limits.handshakes_max) {
        s->refused++;
        conn_continue_later(c, PHASE_DOOMED);
    }
    return bev;
}

static bool refuse(struct conn *c, int status, const char *reason)
{
    c->status = (short)status;
    c->reason = reason;
    return false;
}

/* ---- the head ---- */

/* Only what must be known before a body is read. What needs the whole request is for dispatch(). */
static bool check_route(struct conn *c, const struct head *h)
{
    const struct http_options *o = &conn_server(c)->options;
    struct route_match m;
    if (c->overload)
        return refuse(c, 503, "too many connections");
    route_find(o->routes, o->route_count, h->method, h->path, c->door->agents_only, &m);
    if (m.route && h->content_length > m.route->body_max)
        return refuse(
            c, 413, m.route->body_max ? "the body is larger than this path takes" : "no body is taken here");
    if (m.route || (h->method &&
                    !h->content_length)) /* an unknown path without a body is answered in the ordinary way */
        return true;
    c->allow = m.allow;
    return m.allow ? refuse(c, 405, "this path does not have that method") : refuse(c, 404, "no such path");
}

enum gate conn_check_head(struct conn *c, struct evbuffer *in)
{
    char bytes[HEAD_BYTES_MAX];
    ev_ssize_t n = evbuffer_copyout(in, bytes, sizeof bytes);
    struct head h;
    switch (head_read(slice_make(bytes, n > 0 ? (size_t)n : 0), &h)) {
    case HEAD_INCOMPLETE:
        if (n >= READ_MARK)
            bufferevent_setwatermark(c->bev, EV_READ, HOLD, HEAD_BYTES_MAX);
        return GATE_WAIT;
    case HEAD_BAD:
        refuse(c, h.status, h.reason);
        break;
    case HEAD_GOOD:
        if (!check_route(c, &h))
            break;
        c->phase = PHASE_BODY;
        size_t whole = h.bytes + (size_t)h.content_length;
        bufferevent_setwatermark(c->bev, EV_READ, 0, whole > READ_MARK ? whole : READ_MARK);
        return GATE_OPEN;
    }
    c->no_body = h.no_body;
    conn_server(c)->refused++;
    return GATE_REFUSE;
}

/* Called when bytes come in or are taken out, before evhttp's read callback. */
static void on_input(struct evbuffer *in, const struct evbuffer_cb_info *info, void *ctx)
{
    struct conn *c = ctx;
    if (!info->n_added || c->phase != PHASE_HEAD)
        return;
    if (!c->begun && !c->first)
        conn_set_deadline(c, c->door->loop->deadlines.request);
    c->begun = true;
    if (conn_check_head(c, in) == GATE_REFUSE)
        conn_continue_later(c, PHASE_REFUSING);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    struct conn *c = ctx;
    switch (c->phase) {
    case PHASE_REFUSING:
        conn_send_refusal(c);
        return;
    case PHASE_LEFT:
        conn_client_left(c);
        return;
    case PHASE_HEAD:
    case PHASE_BODY:
    case PHASE_ANSWER:
        if (!conn_evcon(c)) /* evhttp was faster */
            return;
        conn_server(c)->cut_by_deadline++;
        break;
    case PHASE_OWED:
    case PHASE_LINGER:
    case PHASE_DOOMED:
    case PHASE_CLOSED:
        break;
    }
    conn_close(c);
}
