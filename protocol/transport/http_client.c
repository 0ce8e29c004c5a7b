#include "http_client.h"

#include "http_result.h"
#include "http_wait.h"
#include "log.h"
#include "mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    CONNECT_LIMIT_S = 15,
    READ_BUFFER_BYTES = 4096,        /* thousands of peers, each holding these through a long poll: */
    UPLOAD_BUFFER_BYTES = 16 * 1024, /* as small as curl allows */
    HEADERS_MAX_BYTES = 32 * 1024,
    RETRY_AFTER_MAX_S = 24 * 3600,
    STEP_MS = 1000,
    /* TLS handshakes under way at once. A thousand begun together all take longer than the server's patience; the
     * next ones wait in order, and their time does not run yet. */
    CONNECTING_MAX = 64,
};

struct http_client {
    CURLM *multi;
    struct http_wait *wait;
    size_t peers;
    int connecting;
    struct http_peer *first_queued, *last_queued;
};

struct http_peer {
    struct http_client *client;
    CURL *easy;
    CURLSH *connection;      /* holds this peer's connections apart: found without a search, never another peer's */
    struct curl_slist *headers;
    char *trusted_by;        /* how the open connections were verified; others are closed before the next request */
    bool busy;
    bool connected;          /* an earlier request left a connection, as far as is known */
    bool connecting;         /* counted in the client */
    bool queued;
    struct http_peer *before, *after; /* in the queue */
    http_done_fn *done;
    void *ctx;
    struct buf answer;
    size_t header_bytes;
    char error[CURL_ERROR_SIZE];
};

/* ---- the client ---- */

struct http_client *http_client_new(size_t peers_max, struct err *e)
{
    static bool initialised;
    if (!initialised && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(e, ERR_INTERNAL, "the HTTPS library does not start");
        return NULL;
    }
    initialised = true;
    struct http_client *c = mem_zalloc(sizeof *c);
    c->multi = curl_multi_init();
    if (!c->multi) {
        err_set(e, ERR_INTERNAL, "the HTTPS library gives no handle");
        mem_free(c);
        return NULL;
    }
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)(peers_max ? peers_max : 1));
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    c->wait = http_wait_new(c->multi, e);
    if (!c->wait) {
        http_client_free(c);
        return NULL;
    }
    return c;
}

void http_client_free(struct http_client *c)
{
    if (!c)
        return;
    curl_multi_cleanup(c->multi);
    http_wait_free(c->wait);
    mem_free(c);
}

/* ---- a peer and its connections ---- */

static void connections_open(struct http_peer *p)
{
    p->connection = curl_share_init();
    if (p->connection)
        curl_share_setopt(p->connection, CURLSHOPT_SHARE, CURL_LOCK_DATA_CONNECT);
    curl_easy_setopt(p->easy, CURLOPT_SHARE, p->connection);
}

static void connections_close(struct http_peer *p)
{
    curl_easy_setopt(p->easy, CURLOPT_SHARE, NULL);
    curl_share_cleanup(p->connection);
    p->connection = NULL;
}

struct http_peer *http_peer_new(struct http_client *c)
{
    struct http_peer *p = mem_zalloc(sizeof *p);
    p->client = c;
    c->peers++;
    return p;
}

static void queue_leave(struct http_peer *p)
{
    struct http_client *c = p->client;
    *(p->before ? &p->before->after : &c->first_queued) = p->after;
    *(p->after ? &p->after->before : &c->last_queued) = p->before;
    p->before = p->after = NULL;
    p->queued = false;
}

static void queue_join(struct http_peer *p)
{
    struct http_client *c = p->client;
    p->before = c->last_queued;
    *(p->before ? &p->before->after : &c->first_queued) = p;
    c->last_queued = p;
    p->queued = true;
}

static void connecting_ends(struct http_peer *p)
{
    p->client->connecting -= p->connecting;
    p->connecting = false;
}

