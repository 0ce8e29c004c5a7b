#include "runner_rig.h"

#include "mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

bool spool_put_result(struct spool *s, const struct wire_result *r, struct err *e)
{
    if (s->machine->crashed || s->fail_puts > 0) {
        s->fail_puts -= s->fail_puts > 0;
        return err_set(e, ERR_IO, "the disk is full");
    }
    assert_true(s->count < RIG_REPORTS_MAX);
    struct rig_report *to = &s->reports[s->count++];
    *to = (struct rig_report){.rev = (int)r->rev,
                              .state = (enum job_state)r->state,
                              .result = (enum job_result)r->result,
                              .verdict = (enum job_verdict)r->verdict,
                              .undoable = r->undoable};
    snprintf(to->job, sizeof to->job, "%s", r->job);
    snprintf(to->reason, sizeof to->reason, "%s", r->reason);
    snprintf(to->verdict_reason, sizeof to->verdict_reason, "%s", r->verdict_reason);
    return true;
}

int64_t spool_last_seq(const struct spool *s)
{
    return s->last_seq;
}

static void open_runner(struct rig *g)
{
    struct err e = {0};
    struct runner_options o = {.machine = &g->fm.machine, .spool = &g->spool, .speed = g->speed};
    g->runner = runner_open(&o, &e);
    if (!g->runner)
        fail_msg("runner_open: %s", e.text);
}

void rig_note(struct rig *g)
{
    memcpy(g->services, g->fm.services, sizeof g->services);
    memcpy(g->places, g->fm.places, sizeof g->places);
}

void rig_init(struct rig *g)
{
    memset(g, 0, sizeof *g);
    fake_machine_init(&g->fm);
    g->spool.machine = &g->fm;
    g->time_known = true;
    g->speed = 1;
    rig_note(g);
    open_runner(g);
}

void rig_free(struct rig *g)
{
    runner_close(g->runner);
    fake_machine_free(&g->fm);
}

void rig_restart(struct rig *g, bool reboot)
{
    runner_close(g->runner);
    fake_machine_restart(&g->fm, reboot);
    open_runner(g);
}

/* ---- orders ---- */

/* "a=b;c=d" in place. */
static size_t split_pairs(char *text, struct wire_pair *pairs)
{
    size_t n = 0;
    while (*text) {
        char *equals = strchr(text, '='), *end = equals + strcspn(equals, ";");
        pairs[n++] = (struct wire_pair){text, equals + 1};
        text = *end ? end + 1 : end;
        *equals = *end = '\0';
    }
    return n;
}

struct wire_order rig_order(struct rig *g, const char *op, const char *repair, struct wire_pair *pairs, const char *text)
{
    static char copy[200];
    int64_t now = fake_machine_true_ms(&g->fm);
    const struct repair *r = repair_find(repair);
    snprintf(g->job, sizeof g->job, "%032x", ++g->jobs);
    snprintf(copy, sizeof copy, "%s", text ? text : "");
    return (struct wire_order){.id = g->job,
                               .op = op,
                               .repair = repair,
                               .params = pairs,
                               .params_count = split_pairs(copy, pairs),
                               .class = r ? r->class : 0,
                               .not_before = now,
                               .not_after = now + 86400000};
}

void rig_take(struct rig *g, const struct wire_order *o)
{
    struct err e = {0};
    if (!runner_take(g->runner, o, g->time_known ? fake_machine_true_ms(&g->fm) : 0, &e) && !g->fm.crashed)
        fail_msg("runner_take: %s", e.text);
}

const char *rig_push(struct rig *g, const char *repair, const char *pairs)
{
    struct wire_pair p[REPAIR_PARAMS_MAX];
    struct wire_order o = rig_order(g, "run", repair, p, pairs);
    rig_take(g, &o);
    return g->job;
}

const char *rig_undo(struct rig *g, const char *repair, const char *job)
{
    char text[60];
    struct wire_pair p[REPAIR_PARAMS_MAX];
    snprintf(text, sizeof text, "job=%s", job);
    struct wire_order o = rig_order(g, "undo", repair, p, text);
    rig_take(g, &o);
    return g->job;
}

/* ---- running ---- */

void rig_run(struct rig *g, int64_t ms)
{
    int64_t end = g->fm.clock.ticks + ms;
    for (int idle_steps = 0, steps = 0; g->fm.clock.ticks <= end && !g->fm.crashed; steps++) {
        int64_t now = g->fm.clock.ticks;
        int64_t wake = runner_step(g->runner, g->time_known ? fake_machine_true_ms(&g->fm) : 0);
        if (steps > 100000)
            fail_msg("the runner never waits");
        if (wake <= now)
            continue;
        if (runner_idle(g->runner) && wake - now >= 60000 && ++idle_steps > 3)
            return;
        if (wake > end)
            wake = end + 1;
        fake_machine_advance(&g->fm, wake - now);
    }
}

const struct wire_result *rig_result(struct rig *g)
{
    return runner_result(g->runner, g->job);
}

void rig_event(struct rig *g, const char *outcome, uint32_t code, const char *phase, const char *update_id)
{
    struct wire_event ev = {
        .seq = ++g->spool.last_seq, .outcome = outcome, .code = code, .phase = phase, .update_id = update_id};
    runner_saw_event(g->runner, &ev);
}

/* ---- looking ---- */

void rig_assert_as_found(struct rig *g, bool places)
{
    for (int i = 0; i < SERVICE_COUNT; i++) {
        const struct fake_service *was = &g->services[i], *is = &g->fm.services[i];
        if (was->state != is->state || was->start != is->start || was->delayed != is->delayed)
            fail_msg("%s: state %d start %d delayed %d, was %d %d %d; trace:\n%s", machine_service_name((enum machine_service)i),
                     is->state, is->start, is->delayed, was->state, was->start, was->delayed, buf_text(&g->fm.trace));
    }
    for (int p = 0; places && p < PLACE_COUNT; p++)
        if (g->places[p].exists != g->fm.places[p].exists || g->places[p].content != g->fm.places[p].content)
            fail_msg("%s is not the folder it was; trace:\n%s", machine_place_name((enum machine_place)p),
                     buf_text(&g->fm.trace));
}

void rig_assert_revs_rise(struct rig *g)
{
    for (int i = 0; i < g->spool.count; i++)
        for (int k = 0; k < i; k++)
            if (strcmp(g->spool.reports[i].job, g->spool.reports[k].job) == 0 &&
                g->spool.reports[i].rev < g->spool.reports[k].rev)
                fail_msg("revision %d after %d", g->spool.reports[i].rev, g->spool.reports[k].rev);
}
