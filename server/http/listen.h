/* Addresses and listening sockets. */
#ifndef FLEETMEND_HTTP_LISTEN_H
#define FLEETMEND_HTTP_LISTEN_H

#include "err.h"

#include <sys/socket.h>

struct listen_address {
    struct sockaddr_storage addr;
    socklen_t size;
};

/* "HOST:PORT": a numeric address ("[::1]:8443", "0.0.0.0:8443") or localhost. ERR_INVALID says what is
 * expected. */
bool listen_parse(const char *text, struct listen_address *out, struct err *e);

/* Opens `count` listening sockets that share one port. The port is taken exclusively first, so a second
 * server on it fails. On success a->addr carries the port really bound. `text` is for the error. */
bool listen_open(struct listen_address *a, const char *text, int count, int *fds, struct err *e);

int listen_port(const struct listen_address *);

#endif
