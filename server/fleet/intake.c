/* What a machine reports becomes rows: events open and close failures, results move jobs. One sync is one
 * operation of the writer; nothing is acknowledged before its commit. */
#include "fleet.h"

#include "code.h"
#include "machine_facts.h"
#include "mem.h"
#include "outcome.h"

#include <stdio.h>
#include <stdlib.h>

/* A machine's clock that was set is worth a look at its row; the delays of a busy server are not. */
enum { PENDING_EVENTS_MAX = 500, SKEW_NEWS_MS = 5000, SKEW_JUMP_MS = 30000 };

static struct sync_call *call_of(struct work *w)
{
    return (struct sync_call *)((char *)w - offsetof(struct sync_call, work));
}

struct sync_call *fleet_sync_new(struct fleet *f, const char *machine_id)
{
    struct sync_call *c = mem_zalloc(sizeof *c);
    c->fleet = f;
    snprintf(c->machine_id, sizeof c->machine_id, "%s", machine_id);
    return c;
}

void fleet_sync_free(struct sync_call *c)
{
    if (c)
        arena_free(&c->arena);
    mem_free(c);
}

static int64_t skew_of(const struct sync_call *c, int64_t now_ms)
{
    return c->msg.agent->time ? c->msg.agent->time - now_ms : 0;
}

static bool skew_jumped(const struct sync_call *c, int64_t now_ms)
{
    return llabs(skew_of(c, now_ms) - c->known.skew_ms) > SKEW_JUMP_MS;
}

bool fleet_sync_has_news(struct sync_call *c)
{
    struct fleet *f = c->fleet;
    hub_known_get(f->hub, c->machine_id, &c->known);
    bool unknown_job = false;
    hub_listed(f->hub, c->machine_id, c->msg.running, c->msg.running_count, &unknown_job);
    hub_seen(f->hub, c->machine_id, clock_wall_ms(f->clock));
    return !c->known.synced || c->msg.facts || c->msg.events_count || c->msg.results_count || unknown_job ||
           strcmp(c->known.stream, c->msg.stream) != 0 ||
           strcmp(c->known.boot_id, c->msg.agent->boot_id) != 0 || skew_jumped(c, clock_wall_ms(f->clock));
}

static const char *text(const char *z)
{
    return z ? z : "";
}

static const char *update_key(const struct wire_event *v)
{
    return text(v->update_id)[0] ? v->update_id : text(v->kb);
}

static bool failure_opens(const struct wire_event *v)
{
    return !v->history && strcmp(v->outcome, "failed") == 0 && code_lookup(v->code).kind == CODE_FAILURE;
}

static bool open_failure(struct sync_call *c, struct store *s, const struct wire_event *v, bool *changed,
                         struct err *e)
{
    bool scan = strcmp(text(v->phase), "scan") == 0;
    struct failure_row row = {
        .machine_id = c->machine_id,
        .machine = "",
        .code = v->code,
        .extend = v->extend,
        .phase = text(v->phase),
        .update_key = scan ? "" : update_key(v),
        .kb = text(v->kb),
        .title = text(v->title),
        .text = text(v->text),
        .why = "",
        .state = FAILURE_OPEN,
        .first_seen_ms = c->now_ms,
        .last_seen_ms = c->now_ms,
        .count = v->count ? v->count : 1,
    };
    bool opened = false;
    int64_t id;
    if (!store_failure_seen(s, &row, &opened, &id, e))
        return false;
    *changed |= opened;
    return true;
}

/* A success closes what it proves: a scan by Windows itself the scan failures, an update the failures of that
 * update. */
static bool close_failures(struct sync_call *c, struct store *s, const struct wire_event *v, bool *changed,
                           struct err *e)
{
    const char *phase = text(v->phase);
    int64_t closed = 0, more = 0;
    if (strcmp(phase, "scan") == 0) {
        if (!store_failures_move(s, c->machine_id, "scan", NULL, 0, FAILURE_FIXED,
                                 "Windows' own scan succeeded", c->now_ms, &closed, e) ||
            !store_machine_scan_ok(s, c->machine_id, c->now_ms, e))
            return false;
        *changed = true;
        return true;
    }
    const char *key = update_key(v);
    if (!key[0])
        return true;
    if (!store_failures_move(s, c->machine_id, phase, key, 0, FAILURE_FIXED, "the same update succeeded",
                             c->now_ms, &closed, e))
        return false;
    if (strcmp(phase, "install") == 0 &&
        !store_failures_move(s, c->machine_id, "download", key, 0, FAILURE_FIXED, "the update was installed",
                             c->now_ms, &more, e))
        return false;
    *changed |= closed || more;
    return true;
}

