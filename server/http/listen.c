#include "listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BACKLOG = 4096 };

static bool split(const char *text, char host[128], const char **port)
{
    const char *colon = text ? strrchr(text, ':') : NULL;
    if (!colon || colon == text)
        return false;
    const char *start = text;
    size_t n = (size_t)(colon - text);
    if (*start == '[') {
        if (start[n - 1] != ']' || n < 3)
            return false;
        start++;
        n -= 2;
    } else if (memchr(start, ':', n)) {
        return false; /* IPv6 without brackets: which colon is the port's? */
    }
    if (n >= 128)
        return false;
    memcpy(host, start, n);
    host[n] = '\0';
    *port = colon + 1;
    size_t digits = strspn(*port, "0123456789");
    return digits > 0 && digits <= 5 && !(*port)[digits] && strtol(*port, NULL, 10) <= 65535;
}

bool listen_parse(const char *text, struct listen_address *out, struct err *e)
{
    char host[128];
    const char *port;
    if (!split(text, host, &port))
        goto invalid;
    /* localhost may have two addresses; the IPv4 one is what every client tries. */
    bool local = strcmp(host, "localhost") == 0;
    struct addrinfo hints = {.ai_family = local ? AF_INET : AF_UNSPEC,
                             .ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_PASSIVE | AI_NUMERICSERV | (local ? 0 : AI_NUMERICHOST)};
    struct addrinfo *found = NULL;
    if (getaddrinfo(host, port, &hints, &found) != 0 || !found)
        goto invalid;
    *out = (struct listen_address){.size = found->ai_addrlen};
    memcpy(&out->addr, found->ai_addr, found->ai_addrlen);
    freeaddrinfo(found);
    return true;
invalid:
    return err_set(
        e, ERR_INVALID,
        "listen address \"%s\": HOST:PORT expected, where HOST is a numeric address (IPv6 in brackets) or "
        "localhost, and PORT is 0 to 65535",
        text ? text : "");
}

int listen_port(const struct listen_address *a)
{
    if (a->addr.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&a->addr)->sin6_port);
    return ntohs(((const struct sockaddr_in *)&a->addr)->sin_port);
}

static bool set_option(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

static int open_one(const struct listen_address *a, bool share)
{
    int fd = socket(a->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    /* TCP_NODELAY is inherited by accepted connections. Without it an answer, which goes out as two TLS
     * records, stalls for 40 ms between them. */
    bool ok = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1) && set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1) &&
              (a->addr.ss_family != AF_INET6 || set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0)) &&
              (!share || set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1)) &&
              bind(fd, (const struct sockaddr *)&a->addr, a->size) == 0 && listen(fd, BACKLOG) == 0;
    if (ok)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

bool listen_open(struct listen_address *a, const char *text, int count, int *fds, struct err *e)
{
    int opened = 0;
    for (; opened < count; opened++) {
        fds[opened] = open_one(a, opened > 0);
        if (fds[opened] < 0)
            goto fail;
        if (opened > 0)
            continue;
        /* SO_REUSEPORT from the start would let a second server of the same user share the port unseen. So
         * the first socket takes the port alone and listens; only then it agrees to share with the sockets of
         * this server. */
        socklen_t size = sizeof a->addr;
        if (getsockname(fds[0], (struct sockaddr *)&a->addr, &size) != 0 ||
            (count > 1 && !set_option(fds[0], SOL_SOCKET, SO_REUSEPORT, 1))) {
            opened++;
            goto fail;
        }
    }
    return true;
fail:;
    int saved = errno;
    while (opened-- > 0)
        close(fds[opened]);
    if (saved == EADDRINUSE)
        return err_set(e, ERR_CONFLICT, "listen on %s: the port is in use by another program", text);
    return err_set(e, ERR_IO, "listen on %s: %s", text, strerror(saved));
}
