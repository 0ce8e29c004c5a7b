#include "wait.h"

#include "mem.h"

enum wait_end wait_end_of(const struct json *job)
{
    struct slice state = {0}, result = {0}, verdict = {0};
    json_string(json_get(job, "state"), &state);
    json_string(json_get(job, "result"), &result);
    json_string(json_get(job, "verdict"), &verdict);
    enum job_state known;
    if (state.n && job_state_parse(state.p, &known) && job_state_final(known))
        return WAIT_SETTLED;
    if (result.n && verdict.n)
        return WAIT_SETTLED;
    if (slice_eqz(result, "deferred") && !slice_eqz(state, "running") && !slice_eqz(state, "verifying"))
        return WAIT_SETTLED;
    return bool_member(job, "online", true) ? WAIT_OPEN : WAIT_OFFLINE;
}

void wait_init(struct wait *w)
{
    *w = (struct wait){.offline_limit_ms = WAIT_OFFLINE_MS};
}

void wait_free(struct wait *w)
{
    mem_free(w->seen);
    *w = (struct wait){0};
}

void wait_note_restart(struct wait *w)
{
    w->offline_limit_ms = WAIT_OFFLINE_AFTER_RESTART_MS;
}

/* The server lists jobs in a steady order, so the first guess is nearly always right. */
static struct wait_seen *seen_of(struct wait *w, size_t guess, struct slice id)
{
    if (id.n >= JOB_ID_MAX)
        id.n = JOB_ID_MAX - 1;
    if (guess < w->count && slice_eqz(id, w->seen[guess].job))
        return &w->seen[guess];
    for (size_t i = 0; w->looked && i < w->count; i++)
        if (slice_eqz(id, w->seen[i].job))
            return &w->seen[i];
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 64;
        w->seen = mem_resize(w->seen, w->room, sizeof *w->seen);
    }
    struct wait_seen *s = &w->seen[w->count++];
    *s = (struct wait_seen){.offline_since_ms = 0};
    memcpy(s->job, id.n ? id.p : "", id.n);
    return s;
}

static bool offline_for_good(struct wait *w, struct wait_seen *s, int64_t ticks_ms)
{
    if (!s->offline_since_ms)
        s->offline_since_ms = ticks_ms ? ticks_ms : 1;
    return ticks_ms - s->offline_since_ms >= w->offline_limit_ms;
}

static void count_job(struct wait *w, const struct json *job, size_t at, int64_t ticks_ms)
{
    struct slice id = {0}, result = {0}, state = {0};
    if (!json_string(json_get(job, "job"), &id))
        json_string(json_get(job, "id"), &id);
    json_string(json_get(job, "result"), &result);
    json_string(json_get(job, "state"), &state);
    struct wait_seen *s = seen_of(w, at, id);
    enum wait_end end = wait_end_of(job);
    w->total++;
    w->result_done += slice_eqz(result, "done");
    w->ended += end == WAIT_SETTLED;
    w->offline += end == WAIT_OFFLINE;
    w->running += end == WAIT_OPEN && (slice_eqz(state, "running") || slice_eqz(state, "verifying"));
    if (end != WAIT_OFFLINE)
        s->offline_since_ms = 0;
    if (end == WAIT_OPEN || (end == WAIT_OFFLINE && !offline_for_good(w, s, ticks_ms)))
        w->undecided++;
}

bool wait_look(struct wait *w, const struct rows *jobs, int64_t ticks_ms)
{
    w->total = w->ended = w->result_done = w->running = w->offline = w->undecided = 0;
    for (size_t i = 0; i < jobs->n; i++)
        count_job(w, jobs->v[i], i, ticks_ms);
    w->looked = true;
    return w->undecided == 0;
}

enum cli_exit wait_exit(const struct wait *w, bool timed_out)
{
    if (w->total > 0 && w->result_done == w->total && !timed_out)
        return CLI_OK;
    return timed_out ? CLI_TIMED_OUT : CLI_SOME_FAILED;
}

const char *wait_text(const struct wait *w, struct arena *a)
{
    const char *offline = w->offline ? arena_printf(a, ", %zu offline", w->offline) : "";
    return arena_printf(a, "%zu of %zu ended, %zu running%s", w->ended, w->total, w->running, offline);
}
