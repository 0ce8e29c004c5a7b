#include "follow.h"

#include "follow_batch.h"
#include "follow_bookmark.h"
#include "log.h"
#include "mem.h"
#include "trusted_time.h"

#include <inttypes.h>

enum {
    CHUNK_BYTES = 32 * 1024,
    ITEMS_GOOD = 100, /* a reading ends when it found so many */
    LINE_GIVE_UP_BYTES = 256 * 1024,
    LOOK_EVERY_MS = 5 * 1000, /* five stat calls; an hour of them costs less than 0.1 CPU-s */
    CLOCK_TRUST_MS = 24 * 3600 * 1000,
};

static const int64_t history_ms = INT64_C(14) * 24 * 3600 * 1000;
/* Stamps before 2000 come from a machine whose clock was wrong: their age is unknown. */
static const int64_t stamp_least_ms = INT64_C(946684800000);

struct log_row {
    const char *note;
    enum log_kind kind;
    int64_t first_bytes; /* at first contact only the last so many; 0: all */
};

/* In the order of reading: the log that knows most of an update comes first. */
static const struct log_row rows[MACHINE_LOG_COUNT] = {
    [MACHINE_LOG_REPORTING_EVENTS] = {"log_reporting_events", LOG_KIND_REPORTING_EVENTS, 0},
    [MACHINE_LOG_WINDOWS_UPDATE] = {"log_windows_update", LOG_KIND_UNKNOWN, 0},
    [MACHINE_LOG_CBS] = {"log_cbs", LOG_KIND_CBS, 5 * 1024 * 1024},
    [MACHINE_LOG_DISM] = {"log_dism", LOG_KIND_DISM, 5 * 1024 * 1024},
    [MACHINE_LOG_SETUP] = {"log_setup", LOG_KIND_SETUP, 0},
};

struct followed {
    struct bookmark mark;
    int64_t seen_size;  /* at the last look, when it was read to its end */
    bool at_end, moved; /* moved: the bookmark is to be written */
};

struct follow {
    const struct machine *machine;
    struct spool *spool;
    follow_event_fn *saw;
    void *ctx;
    struct followed logs[MACHINE_LOG_COUNT];
    struct follow_batch batch;
    size_t committed; /* items of the batch that are in the spool */
    bool noted;       /* so are the bookmarks */
    bool commit_due;
    int64_t server_ms, server_at_ticks;
    struct followed *reading;
};

struct follow *follow_open(const struct machine *m, struct spool *s, follow_event_fn *saw, void *ctx,
                           struct err *e)
{
    (void)e;
    struct follow *f = mem_zalloc(sizeof *f);
    *f = (struct follow){.machine = m, .spool = s, .saw = saw, .ctx = ctx};
    for (int i = 0; i < MACHINE_LOG_COUNT; i++) {
        const char *text = spool_note(s, rows[i].note);
        if (text && !bookmark_read(&f->logs[i].mark, text))
            log_warn("follow.bookmark_damaged log=%s", machine_log_name((enum machine_log)i));
        f->logs[i].seen_size = -1;
    }
    const char *open = spool_note(s, "open_failures");
    if (open)
        follow_open_read(&f->batch, open);
    return f;
}

void follow_close(struct follow *f)
{
    if (!f)
        return;
    follow_batch_free(&f->batch);
    mem_free(f);
}

void follow_set_server_time(struct follow *f, int64_t server_now_ms)
{
    f->server_ms = server_now_ms;
    f->server_at_ticks = clock_ticks_ms(f->machine->clock);
}

static int64_t server_now(const struct follow *f)
{
    return f->server_ms ? f->server_ms + clock_ticks_ms(f->machine->clock) - f->server_at_ticks : 0;
}

/* What the clock shows as far as it can be believed, else trusted time, else 0. */
static int64_t believable_now(const struct follow *f)
{
    int64_t wall_ms = clock_wall_ms(f->machine->clock), server_ms = server_now(f);
    int64_t off_ms = wall_ms > server_ms ? wall_ms - server_ms : server_ms - wall_ms;
    bool good = wall_ms >= CLOCK_IMPOSSIBLE_BEFORE_MS && (!server_ms || off_ms <= CLOCK_TRUST_MS);
    return good ? wall_ms : server_ms;
}

static int64_t to_utc(const struct follow *f, const struct event *ev)
{
    const struct machine *m = f->machine;
    if (!ev->has_time || !ev->time_is_local)
        return ev->has_time ? ev->time_ms : 0;
    int64_t near_ms = ev->time_ms - m->ops->zone_offset_ms(m->ctx, ev->time_ms);
    return ev->time_ms - m->ops->zone_offset_ms(m->ctx, near_ms);
}

