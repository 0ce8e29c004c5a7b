#include "connection_private.h"

#include "exchange.h"
#include "problem.h"
#include "router.h"

#include <openssl/err.h>
#include <sys/socket.h>

static void on_linger_read(struct bufferevent *bev, void *ctx)
{
    (void)ctx;
    struct evbuffer *in = bufferevent_get_input(bev);
    evbuffer_drain(in, evbuffer_get_length(in));
}

/* The refusal has left. The client's unread bytes would turn a close into a reset, which may overtake the
 * refusal; so only our side is closed, and what the client still sends is thrown away until it closes too. */
static void on_linger_written(struct bufferevent *bev, void *ctx)
{
    (void)ctx;
    SSL_shutdown(bufferevent_openssl_get_ssl(bev));
    ERR_clear_error();
    shutdown(bufferevent_getfd(bev), SHUT_WR);
}

static void on_linger_end(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev, (void)what;
    conn_close(ctx);
}

void conn_send_refusal(struct conn *c)
{
    c->evcon = conn_evcon(c);
    if (!c->evcon)
        return;
    c->phase = PHASE_LINGER;
    conn_set_deadline(c, c->door->loop->deadlines.linger);
    struct buf body;
    buf_init(&body, 1024);
    problem_print(&body, c->status, c->reason);
    struct evbuffer *out = bufferevent_get_output(c->bev);
    evbuffer_add_printf(out,
                        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                        c->status, status_title(c->status), PROBLEM_TYPE, body.n);
    for (int i = 0; i < COMMON_HEADERS; i++)
        evbuffer_add_printf(out, "%s: %s\r\n", common_headers[i][0], common_headers[i][1]);
    if (c->allow) {
        char methods[48];
        allow_print(c->allow, methods);
        evbuffer_add_printf(out, "Allow: %s\r\n", methods);
    }
    if (c->status == 503)
        evbuffer_add_printf(out, "Retry-After: 30\r\n");
    evbuffer_add(out, "\r\n", 2);
    if (!c->no_body)
        evbuffer_add(out, body.p, body.n);
    buf_free(&body);
    bufferevent_setcb(c->bev, on_linger_read, on_linger_written, on_linger_end, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_MARK);
    struct evbuffer *in = bufferevent_get_input(c->bev);
    evbuffer_drain(in, evbuffer_get_length(in));
    bufferevent_enable(c->bev, EV_READ | EV_WRITE);
}
