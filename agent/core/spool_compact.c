#include "spool_internal.h"

#include "crypto.h"
#include "mem.h"

#include <inttypes.h>

/* One event of the old file. */
struct live {
    struct slice line;
    int64_t seq, wall_ms;
    char class;
    bool acked, drop;
};

enum { NOTES_MAX = 32, HEAD_ROOM = 256 };

struct compaction {
    struct spool *s;
    struct live *live;
    size_t count, room;
    struct record notes[NOTES_MAX];
    size_t note_count;
    size_t bytes;       /* of the events that stay */
    size_t fixed_bytes; /* of all else in the new file */
    int64_t dropped;
};

static void add_event(struct compaction *c, const struct record *r)
{
    /* A batch that was written twice, because its first write failed late, counts once. */
    if (c->count && r->seq <= c->live[c->count - 1].seq)
        return;
    if (c->count == c->room) {
        c->room = c->room ? 2 * c->room : 256;
        c->live = mem_resize(c->live, c->room, sizeof *c->live);
    }
    c->live[c->count++] = (struct live){.line = r->line,
                                        .seq = r->seq,
                                        .wall_ms = r->wall_ms,
                                        .class = r->class,
                                        .acked = r->seq <= c->s->acked};
    c->bytes += r->line.n;
}

/* Notes come from the file, not from memory: those in memory may belong to events that are not written yet.
 */
static void add_note(struct compaction *c, const struct record *r)
{
    size_t i = 0;
    while (i < c->note_count && !slice_eq(c->notes[i].name, r->name))
        i++;
    if (i < NOTES_MAX) {
        c->notes[i] = *r;
        c->note_count = i == c->note_count ? i + 1 : c->note_count;
    }
}

static void collect(struct compaction *c, struct slice text)
{
    struct batch_reader reader = {.text = text};
    struct slice body;
    struct record r;
    while (batch_next(&reader, &body))
        while (record_next(&body, &r)) {
            if (r.type == 'E')
                add_event(c, &r);
            else if (r.type == 'N')
                add_note(c, &r);
        }
    c->fixed_bytes = HEAD_ROOM + (c->bytes / BATCH_GOOD_BYTES + 2) * (BATCH_HEAD_BYTES + 1);
    for (size_t i = 0; i < c->note_count; i++)
        c->fixed_bytes += c->notes[i].line.n;
}

static void drop(struct compaction *c, struct live *l)
{
    if (l->drop)
        return;
    l->drop = true;
    c->bytes -= l->line.n;
    c->dropped += l->acked ? 0 : 1;
}

/* Acknowledged events go when they are old or too many; all of them when a new stream begins. */
static void drop_acked(struct compaction *c, bool all)
{
    int64_t now_ms = clock_wall_ms(c->s->machine->clock);
    size_t kept = 0;
    for (size_t i = c->count; i-- > 0;) {
        struct live *l = &c->live[i];
        if (!l->acked)
            continue;
        kept += l->line.n;
        if (all || kept > c->s->o.acked_max_bytes || now_ms - l->wall_ms > c->s->o.acked_max_age_ms)
            drop(c, l);
    }
}

/* Oldest first: what the server has, then noise, successes, failures. */
static void drop_until(struct compaction *c, size_t goal)
{
    static const char classes[] = {'a', 'n', 's', 'f'};
    for (size_t k = 0; k < sizeof classes; k++)
        for (size_t i = 0; i < c->count && c->bytes > goal; i++)
            if (classes[k] == 'a' ? c->live[i].acked : c->live[i].class == classes[k])
                drop(c, &c->live[i]);
}

static void choose(struct compaction *c, size_t need_bytes, bool new_stream)
{
    size_t max = c->s->o.max_bytes;
    drop_acked(c, new_stream);
    if (c->bytes + c->fixed_bytes + need_bytes <= max)
        return;
    /* A quarter more than is needed, so that a full spool is not written anew for every event. */
    size_t taken = c->fixed_bytes + need_bytes;
    size_t goal = max / 4 * 3;
    drop_until(c, goal > taken ? goal - taken : 0);
}

static void put_head(const struct compaction *c, const char *stream, struct buf *body)
{
    const struct spool *s = c->s;
    buf_printf(body, "H %s %" PRId64 " %" PRId64 " %" PRId64 "\n", stream, s->acked, s->dropped + c->dropped,
               s->next_seq);
    for (size_t i = 0; i < c->note_count; i++)
        buf_append_slice(body, c->notes[i].line);
}

static void flush(struct buf *body, struct buf *out)
{
    batch_write(out, buf_slice(body));
    buf_clear(body);
}

static void write_all(const struct compaction *c, const char *stream, struct buf *out)
{
    struct buf body;
    buf_init(&body, SPOOL_READ_MAX);
    put_head(c, stream, &body);
    for (size_t i = 0; i < c->count; i++) {
        if (body.n && body.n + c->live[i].line.n > BATCH_GOOD_BYTES)
            flush(&body, out);
        if (!c->live[i].drop)
            buf_append_slice(&body, c->live[i].line);
    }
    flush(&body, out);
    buf_free(&body);
}

static int64_t last_kept(const struct compaction *c)
{
    for (size_t i = c->count; i-- > 0;)
        if (!c->live[i].drop)
            return c->live[i].seq;
    return 0;
}

static void take_over(const struct compaction *c, const char *stream, size_t bytes)
{
    struct spool *s = c->s;
    memcpy(s->stream, stream, sizeof s->stream);
    s->dropped += c->dropped;
    s->live_last = last_kept(c);
    s->file_bytes = bytes;
    s->compact_at = 2 * bytes + 128 * 1024;
    s->torn = false;
    s->closed_well = false;
    s->mark_due = false;
}

bool spool_compact(struct spool *s, size_t need_bytes, bool new_stream, struct err *e)
{
    struct compaction c = {.s = s};
    struct buf text, out;
    bool absent;
    char stream[sizeof s->stream];
    const struct machine *m = s->machine;
    memcpy(stream, s->stream, sizeof stream);
    if (new_stream)
        random_hex(16, stream);
    buf_init(&out, SPOOL_READ_MAX + SPOOL_READ_MAX / 4);
    bool ok = spool_read(s, "spool.events", SPOOL_READ_MAX, &text, &absent, e);
    if (!ok)
        goto out;

    collect(&c, buf_slice(&text));
    choose(&c, need_bytes, new_stream);
    write_all(&c, stream, &out);
    ok = m->ops->file_replace(m->ctx, "spool.events", buf_slice(&out), e) == MACHINE_OK;
    if (ok)
        take_over(&c, stream, out.n);
    else
        s->stale = true; /* the old file or the new one */
out:
    mem_free(c.live);
    buf_free(&text);
    buf_free(&out);
    return ok;
}