static bool is_history(const struct follow *f, const struct event *ev, int64_t utc_ms)
{
    int64_t now_ms = believable_now(f);
    bool first_contact = f->reading->mark.offset < f->reading->mark.first_until;
    return first_contact && ev->has_time && utc_ms >= stamp_least_ms && now_ms &&
           utc_ms < now_ms - history_ms;
}

static void on_event(void *ctx, const struct event *ev)
{
    struct follow *f = ctx;
    if (ev->outcome == EVENT_NOISE)
        return;
    int64_t utc_ms = to_utc(f, ev);
    follow_batch_add(&f->batch, ev, utc_ms, is_history(f, ev, utc_ms), clock_ticks_ms(f->machine->clock));
}

struct feeding {
    bool at_end;     /* there are no more complete lines */
    bool line_ended; /* what was fed ends with a line */
};

static void begin(struct followed *log, const struct log_row *row, const struct log_stat *stat)
{
    int64_t skip =
        row->first_bytes && stat->size_bytes > row->first_bytes ? stat->size_bytes - row->first_bytes : 0;
    log->mark = (struct bookmark){.begun = true,
                                  .identity = stat->identity,
                                  .offset = skip,
                                  .kind = row->kind,
                                  .first_until = stat->size_bytes};
    log->moved = true;
}

/* Length of the complete lines in a chunk that begins at a character. */
static size_t whole_lines(const uint8_t *p, size_t n, bool utf16)
{
    size_t step = utf16 ? 2 : 1;
    for (size_t end = n - n % step; end >= step; end -= step)
        if (p[end - step] == '\n' && (!utf16 || p[end - 1] == 0))
            return end;
    return 0;
}

static bool begins_utf16(const struct bookmark *mark, const uint8_t *p, size_t n)
{
    return mark->utf16 || (mark->offset == 0 && n >= 2 && p[0] == 0xFF && p[1] == 0xFE);
}

/* Feeds the complete lines that were added, as far as the budget goes. Returns the bytes fed. */
static int64_t feed(struct follow *f, enum machine_log which, struct log_parser *p, int64_t *budget,
                    struct feeding *state)
{
    const struct machine *m = f->machine;
    uint8_t *chunk = mem_alloc(CHUNK_BYTES);
    bool utf16 = f->reading->mark.utf16;
    int64_t fed = 0;
    struct err e;
    *state = (struct feeding){.line_ended = true};
    while (*budget > 0 && !state->at_end && f->batch.count < ITEMS_GOOD) {
        size_t got = 0;
        if (m->ops->log_read(m->ctx, which, f->reading->mark.offset + fed, chunk, CHUNK_BYTES, &got, &e) !=
            MACHINE_OK) {
            log_debug("follow.unreadable log=%s reason=\"%s\"", machine_log_name(which), e.text);
            break;
        }
        utf16 = fed ? utf16 : begins_utf16(&f->reading->mark, chunk, got);
        size_t lines = whole_lines(chunk, got, utf16);
        /* A line longer than a chunk goes in piece by piece; one that is being written waits. */
        size_t take = lines || got < CHUNK_BYTES ? lines : got;
        log_parser_feed(p, slice_make(chunk, take));
        fed += (int64_t)take;
        *budget -= (int64_t)take;
        state->line_ended = take ? lines > 0 : state->line_ended;
        state->at_end = got < CHUNK_BYTES && take == lines && (got == 0 || lines == 0);
    }
    mem_free(chunk);
    return fed;
}

/* The bookmark after `fed` bytes: behind the last complete line, or behind all of it when a line has no end.
 */
static void move_mark(struct bookmark *mark, const struct log_parser *p, int64_t fed)
{
    int64_t taken = (int64_t)log_parser_resume_offset(p);
    if (taken > 0) {
        mark->lines = log_parser_lines(p);
        mark->utf16 = log_parser_utf16(p);
        if (log_parser_kind(p) != LOG_KIND_UNKNOWN)
            mark->kind = log_parser_kind(p);
    } else if (fed >= LINE_GIVE_UP_BYTES) {
        taken = fed;
    }
    mark->offset += taken;
}

