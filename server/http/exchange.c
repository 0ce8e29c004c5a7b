#include "exchange.h"

#include "connection.h"
#include "mem.h"
#include "problem.h"
#include "text.h"

#include <assert.h>
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/http.h>
#include <stdio.h>
#include <strings.h>

enum { COPY_BELOW = 4096 };

const char *const common_headers[COMMON_HEADERS][2] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
};

/* ---- making and freeing ---- */

static void copy_peer(struct exchange *x, struct evhttp_request *request)
{
    char *address;
    ev_uint16_t port;
    evhttp_connection_get_peer(evhttp_request_get_connection(request), &address, &port);
    /* An IPv4 client of a listener that serves both families. */
    if (strncasecmp(address, "::ffff:", 7) == 0 && strchr(address, '.'))
        address += 7;
    snprintf(x->peer, sizeof x->peer, "%s", address);
}

struct box *box_new(struct loop *l, struct evhttp_request *request)
{
    struct slice target = slice_of(evhttp_request_get_uri(request));
    struct evbuffer *in = evhttp_request_get_input_buffer(request);
    size_t body_n = evbuffer_get_length(in);
    struct box *b = mem_alloc(sizeof *b + target.n + 1 + body_n + 1);
    *b = (struct box){.loop = l, .request = request, .next = l->boxes, .link = &l->boxes};
    if (b->next)
        b->next->link = &b->next;
    l->boxes = b;

    char *body = b->data + target.n + 1;
    memcpy(b->data, target.p, target.n + 1);
    evbuffer_remove(in, body, body_n);
    body[body_n] = '\0';
    const char *mark = strchr(b->data, '?');
    size_t path_n = mark ? (size_t)(mark - b->data) : target.n;
    b->x.path = slice_make(b->data, path_n);
    b->x.query = mark ? slice_make(mark + 1, target.n - path_n - 1) : slice_of("");
    b->x.body = slice_make(body, body_n);
    b->x.loop = l->number;
    b->x.received_ticks_ms = clock_ticks_ms(l->server->options.clock);
    copy_peer(&b->x, request);
    return b;
}

void box_free(struct box *b)
{
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
    arena_free(&b->x.arena);
    mem_free(b->body);
    mem_free(b);
}

/* ---- reading the request ---- */

static struct box *box_of(struct exchange *x)
{
    return (struct box *)x;
}

const char *exchange_header(const struct exchange *x, const char *name)
{
    const struct box *b = (const struct box *)x;
    return b->request ? evhttp_find_header(evhttp_request_get_input_headers(b->request), name) : NULL;
}

static int hex_value(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* Undoes %XX, and + when it means a blank. NULL when an escape is broken, or the outcome is not valid UTF-8
 * or has a NUL. Without anything to undo it still copies: the outcome ends with NUL. */
static char *decode(struct arena *a, struct slice in, bool plus)
{
    char *out = arena_alloc(a, in.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '+' && plus) {
            c = ' ';
        } else if (c == '%') {
            if (i + 2 >= in.n || !isxdigit((unsigned char)in.p[i + 1]) ||
                !isxdigit((unsigned char)in.p[i + 2]))
                return NULL;
            c = (char)(hex_value(in.p[i + 1]) << 4 | hex_value(in.p[i + 2]));
            i += 2;
        }
        if (!c)
            return NULL;
        out[n++] = c;
    }
    return utf8_valid_prefix(slice_make(out, n)) == n ? out : NULL;
}

bool exchange_query_is_plain(struct exchange *x)
{
    bool simple = true;
    for (size_t i = 0; i < x->query.n && simple; i++)
        simple = x->query.p[i] > ' ' && x->query.p[i] < 0x7F && x->query.p[i] != '%';
    return simple || decode(&x->arena, x->query, true) != NULL;
}

const char *exchange_query(struct exchange *x, const char *name)
{
    struct slice rest = x->query;
    size_t name_n = strlen(name);
    while (rest.n) {
        const char *end = memchr(rest.p, '&', rest.n);
        struct slice pair = slice_make(rest.p, end ? (size_t)(end - rest.p) : rest.n);
        size_t used = pair.n + (end ? 1 : 0);
        rest = slice_make(rest.p + used, rest.n - used);
        if (pair.n < name_n || memcmp(pair.p, name, name_n) != 0)
            continue;
        if (pair.n == name_n)
            return "";
        if (pair.p[name_n] == '=')
            return decode(&x->arena, slice_make(pair.p + name_n + 1, pair.n - name_n - 1), true);
    }
    return NULL;
}

