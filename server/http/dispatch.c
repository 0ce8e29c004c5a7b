#include "dispatch.h"

#include "connection.h"
#include "exchange.h"
#include "rate.h"
#include "router.h"

#include <stdio.h>

static enum http_method method_of(struct evhttp_request *request)
{
    switch (evhttp_request_get_command(request)) {
    case EVHTTP_REQ_GET:
        return HTTP_GET;
    case EVHTTP_REQ_POST:
        return HTTP_POST;
    case EVHTTP_REQ_PUT:
        return HTTP_PUT;
    case EVHTTP_REQ_DELETE:
        return HTTP_DELETE;
    case EVHTTP_REQ_PATCH:
        return HTTP_PATCH;
    default: /* stopped by the check of the head */
        return 0;
    }
}

/* Everything that is refused with an exchange at hand. True: the handler may have it. */
static bool admit(struct http_server *s, struct box *b, bool agents_only)
{
    struct exchange *x = &b->x;
    const struct http_options *o = &s->options;
    struct route_match m;
    route_find(o->routes, o->route_count, x->method, x->path, agents_only, &m);
    if (!m.route && m.allow) {
        char methods[48];
        allow_print(m.allow, methods);
        exchange_set_header(x, "Allow", methods);
        exchange_problem(x, 405, "this path does not have that method");
        return false;
    }
    if (!m.route || !box_set_params(b, &m)) {
        exchange_problem(x, 404, "no such path");
        return false;
    }
    x->route = m.route;
    unsigned wait_s = 0;
    if (m.route->per_minute && !rate_take(s->rate, (size_t)(m.route - o->routes), x->peer,
                                          m.route->per_minute, x->received_ticks_ms, &wait_s)) {
        char text[16];
        snprintf(text, sizeof text, "%u", wait_s);
        exchange_set_header(x, "Retry-After", text);
        exchange_problem(x, 429, "more than %u requests a minute from this address", m.route->per_minute);
        return false;
    }
    int status = 403;
    struct err reason = {0};
    if (!exchange_query_is_plain(x)) {
        exchange_problem(x, 400, "the query has a broken escape, or is not UTF-8");
        return false;
    }
    if (m.route->role == ROLE_PUBLIC || o->authorise(o->app, x, &status, &reason))
        return true;
    if (status == 401)
        exchange_set_header(x, "WWW-Authenticate", "Bearer");
    exchange_problem(x, status, "%s", reason.text);
    return false;
}

void dispatch(struct evhttp_request *request, void *ctx)
{
    struct door *d = ctx;
    struct http_server *s = d->loop->server;
    struct box *b = box_new(d->loop, request);
    bool checked = conn_owe(request, b);
    b->x.method = method_of(request);
    s->requests++;
    if (!checked) { /* can't happen, and would be the hole a smuggled request comes through */
        b->close = true;
        exchange_problem(&b->x, 400, "unexpected request");
        return;
    }
    if (admit(s, b, d->agents_only))
        b->x.route->handler(s->options.app, &b->x);
    else
        s->refused++;
}