/* True when there is more to read. */
static bool read_log(struct follow *f, enum machine_log which, int64_t *budget)
{
    const struct machine *m = f->machine;
    struct followed *log = &f->logs[which];
    struct log_stat stat = {0};
    struct err e;
    enum machine_status status = m->ops->log_stat(m->ctx, which, &stat, &e);
    if (status == MACHINE_ABSENT || (status == MACHINE_OK && !stat.exists)) {
        log->at_end = true;
        log->seen_size = -1;
        return false;
    }
    if (status != MACHINE_OK)
        return false;
    if (!log->mark.begun)
        begin(log, &rows[which], &stat);
    else if (log->seen_size == stat.size_bytes && log->mark.identity == stat.identity)
        return false;
    struct bookmark before = log->mark;
    if (!bookmark_locate(&log->mark, m, which, &stat, &e))
        return false;

    f->reading = log;
    struct log_options o = {.kind = log->mark.kind, .first_line = log->mark.lines, .utf16 = log->mark.utf16};
    struct log_parser *p = log_parser_new(&o, on_event, f);
    struct feeding state;
    int64_t fed = feed(f, which, p, budget, &state);
    move_mark(&log->mark, p, fed);
    /* A parser holds a failure back while its lines may go on; it is not kept until more is written. */
    if (state.line_ended)
        log_parser_end(p);
    log_parser_free(p);
    if (log->mark.offset != before.offset || log->mark.identity != before.identity) {
        log->moved = true;
        if (!bookmark_take_tail(&log->mark, m, which, &e))
            log->mark.tail_bytes = 0; /* then growth is all there is to go by */
    }
    log->at_end = log->at_end || state.at_end;
    log->seen_size = state.at_end ? stat.size_bytes : -1;
    return !state.at_end && fed > 0;
}

static const char *some(const char *z)
{
    return *z ? z : NULL;
}

static void to_wire(const struct follow_item *item, struct wire_event *out)
{
    const struct event *ev = &item->ev;
    *out = (struct wire_event){
        .outcome = ev->outcome == EVENT_FAILED ? "failed" : "succeeded",
        .code = ev->code,
        .extend = ev->extend,
        .phase = some(event_phase_name(ev->phase)),
        .source = some(event_source_name(ev->source)),
        .context = ev->context && *ev->context ? ev->context : NULL,
        .time = item->utc_ms,
        .update_id = some(ev->update_id),
        .revision = ev->revision,
        .kb = some(ev->kb),
        .title = some(ev->title),
        .text = some(ev->text),
        .count = item->count > 1 ? item->count : 0,
        .history = item->history,
    };
}

static bool commit_events(struct follow *f, struct err *e)
{
    for (; f->committed < f->batch.count; f->committed++) {
        const struct follow_item *item = &f->batch.items[f->committed];
        struct wire_event ev;
        if (item->dropped)
            continue;
        to_wire(item, &ev);
        if (!spool_append_event(f->spool, &ev, e))
            return false;
        if (f->saw)
            f->saw(f->ctx, &ev);
    }
    return true;
}

static void commit_notes(struct follow *f)
{
    for (int i = 0; i < MACHINE_LOG_COUNT && !f->noted; i++) {
        char text[BOOKMARK_TEXT_MAX];
        if (!f->logs[i].moved)
            continue;
        bookmark_print(&f->logs[i].mark, text);
        spool_set_note(f->spool, rows[i].note, text);
        f->logs[i].moved = false;
    }
    if (!f->noted && f->batch.open_changed) {
        char text[OPEN_TEXT_MAX];
        follow_open_print(&f->batch, text);
        spool_set_note(f->spool, "open_failures", text);
    }
    f->noted = true;
}

/* Can be called again after a failure, and goes on where it stopped. */
static bool commit(struct follow *f, struct err *e)
{
    if (!commit_events(f, e))
        return false;
    commit_notes(f);
    if (!spool_sync(f->spool, e))
        return false;
    follow_batch_done(&f->batch, clock_ticks_ms(f->machine->clock));
    f->committed = 0;
    f->noted = f->commit_due = false;
    return true;
}

int64_t follow_step(struct follow *f)
{
    int64_t budget = FOLLOW_SLICE_BYTES, ticks_ms = clock_ticks_ms(f->machine->clock);
    bool more = f->commit_due;
    struct err e;
    for (int i = 0; i < MACHINE_LOG_COUNT && !f->commit_due; i++) {
        if (budget <= 0 || f->batch.count >= ITEMS_GOOD) {
            more = true;
            break;
        }
        more = read_log(f, (enum machine_log)i, &budget) || more;
    }
    f->commit_due = true;
    if (!commit(f, &e)) {
        log_warn("follow.not_stored reason=\"%s\"", e.text);
        return ticks_ms + LOOK_EVERY_MS;
    }
    return more ? ticks_ms : ticks_ms + LOOK_EVERY_MS;
}

bool follow_caught_up(const struct follow *f)
{
    for (int i = 0; i < MACHINE_LOG_COUNT; i++)
        if (!f->logs[i].at_end)
            return false;
    return true;
}