bool box_set_params(struct box *b, const struct route_match *m)
{
    for (size_t i = 0; i < ROUTE_PARAMS_MAX && m->params[i].n; i++) {
        struct slice value = m->params[i];
        if (memchr(value.p, '%', value.n)) {
            const char *decoded = decode(&b->x.arena, value, false);
            if (!decoded)
                return false;
            value = slice_of(decoded);
        }
        for (size_t k = 0; k < value.n; k++)
            if ((unsigned char)value.p[k] < 0x20 || value.p[k] == 0x7F)
                return false;
        b->x.params[i] = value;
    }
    return true;
}

/* ---- answering ---- */

void exchange_set_header(struct exchange *x, const char *name, const char *value)
{
    assert(!strpbrk(name, "\r\n:") && !strpbrk(value, "\r\n"));
    struct box *b = box_of(x);
    struct reply_header *h = arena_alloc(&x->arena, sizeof *h);
    h->name = arena_strdup(&x->arena, name);
    char *copy = arena_strdup(&x->arena, value);
    for (char *at = copy; (at = strpbrk(at, "\r\n")); at++)
        *at = ' '; /* a release has no assert, and this would be somebody else's header */
    h->value = copy;
    struct reply_header **end = &b->headers; /* in the order set: Set-Cookie may come twice */
    while (*end)
        end = &(*end)->next;
    *end = h;
}

static void run_delivery(struct mail *m)
{
    box_deliver((struct box *)((char *)m - offsetof(struct box, mail)));
}

void exchange_reply(struct exchange *x, int status, const char *type, struct slice body)
{
    struct box *b = box_of(x);
    b->status = status;
    b->type = type ? arena_strdup(&x->arena, type) : "application/json";
    if (body.n) {
        b->body = mem_alloc(body.n);
        memcpy(b->body, body.p, body.n);
        b->body_n = body.n;
    }
    if (loop_here() == b->loop) {
        box_deliver(b);
        return;
    }
    b->mail.run = run_delivery;
    loop_mail(b->loop, &b->mail);
}

static bool may_have_body(int status)
{
    return status >= 200 && status != 204 && status != 304;
}

static void put_headers(const struct box *b, struct evkeyvalq *out)
{
    for (const struct reply_header *h = b->headers; h; h = h->next)
        evhttp_add_header(out, h->name, h->value);
    for (int i = 0; i < COMMON_HEADERS; i++)
        if (!evhttp_find_header(out, common_headers[i][0]))
            evhttp_add_header(out, common_headers[i][0], common_headers[i][1]);
    if (may_have_body(b->status)) {
        char length[24];
        snprintf(length, sizeof length, "%zu", b->body_n);
        evhttp_add_header(out, "Content-Length", length);
        evhttp_add_header(out, "Content-Type", b->type);
    }
    if ((b->close || b->loop->stopping) && !evhttp_find_header(out, "Connection"))
        evhttp_add_header(out, "Connection", "close");
}

static void free_body(const void *p, size_t n, void *ctx)
{
    (void)p, (void)n;
    mem_free(ctx);
}

static void put_body(struct box *b, struct evbuffer *out)
{
    if (!b->body_n || !may_have_body(b->status))
        return;
    if (b->body_n < COPY_BELOW) {
        evbuffer_add(out, b->body, b->body_n);
        return;
    }
    evbuffer_add_reference(out, b->body, b->body_n, free_body, b->body);
    b->body = NULL;
}

void box_deliver(struct box *b)
{
    if (conn_is_open(b->conn)) {
        conn_answer(b->conn, b->request);
        put_headers(b, evhttp_request_get_output_headers(b->request));
        put_body(b, evhttp_request_get_output_buffer(b->request));
        evhttp_send_reply(b->request, b->status, status_title(b->status), NULL);
    }
    box_free(b);
}

/* ---- waiting ---- */

void exchange_watch(struct exchange *x, exchange_gone_fn *gone, void *ctx)
{
    struct box *b = box_of(x);
    assert(loop_here() == b->loop);
    b->gone = gone;
    b->gone_ctx = ctx;
    conn_watch(b->conn, b->request);
}

/* True: nobody else holds the exchange any more. */
static bool take_back(struct box *b)
{
    return b->gone && b->gone(b->gone_ctx, &b->x);
}

void box_gone(struct box *b)
{
    b->conn = NULL;
    b->request = NULL;
    if (take_back(b))
        box_free(b);
}

bool box_recall(struct box *b)
{
    if (!take_back(b))
        return false;
    b->status = 503;
    b->close = true;
    exchange_set_header(&b->x, "Retry-After", "5");
    struct buf body;
    buf_init(&body, PROBLEM_BYTES_MAX);
    problem_print(&body, b->status, "the server is stopping");
    b->type = PROBLEM_TYPE;
    b->body_n = body.n;
    b->body = buf_take(&body);
    return true;
}
