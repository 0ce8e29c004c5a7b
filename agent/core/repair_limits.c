#include "repair_limits.h"

#include <inttypes.h>
#include <stdio.h>

enum { CLASS1_MAX = 6 };
#define CLASS1_WINDOW_MS INT64_C(86400000)

int64_t job_age_ms(const struct job *j, const struct now *now)
{
    int64_t age = 0;
    if (strcmp(j->start_boot, now->boot) == 0)
        age = now->ticks_ms - j->start_ticks;
    else if (j->start_t && now->t_ms)
        age = now->t_ms - j->start_t;
    return age > 0 ? age : 0;
}

void duration_text(int64_t ms, char out[40])
{
    static const struct {
        int64_t ms;
        const char *unit;
    } units[] = {{86400000, "day"}, {3600000, "hour"}, {60000, "minute"}, {1000, "second"}};
    int64_t n = ms < 0 ? -ms : ms;
    size_t i = 0;
    while (i < 3 && n < 2 * units[i].ms && n != units[i].ms)
        i++;
    int64_t count = n / units[i].ms;
    snprintf(out, 40, "%" PRId64 " %s%s", count, units[i].unit, count == 1 ? "" : "s");
}

/* Undoing and looking cost a machine nothing that a limit protects. */
static bool counts(const struct job *j, const struct job *but)
{
    return j != but && j->started && !j->undo && !j->dry_run && j->repair;
}

static bool allow_row(const struct journal *jl, const struct job *job, const struct now *now, int64_t speed, struct err *e)
{
    const struct repair *r = job->repair;
    int64_t window_ms = r->window_s * 1000 / speed, youngest = INT64_MAX;
    int n = 0;
    if (!r->per_machine || !window_ms)
        return true;
    for (const struct job *j = jl->first; j; j = j->next) {
        if (!counts(j, job) || j->repair != r || job_age_ms(j, now) >= window_ms)
            continue;
        n++;
        youngest = job_age_ms(j, now) < youngest ? job_age_ms(j, now) : youngest;
    }
    if (n < r->per_machine)
        return true;
    char ago[40], window[40];
    duration_text(youngest, ago);
    duration_text(r->window_s * 1000, window);
    return err_set(e, ERR_LIMIT, "%s ran %s ago; at most %d in %s", r->name, ago, r->per_machine, window);
}

static bool allow_class1(const struct journal *jl, const struct job *job, const struct now *now, int64_t speed,
                         struct err *e)
{
    int n = 0;
    for (const struct job *j = jl->first; j; j = j->next)
        n += counts(j, job) && j->repair->counts_as_class1 && job_age_ms(j, now) < CLASS1_WINDOW_MS / speed;
    return !job->repair->counts_as_class1 || n < CLASS1_MAX ||
           err_set(e, ERR_LIMIT, "%d repairs of class 1 and above ran in the last 24 hours; at most %d", n, CLASS1_MAX);
}

bool limits_allow(const struct journal *jl, const struct job *job, const struct now *now, int64_t speed, struct err *e)
{
    return allow_row(jl, job, now, speed, e) && allow_class1(jl, job, now, speed, e);
}

bool limits_learn_time(struct journal *jl, const struct now *now)
{
    bool changed = false;
    for (struct job *j = jl->first; now->t_ms && j; j = j->next)
        if (j->started && !j->start_t) {
            j->start_t = now->t_ms - job_age_ms(j, now);
            j->dirty = changed = true;
        }
    return changed;
}
