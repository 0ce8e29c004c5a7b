#include "tls_server.h"

#include "mem.h"
#include "text.h"

#include <arpa/inet.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 4096, HEAD_MAX = 16 * 1024, BODY_MAX = 1 << 20 };

#define YEAR_S INT64_C(31536000)

struct tls_authority {
    EVP_PKEY *key;
    X509 *cert;
    char *pem;
};

struct tls_identity {
    EVP_PKEY *key;
    X509 *cert;
    char pin[80];
};

struct connection {
    struct tls_server *server;
    int fd;
    pthread_t thread;
};

struct tls_server {
    SSL_CTX *tls;
    int fd, port;
    tls_handler_fn *handler;
    void *ctx;
    pthread_t thread;
    atomic_bool ends;
    atomic_int accepted, hanging;
    struct connection *connections[CONNECTIONS_MAX];
};

static void need(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "tls_server: %s\n", what);
    abort();
}

/* ---- certificates ---- */

static void add_extension(X509 *cert, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    need(x && X509_add_ext(cert, x, -1), "extension");
    X509_EXTENSION_free(x);
}

static X509 *certificate_new(EVP_PKEY *key, const char *name, int64_t from_s, int64_t to_s)
{
    static int serial;
    X509 *c = X509_new();
    need(c, "certificate");
    X509_set_version(c, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
    need(ASN1_TIME_set(X509_getm_notBefore(c), (time_t)from_s) && ASN1_TIME_set(X509_getm_notAfter(c), (time_t)to_s),
         "dates");
    X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_pubkey(c, key);
    return c;
}

struct tls_authority *tls_authority_new(const char *name)
{
    struct tls_authority *a = mem_zalloc(sizeof *a);
    BIO *out = BIO_new(BIO_s_mem());
    char *p;
    a->key = EVP_EC_gen("P-256");
    a->cert = certificate_new(a->key, name, 0, 200 * YEAR_S);
    X509_set_issuer_name(a->cert, X509_get_subject_name(a->cert));
    add_extension(a->cert, NID_basic_constraints, "critical,CA:TRUE");
    add_extension(a->cert, NID_key_usage, "critical,keyCertSign");
    need(X509_sign(a->cert, a->key, EVP_sha256()) && PEM_write_bio_X509(out, a->cert), "CA");
    long n = BIO_get_mem_data(out, &p);
    a->pem = mem_strndup(p, (size_t)n);
    BIO_free(out);
    return a;
}

void tls_authority_free(struct tls_authority *a)
{
    EVP_PKEY_free(a->key);
    X509_free(a->cert);
    mem_free(a->pem);
    mem_free(a);
}

const char *tls_authority_pem(const struct tls_authority *a)
{
    return a->pem;
}

static void pin_of(X509 *cert, char out[80])
{
    unsigned char *der = NULL, digest[32];
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    struct buf text;
    buf_init(&text, 100);
    need(n > 0 && EVP_Digest(der, (size_t)n, digest, NULL, EVP_sha256(), NULL), "pin");
    base64_encode(slice_make(digest, sizeof digest), &text);
    snprintf(out, 80, "sha256//%s", buf_text(&text));
    buf_free(&text);
    OPENSSL_free(der);
}

struct tls_identity *tls_identity_new(const struct tls_authority *a, const char *host, int64_t from_s, int64_t to_s)
{
    struct tls_identity *i = mem_zalloc(sizeof *i);
    char names[300];
    i->key = EVP_EC_gen("P-256");
    i->cert = certificate_new(i->key, host, from_s, to_s);
    X509_set_issuer_name(i->cert, X509_get_subject_name(a->cert));
    snprintf(names, sizeof names, "DNS:%s", host);
    add_extension(i->cert, NID_subject_alt_name, names);
    need(X509_sign(i->cert, a->key, EVP_sha256()), "signature");
    pin_of(i->cert, i->pin);
    return i;
}

void tls_identity_free(struct tls_identity *i)
{
    EVP_PKEY_free(i->key);
    X509_free(i->cert);
    mem_free(i);
}

const char *tls_identity_pin(const struct tls_identity *i)
{
    return i->pin;
}

/* ---- one connection ---- */

/* Reads head and body; false when the client is gone. */
static bool read_request(SSL *ssl, struct buf *in, struct tls_request *r)
{
    char part[4096], *end;
    buf_clear(in);
    while (!in->n || !(end = strstr(in->p, "\r\n\r\n"))) {
        int n = SSL_read(ssl, part, sizeof part);
        if (n <= 0 || !buf_append(in, part, (size_t)n))
            return false;
    }
    size_t head = (size_t)(end - in->p) + 4, length = 0;
    const char *field = strcasestr(in->p, "\r\nContent-Length:");
    if (field && field < end)
        length = strtoul(field + 17, NULL, 10);
    while (in->n < head + length) {
        int n = SSL_read(ssl, part, sizeof part);
        if (n <= 0 || !buf_append(in, part, (size_t)n))
            return false;
    }
    r->head = in->p;
    r->body = slice_make(in->p + head, length);
    return sscanf(in->p, "%9s %299s", r->method, r->path) == 2;
}

static void hang(struct connection *c)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    atomic_fetch_add(&c->server->hanging, 1);
    while (!atomic_load(&c->server->ends) && poll(&p, 1, 20) == 0)
        ;
    atomic_fetch_sub(&c->server->hanging, 1);
}

