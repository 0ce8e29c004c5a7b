#include "swarm_count.h"

#include "envelope.h"
#include "mem.h"
#include "swarm.h"
#include "wire.h"

static uint64_t id_hash(const char *id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * UINT64_C(0x100000001b3);
    return h;
}

static struct swarm_job *job_of(struct swarm_reported *r, const char *name)
{
    uint64_t id = id_hash(name);
    for (size_t i = 0; i < r->job_count; i++)
        if (r->jobs[i].id == id)
            return &r->jobs[i];
    r->jobs = mem_resize(r->jobs, r->job_count + 1, sizeof *r->jobs);
    r->jobs[r->job_count] = (struct swarm_job){.id = id, .repair = REPAIR_COUNT};
    return &r->jobs[r->job_count++];
}

static void set_repair(struct swarm_job *j, const char *name)
{
    const struct repair *repair = name ? repair_find(name) : NULL;
    if (repair)
        j->repair = (int)repair->id;
}

static void add(struct swarm_summary *sum, const struct swarm_job *j, int n)
{
    sum->jobs[j->repair] += n;
    sum->results[j->result] += n;
    sum->verdicts[j->verdict] += n;
}

/* A later report on the same job replaces the earlier. */
static void count_result(struct swarm_reported *r, const struct wire_result *result, struct swarm_summary *sum)
{
    if (result->state != JOB_DONE)
        return;
    struct swarm_job *j = job_of(r, result->job);
    if (j->ended)
        add(sum, j, -1);
    set_repair(j, result->repair);
    j->result = result->result;
    j->verdict = result->verdict;
    j->ended = true;
    add(sum, j, 1);
}

static bool says(struct slice body, const char *key)
{
    return memmem(body.p, body.n, key, strlen(key)) != NULL;
}

void swarm_count_sync(struct swarm_reported *r, struct slice body, struct swarm_summary *sum)
{
    struct arena a = {0};
    struct wire_sync msg;
    /* Most syncs only wait: those are not worth parsing. */
    if ((says(body, "\"events\"") || says(body, "\"results\"")) && wire_decode_sync(body, &a, &msg, NULL)) {
        for (size_t i = 0; i < msg.events_count; i++)
            if (msg.events[i].seq > r->last_seq) {
                r->last_seq = msg.events[i].seq;
                sum->events++;
            }
        for (size_t i = 0; i < msg.results_count; i++)
            count_result(r, &msg.results[i], sum);
    }
    arena_free(&a);
}

static void note_order(struct swarm_reported *r, struct slice envelope, struct arena *a)
{
    struct buf payload;
    struct wire_order order;
    buf_init(&payload, ENVELOPE_PAYLOAD_MAX);
    if (envelope_peek(envelope, ENVELOPE_ORDER, &payload, NULL) && wire_decode_order(buf_slice(&payload), a, &order, NULL))
        set_repair(job_of(r, order.id), order.repair);
    buf_free(&payload);
}

void swarm_count_answer(struct swarm_reported *r, struct slice body)
{
    struct arena a = {0};
    struct wire_sync_answer msg;
    if (says(body, "\"payloadType\"") && wire_decode_sync_answer(body, &a, &msg, NULL))
        for (size_t i = 0; i < msg.jobs_count; i++)
            note_order(r, msg.jobs[i], &a);
    arena_free(&a);
}

void swarm_count_free(struct swarm_reported *r)
{
    mem_free(r->jobs);
    *r = (struct swarm_reported){0};
}
