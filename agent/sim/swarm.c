#include "swarm.h"

#include "agent_link.h"
#include "crypto.h"
#include "json.h"
#include "mem.h"
#include "runner.h"
#include "sim_random.h"
#include "swarm_count.h"
#include "swarm_heap.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    STARTS_A_SECOND = 200,   /* a fleet does not switch on in one moment; enrolling costs both sides some ms of CPU */
    DUE_A_STEP = 512,        /* then the network gets its turn */
    CRASH_MIN_MS = 200, CRASH_MAX_MS = 4000,
};

struct swarm_machine {
    struct swarm *swarm;
    size_t index;
    struct sim_machine *sim;
    struct agent *agent;
    struct agent_link *link;
    struct swarm_reported reported;
    struct agent_link_counts before; /* of links of agents that died */
    int64_t crash_ticks_ms;          /* 0: no job yet; -1: will not crash (any more) */
};

struct swarm {
    struct swarm_options o;
    struct http_client *client;
    struct swarm_machine *machines;
    struct swarm_heap heap;
    struct swarm_summary sum;        /* what is counted as it happens */
    size_t count;
    bool failed;                     /* a machine could not be opened; said once */
};

static int64_t now_ms(const struct swarm *s)
{
    return clock_ticks_ms(s->o.clock);
}

struct swarm *swarm_new(const struct swarm_options *o, struct err *e)
{
    struct swarm *s = mem_zalloc(sizeof *s);
    s->o = *o;
    s->count = (size_t)o->world->machines;
    s->client = http_client_new(s->count, e);
    if (!s->client) {
        mem_free(s);
        return NULL;
    }
    s->machines = mem_zalloc(s->count * sizeof *s->machines);
    swarm_heap_init(&s->heap, s->count);
    for (size_t i = 0; i < s->count; i++) {
        s->machines[i] = (struct swarm_machine){.swarm = s, .index = i};
        swarm_heap_set(&s->heap, i, now_ms(s) + (int64_t)i * 1000 / STARTS_A_SECOND);
    }
    return s;
}

static void agent_end(struct swarm_machine *m)
{
    agent_link_free(m->link);
    agent_close(m->agent);
    m->link = NULL;
    m->agent = NULL;
}

void swarm_free(struct swarm *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->count; i++) {
        agent_end(&s->machines[i]);
        sim_machine_free(s->machines[i].sim);
        swarm_count_free(&s->machines[i].reported);
    }
    http_client_free(s->client);
    swarm_heap_free(&s->heap);
    mem_free(s->machines);
    mem_free(s);
}

/* ---- starting machines ---- */

static void on_due(void *ctx)
{
    struct swarm_machine *m = ctx;
    swarm_heap_set(&m->swarm->heap, m->index, 0);
}

static void on_exchanged(void *ctx, const char *path, struct slice body, const struct agent_reply *r)
{
    struct swarm_machine *m = ctx;
    struct swarm_summary *sum = &m->swarm->sum;
    bool good = r->failure == AGENT_ANSWERED && r->status == 200;
    if (good && strncmp(path, "/agent/v1/sync", 14) == 0) {
        swarm_count_sync(&m->reported, body, sum);
        swarm_count_answer(&m->reported, r->body);
    } else if (r->failure != AGENT_ANSWERED)
        snprintf(sum->last_error, sizeof sum->last_error, "%s", r->error ? r->error : "");
    else if (!good)
        snprintf(sum->last_error, sizeof sum->last_error, "%.60s: HTTP %d %.160s", path, r->status,
                 r->body.n ? r->body.p : "");
}

/* The same key in every run of the same seed. */
static void key_of(const struct swarm *s, size_t index, uint8_t key[SCALAR_BYTES])
{
    char seed[40], name[40];
    snprintf(seed, sizeof seed, "%" PRIu64, s->o.seed);
    snprintf(name, sizeof name, "machine %zu", index);
    hmac_sha256(slice_of(seed), slice_of(name), key);
}

static bool agent_begin(struct swarm_machine *m, struct err *e)
{
    struct swarm *s = m->swarm;
    uint8_t key[SCALAR_BYTES];
    key_of(s, m->index, key);
    struct sim_random jitter = sim_random_of(s->o.seed ^ 0x6a6974, m->index);
    struct agent_options a = {.machine = sim_machine_of(m->sim),
                              .config = s->o.config,
                              .seed = sim_random_next(&jitter) | 1,
                              .speed = s->o.speed,
                              .key_secret = key};
    m->agent = agent_open(&a, e);
    if (!m->agent)
        return false;
    struct agent_link_options l = {.agent = m->agent,
                                   .config = s->o.config,
                                   .clock = sim_machine_of(m->sim)->clock,
                                   .client = s->client,
                                   .due = on_due,
                                   .exchanged = on_exchanged,
                                   .ctx = m};
    m->link = agent_link_new(&l);
    return true;
}

