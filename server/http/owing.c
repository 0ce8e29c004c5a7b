#include "connection_private.h"

#include "exchange.h"
#include "mem.h"

#include <assert.h>
#include <openssl/err.h>

static bool has_word(struct evkeyvalq *headers, const char *word)
{
    const char *value = evhttp_find_header(headers, "Connection");
    return value && evutil_ascii_strcasecmp(value, word) == 0;
}

/* The answer has left. Called by evhttp before it decides whether to keep the connection. */
static void on_answered(struct evhttp_request *request, void *ctx)
{
    struct conn *c = ctx;
    struct evkeyvalq *in = evhttp_request_get_input_headers(request);
    struct evkeyvalq *out = evhttp_request_get_output_headers(request);
    bool close = has_word(in, "close") || has_word(out, "close") || c->door->loop->stopping;
    c->phase = PHASE_HEAD;
    c->first = c->begun = false;
    bufferevent_setwatermark(c->bev, EV_READ, HOLD, READ_MARK);
    conn_set_deadline(c, c->door->loop->deadlines.idle);
    /* Bytes of a next request that came early would reach evhttp past the mark. Let them only when they bring
     * a whole good head. */
    struct evbuffer *input = bufferevent_get_input(c->bev);
    if (!close && evbuffer_get_length(input)) {
        conn_set_deadline(c, c->door->loop->deadlines.request);
        close = conn_check_head(c, input) != GATE_OPEN;
    }
    if (!close)
        return;
    if (!has_word(out, "close"))
        evhttp_add_header(out, "Connection", "close"); /* already sent; evhttp decides by this list */
    SSL_shutdown(bufferevent_openssl_get_ssl(c->bev));
    ERR_clear_error();
}

bool conn_owe(struct evhttp_request *request, struct box *box)
{
    struct bufferevent *bev = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
    struct conn *c = conn_of(bev);
    assert(c);
    conn_set_deadline(c, NULL);
    bool checked = c->phase == PHASE_BODY;
    c->phase = PHASE_OWED;
    c->owed = box;
    box->conn = c;
    /* evhttp has its own idea of what to do when a connection fails now, and ends the process when it is
     * called to read. So nothing is called; evhttp_send_reply() sets its callbacks anew. */
    c->evcon = evhttp_request_get_connection(request);
    bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
    bufferevent_setwatermark(bev, EV_READ, HOLD, READ_MARK);
    return checked;
}

bool conn_is_open(const struct conn *c)
{
    return c && c->phase != PHASE_CLOSED;
}

struct conn *conn_next(const struct conn *c)
{
    return c->next;
}

void conn_client_left(struct conn *c)
{
    struct box *box = c->owed;
    c->owed = NULL;
    if (box)
        box_gone(box);
    conn_close(c);
}

static void on_watch_event(struct bufferevent *bev, short what, void *ctx)
{
    (void)bev, (void)what;
    conn_client_left(ctx);
}

static void on_watch_read(struct bufferevent *bev, void *ctx)
{
    (void)bev;
    conn_client_left(ctx);
}

void conn_watch(struct conn *c, struct evhttp_request *request)
{
    /* A parked request keeps only the header evhttp asks for when it answers. */
    struct evkeyvalq *headers = evhttp_request_get_input_headers(request);
    const char *value = evhttp_find_header(headers, "Connection");
    char *connection = value ? mem_strdup(value) : NULL;
    evhttp_clear_headers(headers);
    if (connection)
        evhttp_add_header(headers, "Connection", connection);
    mem_free(connection);

    bufferevent_setcb(c->bev, on_watch_read, NULL, on_watch_event, c);
    bufferevent_setwatermark(c->bev, EV_READ, 0, READ_MARK);
    bufferevent_enable(c->bev, EV_READ);
    if (evbuffer_get_length(bufferevent_get_input(c->bev)))
        conn_continue_later(c, PHASE_LEFT);
}

void conn_answer(struct conn *c, struct evhttp_request *request)
{
    event_del(&c->timer); /* may still be active with PHASE_LEFT: the answer wins */
    bufferevent_disable(c->bev, EV_READ);
    bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
    c->evcon = NULL; /* evhttp holds it again */
    c->owed = NULL;
    c->phase = PHASE_ANSWER;
    bufferevent_setwatermark(c->bev, EV_READ, HOLD, READ_MARK);
    conn_set_deadline(c, c->door->loop->deadlines.answer);
    evhttp_request_set_on_complete_cb(request, on_answered, c);
}

bool conn_is_busy(const struct conn *c)
{
    return (c->phase == PHASE_OWED && c->owed) || c->phase == PHASE_ANSWER || c->phase == PHASE_REFUSING;
}

void conn_stop(struct conn *c)
{
    if (c->phase == PHASE_HEAD || c->phase == PHASE_BODY)
        conn_close(c);
    else if (c->owed && box_recall(c->owed))
        box_deliver(c->owed);
}
