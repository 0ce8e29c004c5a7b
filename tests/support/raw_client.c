#include "raw_client.h"

#include "mem.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct client {
    int fd;
    SSL_CTX *tls;
    SSL *ssl;
    char held[4096]; /* read, but not of the last answer */
    size_t held_n;
};

static bool write_pem(const char *dir, const char *name, EVP_PKEY *key, X509 *cert)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    if (!f)
        return false;
    bool ok = cert ? PEM_write_X509(f, cert) : PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
    return fclose(f) == 0 && ok;
}

bool make_certificate(const char *dir)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
    X509_gmtime_adj(X509_getm_notBefore(cert), -60);
    X509_gmtime_adj(X509_getm_notAfter(cert), 86400);
    X509_set_pubkey(cert, key);
    X509_NAME *name = X509_get_subject_name(cert);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(cert, name);
    bool ok = X509_sign(cert, key, EVP_sha256()) > 0 && write_pem(dir, "cert.pem", NULL, cert) &&
              write_pem(dir, "key.pem", key, NULL);
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

int tcp_open(int port)
{
    struct sockaddr_in v4 = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct sockaddr_in6 v6 = {
        .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)-port), .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(port > 0 ? AF_INET : AF_INET6, SOCK_STREAM, 0), one = 1;
    struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    int r = port > 0 ? connect(fd, (struct sockaddr *)&v4, sizeof v4)
                     : connect(fd, (struct sockaddr *)&v6, sizeof v6);
    if (r == 0)
        return fd;
    close(fd);
    return -1;
}

struct client *client_open(int port)
{
    struct client *c = mem_zalloc(sizeof *c);
    c->fd = tcp_open(port);
    c->tls = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_options(c->tls, SSL_OP_IGNORE_UNEXPECTED_EOF);
    c->ssl = SSL_new(c->tls);
    SSL_set_fd(c->ssl, c->fd);
    if (c->fd >= 0 && SSL_connect(c->ssl) == 1)
        return c;
    client_close(c);
    return NULL;
}

void client_close(struct client *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    SSL_CTX_free(c->tls);
    if (c->fd >= 0)
        close(c->fd);
    mem_free(c);
}

void client_abort(struct client *c)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};
    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    client_close(c);
}

bool client_send(struct client *c, const char *p, size_t n)
{
    return SSL_write(c->ssl, p, (int)n) == (int)n;
}

bool client_puts(struct client *c, const char *z)
{
    return client_send(c, z, strlen(z));
}

static int read_some(struct client *c, char *out, size_t size)
{
    if (!c->held_n)
        return SSL_read(c->ssl, out, (int)size);
    size_t n = c->held_n < size ? c->held_n : size;
    memcpy(out, c->held, n);
    c->held_n -= n;
    memmove(c->held, c->held + n, c->held_n);
    return (int)n;
}

size_t client_read(struct client *c, size_t n)
{
    char bytes[16384];
    size_t have = 0;
    while (have < n) {
        int r = read_some(c, bytes, sizeof bytes);
        if (r <= 0)
            break;
        have += (size_t)r;
    }
    return have;
}

struct answer client_answer(struct client *c)
{
    struct answer a = {0};
    size_t n = 0;
    char *end = NULL;
    while (!end && n + 1 < sizeof a.head) {
        int r = read_some(c, a.head + n, sizeof a.head - 1 - n);
        if (r <= 0)
            return a;
        n += (size_t)r;
        a.head[n] = '\0';
        end = strstr(a.head, "\r\n\r\n");
    }
    if (!end)
        return a;
    size_t head_n = (size_t)(end + 4 - a.head), extra = n - head_n;
    memmove(c->held + extra, c->held, c->held_n); /* whatever is left of an earlier read comes later */
    memcpy(c->held, a.head + head_n, extra);
    c->held_n += extra;
    end[2] = '\0';
    a.status = (int)strtol(a.head + 9, NULL, 10);
    const char *length = answer_header(&a, "Content-Length");
    a.body_n = strtoul(length, NULL, 10);
    a.body = mem_zalloc(a.body_n + 1);
    for (size_t have = 0; have < a.body_n;) {
        int r = read_some(c, a.body + have, a.body_n - have);
        if (r <= 0) {
            a.status = 0;
            break;
        }
        have += (size_t)r;
    }
    return a;
}

struct answer client_ask(struct client *c, const char *request)
{
    if (!c)
        return (struct answer){0};
    client_puts(c, request);
    return client_answer(c);
}

struct answer ask(int port, const char *request)
{
    struct client *c = client_open(port);
    struct answer a = client_ask(c, request);
    client_close(c);
    return a;
}

void answer_free(struct answer *a)
{
    mem_free(a->body);
    a->body = NULL;
}

const char *answer_header(const struct answer *a, const char *name)
{
    static _Thread_local char value[512];
    size_t n = strlen(name);
    value[0] = '\0';
    for (const char *line = strstr(a->head, "\r\n"); line; line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, n) == 0 && at[n] == ':')
            snprintf(value, sizeof value, "%.*s", (int)strcspn(at + n + 2, "\r"), at + n + 2);
    }
    return value;
}

bool client_sees_end(struct client *c)
{
    char bytes[4096];
    struct timeval before, after;
    gettimeofday(&before, NULL);
    while (SSL_read(c->ssl, bytes, sizeof bytes) > 0)
        continue;
    gettimeofday(&after, NULL);
    return after.tv_sec - before.tv_sec < 4;
}
