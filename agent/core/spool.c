#include "spool_internal.h"

#include "crypto.h"
#include "log.h"
#include "mem.h"

#include <inttypes.h>

static const struct spool_options defaults = {.max_bytes = 8 * 1024 * 1024,
                                              .acked_max_bytes = 4 * 1024 * 1024,
                                              .acked_max_age_ms = INT64_C(7) * 24 * 3600 * 1000};

enum { PENDING_MAX_BYTES = 1024 * 1024 };

struct spool *spool_open(const struct machine *m, const struct spool_options *o, struct err *e)
{
    struct spool *s = mem_zalloc(sizeof *s);
    s->machine = m;
    s->o = o ? *o : defaults;
    if (!s->o.max_bytes)
        s->o.max_bytes = defaults.max_bytes;
    if (!s->o.acked_max_bytes)
        s->o.acked_max_bytes = defaults.acked_max_bytes;
    if (!s->o.acked_max_age_ms)
        s->o.acked_max_age_ms = defaults.acked_max_age_ms;
    s->next_seq = 1;
    buf_init(&s->pending, PENDING_MAX_BYTES);
    if (!spool_load(s, e) || !spool_results_load(s, e)) {
        err_wrap(e, "spool");
        spool_close(s);
        return NULL;
    }
    /* Numbers a lost process gave out and did not write must not come again. */
    if (!s->created && !s->closed_well)
        s->next_seq += PENDING_EVENTS_MAX;
    s->mark_due = !s->created;
    return s;
}

/* "A ..." */
static void put_marks(const struct spool *s, struct buf *body)
{
    buf_printf(body, "A %" PRId64 " %" PRId64 " %" PRId64 "\n", s->acked, s->dropped, s->next_seq);
}

static bool write_marks(struct spool *s, bool sync, bool closed, struct err *e)
{
    struct buf body;
    buf_init(&body, 256);
    put_marks(s, &body);
    if (closed)
        buf_puts(&body, "Z\n");
    bool ok = spool_write_batch(s, buf_slice(&body), sync, e);
    buf_free(&body);
    return ok;
}

static void finish(struct spool *s)
{
    struct err e;
    if (!s->stream[0])
        return;
    if (!spool_sync(s, &e))
        log_warn("spool.not_written events=%d reason=\"%s\"", s->pending_events, e.text);
    else if (!s->closed_well && !s->mark_due && !write_marks(s, true, true, &e))
        log_warn("spool.not_closed reason=\"%s\"", e.text);
}

void spool_close(struct spool *s)
{
    if (!s)
        return;
    finish(s);
    for (size_t i = 0; i < s->note_count; i++) {
        mem_free(s->notes[i].key);
        mem_free(s->notes[i].text);
    }
    mem_free(s->notes);
    mem_free(s->results);
    buf_free(&s->pending);
    mem_free(s);
}

const char *spool_stream(const struct spool *s)
{
    return s->stream;
}

int64_t spool_last_seq(const struct spool *s)
{
    return s->next_seq - 1;
}

int64_t spool_dropped(const struct spool *s)
{
    return s->dropped;
}

size_t spool_bytes(const struct spool *s)
{
    return s->file_bytes;
}

bool spool_has_news(const struct spool *s)
{
    return s->live_last > s->acked || spool_results_news(s);
}

static char event_class(const struct wire_event *ev)
{
    const char *outcome = ev->outcome ? ev->outcome : "";
    return strcmp(outcome, "failed") == 0 ? 'f' : strcmp(outcome, "succeeded") == 0 ? 's' : 'n';
}

/* Makes room in memory. Before the first number is used the disk must say that the file is in use, and where
 * the numbers go on: else a crash now would look like a good end. */
static bool append_prepare(struct spool *s, struct err *e)
{
    if (s->mark_due) {
        if (!spool_refresh(s, e) || !write_marks(s, true, false, e))
            return false;
        s->mark_due = false;
    }
    bool enough = s->pending_events >= PENDING_EVENTS_MAX || s->pending.n > PENDING_MAX_BYTES - 16 * 1024;
    bool much = s->pending.n > s->o.max_bytes / 8;
    return (!enough && !much) || spool_sync(s, e) || (!enough && s->pending.n < s->o.max_bytes / 4);
}