static struct event_row event_of(const struct sync_call *c, const struct wire_event *v)
{
    return (struct event_row){
        .machine_id = c->machine_id,
        .stream = c->msg.stream,
        .seq = v->seq,
        .received_ms = c->now_ms,
        .time_ms = v->time,
        .revision = v->revision,
        .count = v->count ? v->count : 1,
        .failed = strcmp(v->outcome, "failed") == 0,
        .history = v->history,
        .code = v->code,
        .extend = v->extend,
        .phase = text(v->phase),
        .source = text(v->source),
        .context = text(v->context),
        .update_id = text(v->update_id),
        .kb = text(v->kb),
        .title = text(v->title),
        .text = text(v->text),
    };
}

/* Events up to `have` were stored by an earlier sync whose answer was lost: repeats, dropped here. A machine
 * that waits for approval may fill a few hundred rows, no more. */
/* A restored database may know less than the machine was told: then the first message after it begins beyond
 * a gap. It is not taken; the machine sees the lower mark and sends what it still holds. A gap that is still
 * there in the next message is a real one (events its full spool had to drop, numbers skipped after a crash).
 */
static bool begins_beyond_gap(const struct sync_call *c)
{
    return !c->known.synced && c->msg.events_count && c->msg.events[0].seq > c->known.have + 1;
}

static bool take_events(struct sync_call *c, struct store *s, bool *changed, struct err *e)
{
    const struct wire_sync *m = &c->msg;
    if (begins_beyond_gap(c))
        return true;
    struct event_row *rows = arena_alloc(&c->arena, (m->events_count + 1) * sizeof *rows);
    size_t n = 0;
    for (size_t i = 0; i < m->events_count; i++) {
        const struct wire_event *v = &m->events[i];
        if (v->seq <= c->known.have)
            continue;
        if (!c->known.approved && v->seq > PENDING_EVENTS_MAX)
            break; /* not acknowledged: the machine keeps them until a person has decided */
        c->known.have = v->seq;
        rows[n++] = event_of(c, v);
        bool ok = failure_opens(v)                                      ? open_failure(c, s, v, changed, e)
                  : strcmp(v->outcome, "succeeded") == 0 && !v->history ? close_failures(c, s, v, changed, e)
                                                                        : true;
        if (!ok)
            return false;
    }
    return n == 0 || store_events_add(s, rows, n, e);
}

/* Facts, version, boot and skew are one rarely written row; the stream's mark is written with every report.
 */
static bool take_machine(struct sync_call *c, struct store *s, const struct machine_row *m, bool *changed,
                         struct err *e)
{
    const struct wire_agent *agent = c->msg.agent;
    struct machine_row row = *m;
    if (c->msg.facts) {
        machine_row_of_facts(c->msg.facts, &c->arena, &row);
        row.id = c->machine_id;
        /* Tags the enrolment token gave stay. */
        row.tags = *row.tags ? row.tags : m->tags;
        if (!store_machine_set_facts(s, &row, e))
            return false;
        c->known.has_facts = true;
        *changed = true;
    }
    int64_t skew = skew_of(c, c->now_ms);
    c->known.skew_ms = m->skew_ms;
    bool news = strcmp(m->boot_id, agent->boot_id) != 0 || strcmp(m->agent_version, agent->version) != 0 ||
                llabs(skew - m->skew_ms) > SKEW_NEWS_MS || m->state == MACHINE_SILENT;
    if (!news)
        return true;
    row.agent_version = agent->version;
    row.boot_id = agent->boot_id;
    row.skew_ms = c->known.skew_ms = skew;
    row.last_seen_ms = c->now_ms;
    row.stream = c->msg.stream;
    row.stream_have = c->known.have;
    *changed |= m->state == MACHINE_SILENT;
    return store_machine_touch(s, &row, e);
}

