/* DIR/control.sock: how commands on the host reach the one process that writes the database. One JSON object
 * a line, one connection at a time. Only root and the server's own user may speak: the kernel says who the
 * peer is. */
#include "program.h"

#include "log.h"
#include "mem.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { REQUEST_MAX = 8192, ANSWER_MAX = 64 * 1024, READ_LIMIT_MS = 5000 };

struct control {
    pthread_t thread;
    int fd, stop[2];
    struct fleet *fleet;
    char path[DATA_PATH_MAX];
};

/* One request on its way through the writer. */
struct order_work {
    struct work work;
    struct fleet *fleet;
    const struct json *request;
    struct buf out;
    bool finished, ok;
    struct err error;
    pthread_mutex_t lock; /* guards finished */
    pthread_cond_t ready;
};

static struct order_work *order_of(struct work *w)
{
    return (struct order_work *)((char *)w - offsetof(struct order_work, work));
}

static bool run(struct work *w, struct store *s, struct err *e)
{
    struct order_work *o = order_of(w);
    buf_clear(&o->out);
    return control_run(o->fleet, s, o->request, &o->out, e);
}

static void done(struct work *w, bool ok, const struct err *e)
{
    struct order_work *o = order_of(w);
    pthread_mutex_lock(&o->lock);
    o->ok = ok;
    if (!ok)
        o->error = *e;
    o->finished = true;
    pthread_cond_signal(&o->ready);
    pthread_mutex_unlock(&o->lock);
}

static bool through_writer(struct fleet *f, const struct json *request, struct buf *out, struct err *e)
{
    struct order_work o = {.work = {.run = run, .done = done}, .fleet = f, .request = request};
    buf_init(&o.out, ANSWER_MAX);
    pthread_mutex_init(&o.lock, NULL);
    pthread_cond_init(&o.ready, NULL);
    bool ok = writer_submit(f->writer, &o.work) || err_set(e, ERR_UNAVAILABLE, "the server is busy");
    if (ok) {
        pthread_mutex_lock(&o.lock);
        while (!o.finished)
            pthread_cond_wait(&o.ready, &o.lock);
        pthread_mutex_unlock(&o.lock);
        ok = o.ok || err_set(e, o.error.kind, "%s", o.error.text);
    }
    if (ok)
        buf_append_slice(out, buf_slice(&o.out));
    buf_free(&o.out);
    pthread_mutex_destroy(&o.lock);
    pthread_cond_destroy(&o.ready);
    return ok;
}

static bool peer_allowed(int fd)
{
    struct ucred peer;
    socklen_t n = sizeof peer;
    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == 0 &&
           (peer.uid == 0 || peer.uid == geteuid());
}

static bool read_line(int fd, struct buf *line)
{
    char chunk[1024];
    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n = poll(&p, 1, READ_LIMIT_MS) == 1 ? read(fd, chunk, sizeof chunk) : -1;
        if (n <= 0)
            return false;
        if (!buf_append(line, chunk, (size_t)n))
            return false;
        if (memchr(chunk, '\n', (size_t)n))
            return true;
    }
}

static void answer_peer(struct control *c, int fd)
{
    struct buf line, out;
    struct err e = {0};
    buf_init(&line, REQUEST_MAX);
    buf_init(&out, ANSWER_MAX);
    struct json *request = NULL;
    bool ok = peer_allowed(fd) || err_set(&e, ERR_DENIED, "only root and the server's own user may do this");
    ok = ok && (read_line(fd, &line) || err_set(&e, ERR_INVALID, "no request")) &&
         (request = json_parse(buf_slice(&line), &e)) && through_writer(c->fleet, request, &out, &e);
    if (!ok) {
        struct json_writer w = {.out = &out};
        buf_clear(&out);
        json_begin(&w, '{');
        json_member_string(&w, "error", e.text);
        json_member_string(&w, "kind", err_kind_name(e.kind));
        json_end(&w, '}');
    }
    buf_putc(&out, '\n');
    if (send(fd, buf_text(&out), out.n, MSG_NOSIGNAL) < 0)
        log_warn("control.unsent error=%s", strerror(errno));
    json_free(request);
    buf_free(&line);
    buf_free(&out);
}

static void *control_main(void *ctx)
{
    struct control *c = ctx;
    for (;;) {
        struct pollfd p[] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->stop[0], .events = POLLIN}};
        if (poll(p, 2, -1) < 0 && errno != EINTR)
            break;
        if (p[1].revents)
            break;
        int fd = p[0].revents ? accept4(c->fd, NULL, NULL, SOCK_CLOEXEC) : -1;
        if (fd >= 0) {
            answer_peer(c, fd);
            close(fd);
        }
    }
    return NULL;
}

struct control *control_start(const char *dir, struct fleet *f, struct err *e)
{
    struct control *c = mem_zalloc(sizeof *c);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    c->fleet = f;
    snprintf(c->path, sizeof c->path, "%s/control.sock", dir);
    if (strlen(c->path) >= sizeof address.sun_path) {
        mem_free(c);
        err_set(e, ERR_INVALID, "%s: too long for a socket's name; use a shorter --data path", dir);
        return NULL;
    }
    memcpy(address.sun_path, c->path, strlen(c->path) + 1);
    unlink(c->path); /* left by a crash; the lock says that no other server lives here */
    c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    mode_t old = umask(0077);
    bool ok = c->fd >= 0 && bind(c->fd, (struct sockaddr *)&address, sizeof address) == 0 &&
              listen(c->fd, 8) == 0 && pipe(c->stop) == 0;
    umask(old);
    if (ok && pthread_create(&c->thread, NULL, control_main, c) == 0)
        return c;
    err_set(e, ERR_IO, "%s: %s", c->path, strerror(errno));
    mem_free(c);
    return NULL;
}

void control_stop(struct control *c)
{
    if (!c)
        return;
    if (write(c->stop[1], "", 1) == 1)
        pthread_join(c->thread, NULL);
    close(c->fd);
    close(c->stop[0]);
    close(c->stop[1]);
    unlink(c->path);
    mem_free(c);
}
