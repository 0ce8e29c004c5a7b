/* A small blocking HTTPS client that sends exactly the bytes it is given, and a certificate to serve with. */
#ifndef FLEETMEND_TEST_RAW_CLIENT_H
#define FLEETMEND_TEST_RAW_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

struct client;

/* Writes DIR/cert.pem and DIR/key.pem: self-signed, P-256. */
bool make_certificate(const char *dir);

/* TCP and TLS. NULL when the server did not let us in. `port` negative: [::1] at -port. */
struct client *client_open(int port);
/* TCP only; returns the socket. Reads give up after 5 s. */
int tcp_open(int port);
void client_close(struct client *);
/* Ends the connection by a reset, as a crashed machine's would. */
void client_abort(struct client *);

bool client_send(struct client *, const char *p, size_t n);
bool client_puts(struct client *, const char *z);

struct answer {
    int status; /* 0: the server closed, or 5 s went by */
    char head[4096];
    char *body; /* NUL-terminated; free with answer_free() */
    size_t body_n;
};

/* Reads and throws away about n bytes; returns how many, 0 at the end. */
size_t client_read(struct client *, size_t n);

/* Reads one answer. */
struct answer client_answer(struct client *);
/* Sends and reads, on an open connection. */
struct answer client_ask(struct client *, const char *request);
/* One connection for one request. */
struct answer ask(int port, const char *request);
void answer_free(struct answer *);
/* Value of a header of the answer, "" when absent. Static memory. */
const char *answer_header(const struct answer *, const char *name);

/* True when the server closes within 5 s. Throws away what comes before. */
bool client_sees_end(struct client *);

#endif