static bool write_all(SSL *ssl, const char *p, size_t n)
{
    return n == 0 || SSL_write(ssl, p, (int)n) == (int)n;
}

static bool write_endless(SSL *ssl)
{
    static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char chunk[] = "10\r\n0123456789abcdef\r\n";
    bool ok = write_all(ssl, head, sizeof head - 1);
    for (int i = 0; ok && i < 1000000; i++)
        ok = write_all(ssl, chunk, sizeof chunk - 1);
    return false;
}

static bool write_response(SSL *ssl, const struct tls_response *r)
{
    char head[600];
    if (r->endless)
        return write_endless(ssl);
    int n = snprintf(head, sizeof head, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n%s\r\n", r->status, r->body.n, r->headers);
    if (!write_all(ssl, head, (size_t)n))
        return false;
    if (r->cut) {
        write_all(ssl, r->body.p, r->body.n / 2);
        return false;
    }
    return write_all(ssl, r->body.p, r->body.n);
}

static bool serve_one(struct connection *c, SSL *ssl, struct buf *in)
{
    struct tls_request request = {0};
    struct tls_response response = {.status = 200};
    if (!read_request(ssl, in, &request))
        return false;
    buf_init(&response.body, BODY_MAX);
    c->server->handler(c->server->ctx, &request, &response);
    bool ok = true;
    if (response.hang) {
        hang(c);
        ok = false;
    } else {
        ok = write_response(ssl, &response);
    }
    buf_free(&response.body);
    return ok;
}

static void *connection_main(void *ctx)
{
    struct connection *c = ctx;
    SSL *ssl = SSL_new(c->server->tls);
    struct buf in;
    buf_init(&in, HEAD_MAX + BODY_MAX);
    SSL_set_fd(ssl, c->fd);
    if (SSL_accept(ssl) == 1)
        while (serve_one(c, ssl, &in))
            ;
    buf_free(&in);
    SSL_free(ssl);
    shutdown(c->fd, SHUT_RDWR);
    return NULL;
}

/* ---- the server ---- */

static void *server_main(void *ctx)
{
    struct tls_server *s = ctx;
    for (int fd; (fd = accept(s->fd, NULL, NULL)) >= 0;) {
        int n = atomic_load(&s->accepted);
        need(n < CONNECTIONS_MAX, "too many connections");
        struct connection *c = mem_zalloc(sizeof *c);
        *c = (struct connection){.server = s, .fd = fd};
        need(pthread_create(&c->thread, NULL, connection_main, c) == 0, "thread");
        s->connections[n] = c;
        atomic_store(&s->accepted, n + 1);
    }
    return NULL;
}

struct tls_server *tls_server_new(const struct tls_identity *i, tls_handler_fn *handler, void *ctx)
{
    struct tls_server *s = mem_zalloc(sizeof *s);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof at;
    s->handler = handler;
    s->ctx = ctx;
    s->tls = SSL_CTX_new(TLS_server_method());
    need(SSL_CTX_use_certificate(s->tls, i->cert) && SSL_CTX_use_PrivateKey(s->tls, i->key), "identity");
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    need(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(s->fd, 1024) == 0 &&
             getsockname(s->fd, (struct sockaddr *)&at, &n) == 0,
         "listen");
    s->port = ntohs(at.sin_port);
    need(pthread_create(&s->thread, NULL, server_main, s) == 0, "thread");
    return s;
}

void tls_server_free(struct tls_server *s)
{
    atomic_store(&s->ends, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    for (int i = 0; i < atomic_load(&s->accepted); i++) {
        shutdown(s->connections[i]->fd, SHUT_RDWR);
        pthread_join(s->connections[i]->thread, NULL);
        close(s->connections[i]->fd);
        mem_free(s->connections[i]);
    }
    close(s->fd);
    SSL_CTX_free(s->tls);
    mem_free(s);
}

int tls_server_port(const struct tls_server *s)
{
    return s->port;
}

int tls_server_connections(struct tls_server *s)
{
    return atomic_load(&s->accepted);
}

bool tls_server_wait_hanging(struct tls_server *s, int count, int limit_ms)
{
    for (int waited = 0; waited < limit_ms; waited += 5) {
        if (atomic_load(&s->hanging) >= count)
            return true;
        poll(NULL, 0, 5);
    }
    return false;
}