bool spool_append_event(struct spool *s, struct wire_event *ev, struct err *e)
{
    if (!append_prepare(s, e))
        return err_wrap(e, "spool");
    ev->seq = s->next_seq++;
    buf_printf(&s->pending, "E %" PRId64 " %" PRId64 " %c ", ev->seq, clock_wall_ms(s->machine->clock),
               event_class(ev));
    wire_encode_event(ev, &s->pending);
    buf_putc(&s->pending, '\n');
    s->pending_events++;
    return true;
}

static struct spool_note *note_find(const struct spool *s, struct slice key)
{
    for (size_t i = 0; i < s->note_count; i++)
        if (slice_eqz(key, s->notes[i].key))
            return &s->notes[i];
    return NULL;
}

static void note_keep(struct spool *s, struct slice key, struct slice text)
{
    struct spool_note *note = note_find(s, key);
    if (!note) {
        s->notes = mem_resize(s->notes, s->note_count + 1, sizeof *s->notes);
        note = &s->notes[s->note_count++];
        *note = (struct spool_note){.key = mem_strndup(key.p, key.n)};
    }
    mem_free(note->text);
    note->text = mem_strndup(text.p, text.n);
}

void spool_set_note(struct spool *s, const char *key, const char *text)
{
    note_keep(s, slice_of(key), slice_of(text));
    buf_printf(&s->pending, "N %s %s\n", key, text);
}

const char *spool_note(const struct spool *s, const char *key)
{
    const struct spool_note *note = note_find(s, slice_of(key));
    return note ? note->text : NULL;
}

bool spool_sync(struct spool *s, struct err *e)
{
    if (!s->pending.n)
        return true;
    if (!spool_refresh(s, e))
        return err_wrap(e, "spool");
    size_t need = s->pending.n + BATCH_HEAD_BYTES + 1;
    if (s->file_bytes + need > s->o.max_bytes && !spool_compact(s, need, false, e))
        return err_wrap(e, "spool");
    int64_t last = s->next_seq - 1;
    bool events = s->pending_events > 0;
    if (!spool_write_batch(s, buf_slice(&s->pending), true, e))
        return err_wrap(e, "spool");
    if (events)
        s->live_last = last;
    s->pending_events = 0;
    buf_free(&s->pending);
    if (s->file_bytes > s->compact_at && !spool_compact(s, 0, false, e))
        log_warn("spool.not_compacted reason=\"%s\"", e ? e->text : "");
    return true;
}

/* Applies one line of the file to the state. Notes in memory are never older than those on disk. */
static void apply(struct spool *s, const struct record *r, bool first)
{
    s->closed_well = r->type == 'Z';
    if (r->type == 'H' && r->name.n < sizeof s->stream) {
        memcpy(s->stream, r->name.p, r->name.n);
        s->stream[r->name.n] = '\0';
    }
    if (r->type == 'H' || r->type == 'A') {
        s->acked = r->mark;
        s->dropped = r->dropped;
        s->next_seq = r->next > s->next_seq ? r->next : s->next_seq;
    } else if (r->type == 'E' && r->seq > s->live_last) {
        s->live_last = r->seq;
        s->next_seq = r->seq >= s->next_seq ? r->seq + 1 : s->next_seq;
    } else if (r->type == 'N' && first) {
        note_keep(s, r->name, r->text);
    }
}

static bool create(struct spool *s, struct err *e)
{
    struct buf body, text;
    const struct machine *m = s->machine;
    buf_init(&body, 256);
    buf_init(&text, 512);
    random_hex(16, s->stream);
    buf_printf(&body, "H %s 0 0 1\n", s->stream);
    batch_write(&text, buf_slice(&body));
    bool ok = m->ops->file_replace(m->ctx, "spool.events", buf_slice(&text), e) == MACHINE_OK;
    if (ok)
        s->file_bytes = text.n;
    else
        s->stream[0] = '\0';
    s->created = true;
    s->compact_at = 128 * 1024;
    buf_free(&body);
    buf_free(&text);
    return ok;
}

bool spool_load(struct spool *s, struct err *e)
{
    struct buf text;
    bool absent, first = !s->stream[0];
    buf_init(&text, SPOOL_READ_MAX);
    if (!spool_read(s, "spool.events", SPOOL_READ_MAX, &text, &absent, e)) {
        buf_free(&text);
        return false;
    }
    struct batch_reader reader = {.text = buf_slice(&text)};
    struct slice body;
    struct record r;
    int64_t acked = s->acked;
    s->live_last = 0;
    s->closed_well = false;
    while (batch_next(&reader, &body))
        while (record_next(&body, &r))
            apply(s, &r, first);
    if (!first)
        s->acked = acked;
    s->file_bytes = text.n;
    s->torn = text.n && text.p[text.n - 1] != '\n';
    s->closed_well = s->closed_well && !reader.skipped;
    s->compact_at = text.n > 128 * 1024 ? text.n : 128 * 1024;
    if (reader.skipped && first)
        log_warn("spool.torn bytes=%zu", reader.skipped);
    buf_free(&text);
    if (s->stream[0])
        return true;
    if (!absent)
        log_error("spool.damaged started_anew=yes");
    return create(s, e);
}

