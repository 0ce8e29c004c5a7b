/* What a handler sees of HTTP. No libevent type passes this border.
 *
 * One `struct exchange` is one request and the answer owed to it. It belongs to the connection's event loop
 * thread until a handler takes it on; whoever holds it calls exchange_reply() exactly once, from any thread, and
 * must not touch it afterwards. While an answer is owed, nothing more is read from that connection.
 * Everything in it lives until the reply; request memory comes from its arena and is freed with it. */
#ifndef FLEETMEND_MESSAGE_H
#define FLEETMEND_MESSAGE_H

#include "arena.h"
#include "buf.h"

#include <stdint.h>

enum http_method { HTTP_GET = 1, HTTP_POST = 2, HTTP_PUT = 4, HTTP_DELETE = 8, HTTP_PATCH = 16 };

enum { ROUTE_PARAMS_MAX = 4, ROUTE_ROLES_NONE = 0 };

/* Who is asking; filled by the authoriser before the handler runs. */
struct principal {
    int64_t user_id;       /* 0: an agent, or nobody */
    char name[64];         /* user name; "" when none */
    unsigned roles;        /* set of enum role bits this request may use */
    char machine_id[65];   /* agent routes with a ticket: the machine */
    char token[65];        /* id of the API token or session used, for the audit; "" when none */
};

struct route;

struct exchange {
    enum http_method method;
    struct slice path;                 /* as sent, without the query, percent-decoding not applied */
    struct slice query;                /* without '?' */
    struct slice body;
    char peer[48];                     /* address without port */
    const struct route *route;
    struct slice params[ROUTE_PARAMS_MAX]; /* the {holes} of the route's path in order, percent-decoded */
    struct principal who;
    int loop;                          /* number of the event loop that owns the connection */
    int64_t received_ticks_ms;
    struct arena arena;                /* freed after the reply */
    void *user;                        /* the handler's own */
};

/* Value of a request header, NULL when absent. Name without regard to case. Only on the loop thread, before the handler returns. */
const char *exchange_header(const struct exchange *, const char *name);

/* Percent-decoded value of a query parameter; NULL when absent or not valid UTF-8. In the exchange's arena. */
const char *exchange_query(struct exchange *, const char *name);
/* Whether all of the query can be decoded; what can not is refused before the handler. */
bool exchange_query_is_plain(struct exchange *);

/* Adds a header to the answer; before exchange_reply(). Values are copied; CR and LF in them are a bug (assert). */
void exchange_set_header(struct exchange *, const char *name, const char *value);

/* Answers and ends the exchange. Copies body. `type` NULL means application/json. Thread-safe: from another
 * thread than the loop's own it goes through that loop's mailbox. */
void exchange_reply(struct exchange *, int status, const char *type, struct slice body);

/* RFC 9457 problem details: {"type":"about:blank","title":...,"status":...,"detail":...}. */
void exchange_problem(struct exchange *, int status, const char *fmt, ...) FORMAT_PRINTF(3, 4);
/* The same from an error: ERR_INVALID 400, NOT_FOUND 404, DENIED 403, CONFLICT 409, LIMIT 429, UNAVAILABLE 503, else 500 (details only in the log). */
void exchange_problem_err(struct exchange *, const struct err *e);

/* Long poll: from now until the reply, `gone` is called on the loop thread when the client leaves. It returns
 * true when it took the exchange back from wherever it waited (then the exchange is destroyed on return) and
 * false when somebody else already holds it and will reply (the reply is then dropped quietly).
 * It is called as well when the server stops; a client that is still there then gets 503 with Retry-After.
 * Loop thread only, at most once, and before anybody else can get at the exchange; exchange_header() knows nothing any more afterwards. Bytes a client sends while
 * it waits count as leaving. */
typedef bool exchange_gone_fn(void *ctx, struct exchange *);
void exchange_watch(struct exchange *, exchange_gone_fn *gone, void *ctx);

/* ---- roles and the route table ---- */

/* A user has a set of roles. `public` routes say so by name; a route that names no role can't be registered. */
enum role {
    ROLE_PUBLIC = 1,   /* nobody needs to be known: health, login, agent routes with their own rules */
    ROLE_AGENT = 2,    /* a valid machine ticket */
    ROLE_VIEWER = 4,
    ROLE_OPERATOR = 8, /* push class 0 and 1 */
    ROLE_APPROVER = 16,
    ROLE_ADMIN = 32,   /* users, tokens, settings */
};

typedef void route_handler(void *app, struct exchange *);

struct route {
    enum http_method method;
    const char *path;      /* "/api/v1/machines/{id}"; holes match one segment */
    enum role role;        /* the least role; exactly one bit */
    uint32_t body_max;     /* bytes; 0: a body is refused */
    uint32_t per_minute;   /* requests a minute and peer address; 0: no limit of its own */
    bool agent_listener;   /* also served on `agent_listen`, which serves nothing else */
    route_handler *handler;
    const char *help;      /* one sentence for OpenAPI and docs */
};

#endif
