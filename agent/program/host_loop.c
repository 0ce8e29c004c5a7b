#include "host_loop.h"

#include "log.h"
#include "mem.h"

#include <signal.h>

enum {
    WAIT_MAX_MS = 60 * 1000,
    WAIT_UNTIL_MS = 200,        /* somebody asks whether it is done: look often */
    STATUS_EVERY_MS = 60 * 1000,
    STATUS_MAX_BYTES = 64 * 1024,
};

struct host {
    const struct machine *machine;
    struct http_client *client;
    struct agent *agent;
    struct agent_link *link; /* NULL: offline */
    volatile sig_atomic_t stop, nudge;
    int64_t status_ticks_ms; /* next writing of status.json, */
    enum agent_phase phase;  /* or when the phase is no longer this */
};

struct host *host_open(const struct host_options *o, struct err *e)
{
    struct host *h = mem_zalloc(sizeof *h);
    struct agent_options agent = {.machine = o->machine,
                                  .config = o->config,
                                  .speed = o->speed ? o->speed : 1,
                                  .key_secret = o->key_secret};
    h->machine = o->machine;
    h->client = http_client_new(1, e);
    h->agent = h->client ? agent_open(&agent, e) : NULL;
    if (!h->agent) {
        host_close(h);
        return NULL;
    }
    struct agent_link_options link = {
        .agent = h->agent, .config = o->config, .clock = o->machine->clock, .client = h->client};
    h->link = o->offline ? NULL : agent_link_new(&link);
    return h;
}

void host_close(struct host *h)
{
    if (!h)
        return;
    agent_link_free(h->link);
    agent_close(h->agent);
    http_client_free(h->client);
    mem_free(h);
}

struct agent *host_agent(struct host *h)
{
    return h->agent;
}

const struct agent_link_counts *host_counts(const struct host *h)
{
    static const struct agent_link_counts none;
    return h->link ? agent_link_counts(h->link) : &none;
}

static int64_t step(struct host *h)
{
    if (h->nudge) {
        h->nudge = 0;
        agent_nudge(h->agent);
    }
    return h->link ? agent_link_step(h->link) : agent_work(h->agent);
}

static void status_write(struct host *h)
{
    int64_t now = clock_ticks_ms(h->machine->clock);
    if (now < h->status_ticks_ms && agent_phase(h->agent) == h->phase)
        return;
    h->status_ticks_ms = now + STATUS_EVERY_MS;
    h->phase = agent_phase(h->agent);
    struct buf status;
    struct err e = {0};
    buf_init(&status, STATUS_MAX_BYTES);
    agent_status(h->agent, &status);
    if (h->machine->ops->file_replace(h->machine->ctx, HOST_STATUS_FILE, buf_slice(&status), &e) != MACHINE_OK)
        log_warn("status.not_written error=\"%s\"", e.text);
    buf_free(&status);
}

static int wait_until(const struct host *h, int64_t due_ticks_ms, int most_ms)
{
    int64_t left = due_ticks_ms - clock_ticks_ms(h->machine->clock);
    if (left <= 0)
        return 0;
    return left < most_ms ? (int)left : most_ms;
}

enum host_end host_run(struct host *h, host_until_fn *until, void *ctx)
{
    enum host_end end = HOST_STOPPED;
    while (!h->stop) {
        int64_t due = step(h);
        if (until && until(ctx, h)) {
            end = HOST_UNTIL;
            break;
        }
        status_write(h);
        http_client_step(h->client, wait_until(h, due, until ? WAIT_UNTIL_MS : WAIT_MAX_MS));
    }
    h->stop = 0;
    h->status_ticks_ms = 0;
    status_write(h);
    return end;
}

void host_stop(struct host *h)
{
    h->stop = 1;
    http_client_wake(h->client);
}

void host_nudge(struct host *h)
{
    h->nudge = 1;
    http_client_wake(h->client);
}
