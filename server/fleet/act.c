/* The frame of an admin's change: one operation of the writer, its audit row in the same transaction. */
#include "fleet.h"

#include "mem.h"

enum { ANSWER_MAX = 16 << 20 };

static struct act *act_of(struct work *w)
{
    return (struct act *)((char *)w - offsetof(struct act, work));
}

struct act *fleet_act_new(struct fleet *f)
{
    struct act *a = mem_zalloc(sizeof *a);
    a->fleet = f;
    a->status = 200;
    buf_init(&a->out, ANSWER_MAX);
    return a;
}

void fleet_act_free(struct act *a)
{
    if (!a)
        return;
    buf_free(&a->out);
    arena_free(&a->arena);
    mem_free(a);
}

static bool act_work_run(struct work *w, struct store *s, struct err *e)
{
    struct act *a = act_of(w);
    buf_clear(&a->out);
    return a->run(a, s, e);
}

static void act_work_done(struct work *w, bool ok, const struct err *e)
{
    struct act *a = act_of(w);
    struct writer_stats stats;
    writer_stats(
        a->fleet->writer,
        &stats); /* this runs on the writer's thread, after the commit of this act and before the next */
    a->commit_took_us = stats.last_commit_us;
    a->committed_at_us = stats.last_commit_end_us;
    if (ok && a->committed)
        a->committed(a);
    a->done(a->ctx, a, ok, e);
}

bool fleet_act_submit(struct act *a)
{
    a->work.run = act_work_run;
    a->work.done = act_work_done;
    return writer_submit(a->fleet->writer, &a->work);
}