/* Gives the request to curl, or queues it. */
static void request_go(struct http_peer *p)
{
    struct http_client *c = p->client;
    if (!p->connected && c->connecting >= CONNECTING_MAX) {
        queue_join(p);
        return;
    }
    p->connecting = !p->connected;
    c->connecting += p->connecting;
    curl_multi_add_handle(c->multi, p->easy);
}

static void queue_advance(struct http_client *c)
{
    while (c->first_queued && c->connecting < CONNECTING_MAX) {
        struct http_peer *p = c->first_queued;
        queue_leave(p);
        request_go(p);
    }
}

static void request_end(struct http_peer *p)
{
    if (!p->busy)
        return;
    p->busy = false;
    if (p->queued)
        queue_leave(p);
    else
        curl_multi_remove_handle(p->client->multi, p->easy);
    connecting_ends(p);
    curl_slist_free_all(p->headers);
    p->headers = NULL;
}

void http_peer_free(struct http_peer *p)
{
    if (!p)
        return;
    request_end(p);
    if (p->easy) {
        connections_close(p);
        curl_easy_cleanup(p->easy);
    }
    buf_free(&p->answer);
    mem_free(p->trusted_by);
    p->client->peers--;
    mem_free(p);
}

bool http_peer_busy(const struct http_peer *p)
{
    return p->busy;
}

void http_peer_abort(struct http_peer *p)
{
    p->connected = false; /* curl closes the connection of a handle that is taken away in mid-request */
    request_end(p);
}

/* ---- one request ---- */

static size_t on_body(char *data, size_t size, size_t count, void *ctx)
{
    struct http_peer *p = ctx;
    return buf_append(&p->answer, data, size * count) ? size * count : 0; /* 0: curl gives up */
}

static size_t on_header(char *data, size_t size, size_t count, void *ctx)
{
    (void)data;
    struct http_peer *p = ctx;
    p->header_bytes += size * count;
    return p->header_bytes <= HEADERS_MAX_BYTES ? size * count : 0;
}

/* Called when the connection stands, before the request is sent. */
static int on_connected(void *ctx, char *from, char *to, int from_port, int to_port)
{
    (void)from, (void)to, (void)from_port, (void)to_port;
    connecting_ends(ctx);
    return CURL_PREREQFUNC_OK;
}

static void put_header(struct http_peer *p, const char *line)
{
    struct curl_slist *longer = curl_slist_append(p->headers, line);
    if (longer)
        p->headers = longer;
}

static void set_headers(struct http_peer *p, const struct http_call *call, bool has_body)
{
    struct buf line;
    buf_init(&line, 8192);
    put_header(p, "Expect:"); /* curl would wait for a 100 before a longer body */
    if (call->bearer) {
        buf_printf(&line, "Authorization: Bearer %s", call->bearer);
        put_header(p, buf_text(&line));
    }
    buf_clear(&line);
    buf_printf(&line, "Content-Type: %s", call->content_type ? call->content_type : "application/json");
    if (has_body)
        put_header(p, buf_text(&line));
    for (const char *const *h = call->headers; h && *h; h++)
        put_header(p, *h);
    buf_free(&line);
    curl_easy_setopt(p->easy, CURLOPT_HTTPHEADER, p->headers);
}

static void set_method(CURL *easy, const struct http_call *call, bool has_body)
{
    if (has_body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body.n);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body.n ? call->body.p : "");
    }
    if (strcmp(call->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    else if (strcmp(call->method, has_body ? "POST" : "GET") != 0)
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
}

static bool pins_join(const struct http_call *call, struct buf *out)
{
    for (size_t i = 0; i < call->pin_count; i++) {
        /* Anything else curl would take for the name of a file. */
        if (strncmp(call->pins[i], "sha256//", 8) != 0 || strchr(call->pins[i], ';'))
            return false;
        buf_printf(out, "%s%s", i ? ";" : "", call->pins[i]);
    }
    return call->pin_count > 0 && !out->full;
}

static void set_trust(CURL *easy, const struct http_call *call, const char *pins)
{
    bool verify = call->trust == HTTP_TRUST_CA;
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    if (verify && call->ca_pem) {
        struct curl_blob blob = {(void *)(uintptr_t)call->ca_pem, strlen(call->ca_pem), CURL_BLOB_COPY};
        curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &blob);
    }
    if (call->trust == HTTP_TRUST_PINS)
        curl_easy_setopt(easy, CURLOPT_PINNEDPUBLICKEY, pins);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    /* A resumed session is not verified anew: what one kind of trust let in would pass under another. */
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    /* A private CA has no revocation list that can be reached; Schannel alone looks for one. */
    curl_easy_setopt(easy, CURLOPT_SSL_OPTIONS, (long)CURLSSLOPT_REVOKE_BEST_EFFORT);
}

