/* A little HTTPS server for tests, with certificates made on the spot: one thread a connection, keep-alive. */
#ifndef FLEETMEND_TEST_TLS_SERVER_H
#define FLEETMEND_TEST_TLS_SERVER_H

#include "buf.h"

#include <stdint.h>

struct tls_authority; /* a CA */
struct tls_identity;  /* a server's key and certificate */

struct tls_authority *tls_authority_new(const char *name);
void tls_authority_free(struct tls_authority *);
const char *tls_authority_pem(const struct tls_authority *);

/* For DNS name `host`; valid from and to are seconds since 1970. */
struct tls_identity *tls_identity_new(const struct tls_authority *, const char *host, int64_t from_s, int64_t to_s);
void tls_identity_free(struct tls_identity *);
const char *tls_identity_pin(const struct tls_identity *); /* "sha256//BASE64" */

struct tls_request {
    char method[10], path[300];
    const char *head;      /* request line and headers */
    struct slice body;
};

struct tls_response {
    int status;
    char headers[300];     /* further ones, each ended by \r\n */
    struct buf body;
    bool hang;             /* no answer until the client or the server goes */
    bool cut;              /* half the body, then the connection ends */
    bool endless;          /* chunks without end */
};

/* Called on a thread of its own connection. */
typedef void tls_handler_fn(void *ctx, const struct tls_request *, struct tls_response *);

struct tls_server;

/* Listens on a free port of 127.0.0.1. */
struct tls_server *tls_server_new(const struct tls_identity *, tls_handler_fn *, void *ctx);
/* Ends and waits for all connections. */
void tls_server_free(struct tls_server *);
int tls_server_port(const struct tls_server *);
int tls_server_connections(struct tls_server *); /* accepted so far */
/* A hanging request is there (true), or the time ran out. */
bool tls_server_wait_hanging(struct tls_server *, int count, int limit_ms);

#endif