bool spool_refresh(struct spool *s, struct err *e)
{
    if (s->stale && !spool_load(s, e))
        return false;
    s->stale = false;
    return true;
}

bool spool_read(const struct spool *s, const char *name, size_t max, struct buf *text, bool *absent,
                struct err *e)
{
    const struct machine *m = s->machine;
    buf_init(text, max);
    enum machine_status status = m->ops->file_read(m->ctx, name, text, e);
    *absent = status == MACHINE_ABSENT;
    if (status == MACHINE_OK || *absent)
        return true;
    return err_wrap(e, "%s", name);
}

bool spool_write_batch(struct spool *s, struct slice body, bool sync, struct err *e)
{
    const struct machine *m = s->machine;
    struct buf text;
    buf_init(&text, body.n + BATCH_HEAD_BYTES + 2);
    if (s->torn)
        buf_putc(&text, '\n');
    batch_write(&text, body);
    bool ok = m->ops->file_append(m->ctx, "spool.events", buf_slice(&text), sync, e) == MACHINE_OK;
    if (ok) {
        s->file_bytes += text.n;
        s->torn = false;
        s->closed_well = body.n >= 3 && memcmp(body.p + body.n - 3, "\nZ\n", 3) == 0;
    } else {
        s->stale = true;
    }
    buf_free(&text);
    return ok;
}

static bool fill_event(struct arena *a, struct wire_sync *msg, const struct record *r, size_t *left)
{
    if (msg->events_count == WIRE_EVENTS_MAX || r->text.n + 1 > *left)
        return false;
    struct wire_event *ev = &msg->events[msg->events_count];
    if (!wire_decode_event(r->text, a, ev, NULL))
        return true; /* can't happen to what was encoded here; not worth blocking the others */
    msg->events_count++;
    *left -= r->text.n + 1;
    return true;
}

static void fill_events(const struct spool *s, struct arena *a, struct wire_sync *msg, size_t left)
{
    struct buf text;
    struct slice body;
    struct record r;
    bool absent, room = true;
    int64_t last = s->acked;
    msg->events = arena_alloc(a, WIRE_EVENTS_MAX * sizeof *msg->events);
    if (!spool_read(s, "spool.events", SPOOL_READ_MAX, &text, &absent, NULL)) {
        buf_free(&text);
        return;
    }
    struct batch_reader reader = {.text = buf_slice(&text)};
    while (room && batch_next(&reader, &body))
        while (room && record_next(&body, &r))
            if (r.type == 'E' && r.seq > last && r.seq <= s->live_last) {
                room = fill_event(a, msg, &r, &left);
                last = r.seq;
            }
    buf_free(&text);
}

void spool_fill(struct spool *s, struct arena *a, struct wire_sync *msg, size_t max_bytes)
{
    bool events = s->live_last > s->acked;
    /* Reports go first: someone waits for them. A backlog of events keeps half of the room all the same. */
    size_t used = spool_results_fill(s, a, msg, events ? max_bytes / 2 : max_bytes);
    if (events && used < max_bytes)
        fill_events(s, a, msg, max_bytes - used);
}

bool spool_ack(struct spool *s, int64_t have, const char *const *jobs, size_t job_count, struct err *e)
{
    if (!spool_refresh(s, e))
        return err_wrap(e, "spool");
    bool ok = true;
    if (have > spool_last_seq(s)) {
        log_warn("spool.behind_server have=%" PRId64 " last=%" PRId64 " new_stream=yes", have,
                 spool_last_seq(s));
        ok = spool_compact(s, 0, true, e);
    } else if (have != s->acked) {
        bool restored = have < s->acked;
        s->acked = have;
        ok = write_marks(s, false, false, e);
        if (restored)
            ok = spool_resend_results(s, e) && ok;
    }
    if (s->file_bytes > s->compact_at)
        ok = spool_compact(s, 0, false, e) && ok;
    ok = spool_results_ack(s, jobs, job_count, e) && ok;
    return ok || err_wrap(e, "spool");
}