static void note(struct arena *a, const char ***list, size_t *n, size_t room, const char *id)
{
    if (!*list)
        *list = arena_alloc(a, room * sizeof **list);
    if (*n < room)
        (*list)[(*n)++] = arena_strdup(a, id);
}

static bool take_results(struct sync_call *c, struct store *s, bool *changed, struct err *e)
{
    const struct wire_sync *m = &c->msg;
    for (size_t i = 0; i < m->results_count; i++) {
        bool over = false;
        if (!outcome_take(c->fleet, s, &c->arena, c->machine_id, &m->results[i], c->now_ms, &over, changed,
                          e))
            return err_wrap(e, "results[%zu]", i);
        note(&c->arena, &c->acked, &c->acked_count, m->results_count, m->results[i].job);
        if (over)
            note(&c->arena, &c->dropped, &c->dropped_count, m->results_count, m->results[i].job);
    }
    return true;
}

/* A listed job that ended here without a start (cancelled while the machine was away): the machine is told.
 */
static bool check_listed(struct sync_call *c, struct store *s, struct err *e)
{
    for (size_t i = 0; i < c->msg.running_count; i++) {
        struct job_row job;
        struct err why = {0};
        if (!store_job_get(s, &c->arena, c->msg.running[i], &job, &why)) {
            if (why.kind != ERR_NOT_FOUND)
                return err_set(e, why.kind, "%s", why.text);
            continue; /* a restored database may not know it yet: its result will tell */
        }
        bool ended = job.state == JOB_CANCELLED || job.state == JOB_EXPIRED || job.state == JOB_SUPERSEDED;
        if (ended && strcmp(job.machine_id, c->machine_id) == 0)
            note(&c->arena, &c->cancelled, &c->cancelled_count, c->msg.running_count, job.id);
    }
    return true;
}

static bool sync_run(struct work *w, struct store *s, struct err *e)
{
    struct sync_call *c = call_of(w);
    const struct hub_known before = c->known;
    c->now_ms = clock_wall_ms(c->fleet->clock);
    c->acked_count = c->dropped_count = c->cancelled_count = 0;
    struct machine_row m = {.boot_id = "", .agent_version = ""};
    bool changed = false, ok = false;
    bool look = !c->known.synced || c->msg.facts || strcmp(before.boot_id, c->msg.agent->boot_id) != 0 ||
                skew_jumped(c, c->now_ms);
    if (look) {
        if (!store_machine_get(s, &c->arena, c->machine_id, &m, e))
            goto out;
        c->known.approved = m.approved;
        c->known.has_facts = m.facts[0] != '\0';
    }
    /* With events the mark is read again: another sync of this machine may have moved it since this one came
     * in. */
    if (strcmp(c->known.stream, c->msg.stream) != 0 || !c->known.synced || c->msg.events_count) {
        snprintf(c->known.stream, sizeof c->known.stream, "%s", c->msg.stream);
        if (!store_stream_have(s, c->machine_id, c->msg.stream, &c->known.have, e))
            goto out;
    }
    int64_t have = c->known.have;
    if ((look && !take_machine(c, s, &m, &changed, e)) || !take_events(c, s, &changed, e) ||
        !take_results(c, s, &changed, e) || !check_listed(c, s, e))
        goto out;
    if (c->known.have != have && !store_stream_set(s, c->machine_id, c->msg.stream, c->known.have, e))
        goto out;
    ok = !changed || store_machine_refresh(s, c->machine_id, c->now_ms, e);
out:
    if (!ok)
        c->known = before; /* the run may be repeated */
    return ok;
}

static void sync_done(struct work *w, bool ok, const struct err *e)
{
    struct sync_call *c = call_of(w);
    if (ok) {
        c->known.synced = true;
        snprintf(c->known.boot_id, sizeof c->known.boot_id, "%s", c->msg.agent->boot_id);
        hub_known_set(c->fleet->hub, c->machine_id, &c->known);
        for (size_t i = 0; i < c->dropped_count; i++)
            hub_offer_drop(c->fleet->hub, c->machine_id, c->dropped[i], NULL);
        c->wants_facts = !c->known.has_facts;
    }
    c->done(c->ctx, c, ok, e);
}

bool fleet_sync_submit(struct sync_call *c)
{
    c->work.run = sync_run;
    c->work.done = sync_done;
    return writer_submit(c->fleet->writer, &c->work);
}