static bool sim_begin(struct swarm_machine *m, struct err *e)
{
    struct swarm *s = m->swarm;
    int64_t number;
    char name[80];
    struct buf dir;
    const struct world_group *g = world_group_of(s->o.world, (int64_t)m->index, &number);
    snprintf(name, sizeof name, "%s-%04" PRId64, g->name, number);
    buf_init(&dir, 4000);
    if (s->o.state_dir)
        buf_printf(&dir, "%s/%s", s->o.state_dir, name);
    struct sim_options o = {.group = g,
                            .name = name,
                            .seed = s->o.seed,
                            .index = (int64_t)m->index,
                            .clock = s->o.clock,
                            .speed = s->o.speed,
                            .attempt_every_ms = s->o.attempt_every_ms,
                            .state_dir = s->o.state_dir ? buf_text(&dir) : NULL};
    m->sim = sim_machine_new(&o, e);
    buf_free(&dir);
    return m->sim != NULL;
}

static bool machine_begin(struct swarm_machine *m)
{
    struct err e = {0};
    struct swarm *s = m->swarm;
    struct sim_random r = sim_random_of(s->o.seed ^ 0x6372, m->index);
    m->crash_ticks_ms = s->o.state_dir || !sim_random_chance(&r, s->o.crash_chance) ? -1 : 0;
    if (sim_begin(m, &e) && agent_begin(m, &e)) {
        s->sum.started++;
        return true;
    }
    snprintf(s->sum.last_error, sizeof s->sum.last_error, "%.299s", e.text);
    if (!s->failed)
        fprintf(stderr, "fleetmend-swarm: machine %zu: %s\n", m->index, e.text);
    s->failed = true;
    return false;
}

/* ---- machines at work ---- */

static void crash(struct swarm_machine *m)
{
    struct err e = {0};
    const struct agent_link_counts *c = agent_link_counts(m->link);
    m->before.requests += c->requests;
    m->before.errors += c->errors;
    m->before.syncs += c->syncs;
    sim_machine_kill_agent(m->sim);
    agent_end(m);
    sim_machine_revive_agent(m->sim);
    m->swarm->sum.crashes++;
    if (!agent_begin(m, &e))
        fprintf(stderr, "fleetmend-swarm: machine %zu after a crash: %s\n", m->index, e.text);
}

static void crash_review(struct swarm_machine *m)
{
    int64_t now = now_ms(m->swarm);
    if (m->crash_ticks_ms < 0 || runner_idle(agent_runner(m->agent)))
        return;
    if (m->crash_ticks_ms == 0) {
        struct sim_random r = sim_random_of(m->swarm->o.seed ^ 0x6469, m->index);
        m->crash_ticks_ms = now + sim_random_between(&r, CRASH_MIN_MS, CRASH_MAX_MS) / m->swarm->o.speed;
    } else if (now >= m->crash_ticks_ms) {
        m->crash_ticks_ms = -1;
        crash(m);
    }
}

static int64_t machine_step(struct swarm_machine *m)
{
    int64_t due = sim_machine_step(m->sim);
    agent_link_offline(m->link, !sim_machine_is_online(m->sim));
    if (sim_machine_has_logged(m->sim))
        agent_nudge(m->agent);
    int64_t link_due = agent_link_step(m->link);
    crash_review(m);
    return due < link_due ? due : link_due;
}

static void machine_turn(struct swarm *s, size_t index)
{
    struct swarm_machine *m = &s->machines[index];
    /* First in the far future: whatever makes it due while it is stepped stays due. */
    swarm_heap_set(&s->heap, index, INT64_MAX);
    if (!m->link && (m->sim || !machine_begin(m)))
        return; /* could not be opened: out of the game */
    int64_t due = machine_step(m);
    if (due < s->heap.due[index])
        swarm_heap_set(&s->heap, index, due);
}

void swarm_step(struct swarm *s, int wait_ms)
{
    for (int i = 0; i < DUE_A_STEP; i++) {
        size_t first = swarm_heap_first(&s->heap);
        if (s->heap.due[first] > now_ms(s))
            break;
        machine_turn(s, first);
    }
    int64_t left = s->heap.due[swarm_heap_first(&s->heap)] - now_ms(s);
    http_client_step(s->client, left <= 0 ? 0 : left < wait_ms ? (int)left : wait_ms);
}

void swarm_wake(struct swarm *s)
{
    http_client_wake(s->client);
}

/* An answer may come and still not be what the core believes: then the core knows why. */
static void ask_core(const struct swarm_machine *m, struct swarm_summary *out)
{
    struct buf text;
    struct slice trouble = {0};
    if (!m->agent)
        return;
    buf_init(&text, 64 * 1024);
    agent_status(m->agent, &text);
    struct json *status = json_parse(buf_slice(&text), NULL);
    json_string(json_get(json_get(status, "last_error"), "text"), &trouble);
    snprintf(out->last_error, sizeof out->last_error, "%.*s", SLICE_ARG(trouble));
    json_free(status);
    buf_free(&text);
}

void swarm_summary(const struct swarm *s, struct swarm_summary *out)
{
    *out = s->sum;
    out->machines = (int64_t)s->count;
    for (size_t i = 0; i < s->count; i++) {
        const struct swarm_machine *m = &s->machines[i];
        if (!m->link)
            continue;
        const struct agent_link_counts *c = agent_link_counts(m->link);
        out->enrolled += agent_machine_id(m->agent)[0] != '\0';
        out->failing += sim_machine_is_faulty(m->sim);
        out->online += sim_machine_is_online(m->sim);
        out->requests += c->requests + m->before.requests;
        out->errors += c->errors + m->before.errors;
        out->syncs += c->syncs + m->before.syncs;
    }
    if (!out->last_error[0] && !out->enrolled)
        ask_core(&s->machines[0], out);
}