static void set_proxy(CURL *easy, const char *proxy)
{
    if (!proxy || strcmp(proxy, "none") == 0)
        curl_easy_setopt(easy, CURLOPT_PROXY, ""); /* "" also switches the environment off */
    else if (strcmp(proxy, "system") != 0)
        curl_easy_setopt(easy, CURLOPT_PROXY, proxy);
    if (!proxy || strcmp(proxy, "system") != 0)
        curl_easy_setopt(easy, CURLOPT_NOPROXY, "");
}

static void set_limits(CURL *easy, const struct http_call *call)
{
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 1000L * call->limit_s);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     1000L * (call->connect_limit_s ? call->connect_limit_s : CONNECT_LIMIT_S));
    curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)call->answer_max_bytes);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)READ_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "fleetmend/" FLEETMEND_VERSION);
}

static void set_callbacks(struct http_peer *p)
{
    curl_easy_setopt(p->easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(p->easy, CURLOPT_WRITEDATA, p);
    curl_easy_setopt(p->easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(p->easy, CURLOPT_HEADERDATA, p);
    curl_easy_setopt(p->easy, CURLOPT_PREREQFUNCTION, on_connected);
    curl_easy_setopt(p->easy, CURLOPT_PREREQDATA, p);
    curl_easy_setopt(p->easy, CURLOPT_ERRORBUFFER, p->error);
    curl_easy_setopt(p->easy, CURLOPT_PRIVATE, p);
}

/* curl compares TLS settings before it uses a connection again; whoever trusts should not have to rely on that. */
static void keep_connections_of_same_trust(struct http_peer *p, const struct http_call *call, const char *pins)
{
    struct buf now;
    buf_init(&now, 1 << 20);
    buf_printf(&now, "%d\n%s\n%s", (int)call->trust, call->trust == HTTP_TRUST_PINS ? pins : "",
               call->trust == HTTP_TRUST_CA && call->ca_pem ? call->ca_pem : "");
    if (p->trusted_by && strcmp(p->trusted_by, buf_text(&now)) != 0) {
        connections_close(p);
        connections_open(p);
        p->connected = false;
    }
    mem_free(p->trusted_by);
    p->trusted_by = buf_take(&now);
    buf_free(&now);
}

static bool peer_prepare(struct http_peer *p)
{
    if (p->easy)
        return true;
    p->easy = curl_easy_init();
    if (p->easy)
        connections_open(p);
    return p->easy != NULL;
}

static void request_set(struct http_peer *p, const struct http_call *call, const char *pins)
{
    bool has_body = call->body.n > 0 || strcmp(call->method, "POST") == 0;
    curl_easy_reset(p->easy); /* keeps connections */
    curl_easy_setopt(p->easy, CURLOPT_URL, call->url);
    set_limits(p->easy, call);
    set_trust(p->easy, call, pins);
    set_proxy(p->easy, call->proxy);
    set_method(p->easy, call, has_body);
    set_headers(p, call, has_body);
    set_callbacks(p);
}

void http_peer_start(struct http_peer *p, const struct http_call *call, http_done_fn *done, void *ctx)
{
    if (p->busy || !peer_prepare(p)) {
        log_error("http.start url=%s error=\"%s\"", call->url, p->busy ? "a request is under way" : "no handle");
        abort();
    }
    struct buf pins;
    buf_init(&pins, 2048);
    bool pins_ok = call->trust != HTTP_TRUST_PINS || pins_join(call, &pins);
    keep_connections_of_same_trust(p, call, buf_text(&pins));
    /* A pin that can't be one matches no key: the request goes out and fails as any wrong pin does. */
    request_set(p, call, pins_ok ? buf_text(&pins) : "sha256//");
    buf_free(&pins);

    buf_free(&p->answer);
    buf_init(&p->answer, call->answer_max_bytes);
    p->header_bytes = 0;
    p->error[0] = '\0';
    p->done = done;
    p->ctx = ctx;
    p->busy = true;
    request_go(p);
}

/* ---- answers ---- */

static void say_why(const struct http_peer *p, CURLcode code, struct http_answer *a)
{
    const char *text = p->error[0] ? p->error : curl_easy_strerror(code);
    if (p->answer.full || code == CURLE_FILESIZE_EXCEEDED)
        text = "the answer is longer than allowed";
    else if (p->header_bytes > HEADERS_MAX_BYTES)
        text = "the answer's headers are longer than allowed";
    snprintf(a->error, sizeof a->error, "%s", text);
}

static void read_answer(struct http_peer *p, CURLcode code, struct http_answer *a)
{
    long verify = 0, status = 0;
    curl_off_t retry_after_s = 0;
    char *type = NULL;
    curl_easy_getinfo(p->easy, CURLINFO_SSL_VERIFYRESULT, &verify);
    curl_easy_getinfo(p->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(p->easy, CURLINFO_RETRY_AFTER, &retry_after_s);
    curl_easy_getinfo(p->easy, CURLINFO_CONTENT_TYPE, &type);
    a->failure = http_result_failure(code, verify, p->error);
    a->status = (int)status;
    a->retry_after_s = (int)(retry_after_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : retry_after_s);
    snprintf(a->content_type, sizeof a->content_type, "%s", type ? type : "");
    if (a->failure != HTTP_ANSWERED)
        say_why(p, code, a);
}

static void answer_hand_on(struct http_peer *p, CURLcode code)
{
    struct http_answer a = {0};
    read_answer(p, code, &a);
    p->connected = a.failure == HTTP_ANSWERED;
    request_end(p);
    /* The callback may start the next request, or free the peer: the body is not the peer's any more. */
    struct buf body = p->answer;
    buf_init(&p->answer, 0);
    if (a.failure == HTTP_ANSWERED)
        a.body = buf_slice(&body);
    p->done(p->ctx, &a);
    buf_free(&body);
}

void http_client_step(struct http_client *c, int wait_ms)
{
    queue_advance(c);
    http_wait_step(c->wait, wait_ms);
    int left = 0;
    for (CURLMsg *m; (m = curl_multi_info_read(c->multi, &left));) {
        if (m->msg != CURLMSG_DONE)
            continue;
        char *peer = NULL;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &peer);
        answer_hand_on((struct http_peer *)(void *)peer, code);
    }
}

void http_client_wake(struct http_client *c)
{
    http_wait_wake(c->wait);
}

/* ---- for tools ---- */

struct waiting {
    bool done;
    int status;
    struct buf *out;
    struct err *e;
    bool ok;
};

static void on_waited(void *ctx, const struct http_answer *a)
{
    struct waiting *w = ctx;
    w->done = true;
    w->status = a->status;
    if (a->failure == HTTP_ANSWERED)
        w->ok = buf_append_slice(w->out, a->body) || err_set(w->e, ERR_LIMIT, "the answer is longer than allowed");
    else
        err_set(w->e, a->failure == HTTP_UNREACHABLE ? ERR_UNREACHABLE : ERR_TLS, "%s", a->error);
}

bool http_call_wait(struct http_client *c, struct http_peer *p, const struct http_call *call, int *status,
                    struct buf *out, struct err *e)
{
    struct waiting w = {.out = out, .e = e};
    http_peer_start(p, call, on_waited, &w);
    while (!w.done)
        http_client_step(c, STEP_MS);
    *status = w.status;
    return w.ok || err_wrap(e, "%s", call->url);
}
