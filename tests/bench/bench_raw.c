/* The least that answers a report after its COMMIT: epoll, OpenSSL and one SQLite table, on one thread. What
 * comes in in one round of events is one transaction. It checks nothing and knows nobody; it is a floor, not
 * a server.
 *
 *   bench_raw PORT CERT KEY DATABASE      prints `ready` */
#include "buf.h"
#include "mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, REQUEST_MAX = 64 * 1024, READ_BYTES = 4096 };

struct peer {
    int fd;
    SSL *ssl;
    struct buf in;
    struct slice body; /* of the request to be answered */
    struct peer *next; /* in this round */
};

static const char answer[] =
    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}";

static sqlite3 *db;
static sqlite3_stmt *insert;
static volatile sig_atomic_t stop;

static void die(const char *what)
{
    fprintf(stderr, "bench_raw: %s\n", what);
    exit(1);
}

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

static void sql(const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static void open_database(const char *path)
{
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(path);
    sql("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
        "CREATE TABLE reports (id INTEGER PRIMARY KEY, report TEXT)");
    if (sqlite3_prepare_v2(db, "INSERT INTO reports (report) VALUES (?)", -1, &insert, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static void drop(struct peer *p)
{
    SSL_free(p->ssl);
    close(p->fd);
    buf_free(&p->in);
    mem_free(p);
}

static void admit(int epoll, int listener, SSL_CTX *tls)
{
    int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct peer *p = mem_zalloc(sizeof *p);
    p->fd = fd;
    p->ssl = SSL_new(tls);
    buf_init(&p->in, REQUEST_MAX);
    SSL_set_fd(p->ssl, fd);
    SSL_set_accept_state(p->ssl);
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN, .data.ptr = p});
}

static bool request_is_whole(struct peer *p)
{
    const char *end = p->in.n ? memmem(p->in.p, p->in.n, "\r\n\r\n", 4) : NULL;
    const char *length = end ? memmem(p->in.p, p->in.n, "Content-Length: ", 16) : NULL;
    if (!end)
        return false;
    p->body = slice_make(end + 4, length ? (size_t)strtoull(length + 16, NULL, 10) : 0);
    return (size_t)(end + 4 - p->in.p) + p->body.n <= p->in.n;
}

/* True when a request waits for its answer. */
static bool read_peer(struct peer *p, bool *gone)
{
    char bytes[READ_BYTES];
    int n;
    ERR_clear_error();
    while ((n = SSL_read(p->ssl, bytes, sizeof bytes)) > 0)
        buf_append(&p->in, bytes, (size_t)n);
    *gone = SSL_get_error(p->ssl, n) != SSL_ERROR_WANT_READ;
    return !*gone && request_is_whole(p);
}

static void store_and_answer(struct peer *round)
{
    sql("BEGIN");
    for (struct peer *p = round; p; p = p->next) {
        sqlite3_bind_text(insert, 1, p->body.p, (int)p->body.n, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            die(sqlite3_errmsg(db));
        sqlite3_reset(insert);
    }
    sql("COMMIT");
    for (struct peer *p = round; p; p = p->next) {
        SSL_write(p->ssl, answer, (int)sizeof answer - 1); /* short: a fresh socket buffer takes it whole */
        buf_clear(&p->in);
    }
}

static void serve(int epoll, int listener, SSL_CTX *tls)
{
    struct epoll_event events[EVENTS];
    while (!stop) {
        int n = epoll_wait(epoll, events, EVENTS, 1000);
        struct peer *round = NULL;
        for (int i = 0; i < n; i++) {
            struct peer *p = events[i].data.ptr;
            bool gone = false;
            if (!p) {
                admit(epoll, listener, tls);
            } else if (read_peer(p, &gone)) {
                p->next = round;
                round = p;
            } else if (gone) {
                drop(p);
            }
        }
        if (round)
            store_and_answer(round);
    }
}

int main(int argc, char **argv)
{
    if (argc != 5)
        die("PORT CERT KEY DATABASE expected");
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    if (!tls || SSL_CTX_use_certificate_chain_file(tls, argv[2]) != 1 ||
        SSL_CTX_use_PrivateKey_file(tls, argv[3], SSL_FILETYPE_PEM) != 1)
        die("the certificate or its key can't be used");
    SSL_CTX_set_num_tickets(tls, 0);
    SSL_CTX_set_mode(tls, SSL_MODE_RELEASE_BUFFERS);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 || listen(listener, 1024) != 0)
        die(strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    signal(SIGTERM, on_signal);
    open_database(argv[4]);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &(struct epoll_event){.events = EPOLLIN, .data.ptr = NULL});
    puts("ready");
    fflush(stdout);
    serve(epoll, listener, tls);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    SSL_CTX_free(tls);
    return 0;
}
