#include "line_parser.h"

#include "text.h"

static size_t plain_prefix(struct slice s, size_t max)
{
    size_t n = 0;
    while (n < s.n && n < max && ((s.p[n] >= 0x20 && s.p[n] < 0x7F) || s.p[n] == '\t'))
        n++;
    return n;
}

/* Control characters and broken UTF-8 become U+FFFD, a stray CR a blank; cut at whole characters. */
static void copy_clean(char *dst, size_t size, struct slice s)
{
    size_t plain = plain_prefix(s, size - 1);
    if (plain == s.n || plain == size - 1) { /* as good as always */
        memcpy(dst, s.p, plain);
        dst[plain] = '\0';
        return;
    }
    char blanked[EVENT_TEXT_MAX + 4];
    size_t n = s.n < size + 3 ? s.n : size + 3; /* the last character whole, so that only the end is cut */
    for (size_t i = 0; i < n; i++)
        blanked[i] = s.p[i] == '\r' ? ' ' : s.p[i];
    struct buf clean;
    buf_init(&clean, size);
    utf8_append_clean(&clean, slice_make(blanked, n), size - 1);
    memcpy(dst, buf_text(&clean), clean.n);
    dst[clean.n] = '\0';
    buf_free(&clean);
}

void line_event(struct log_state *st, struct slice line, const char *context, uint32_t code, struct event *out)
{
    memset(out, 0, sizeof *out);
    out->outcome = EVENT_NOISE;
    out->code = code;
    out->phase = st->parser->phase;
    out->source = st->parser->source;
    out->context = context;
    out->line = st->number;
    st->parser->time(st, line, out);
    copy_clean(out->text, sizeof out->text, line);
}

void line_title(struct slice title, struct event *ev)
{
    copy_clean(ev->title, sizeof ev->title, title);
}

void line_flush(struct log_state *st)
{
    if (st->has_pending)
        st->sink(st->ctx, &st->pending);
    st->has_pending = false;
}

void line_report(struct log_state *st, const struct event *ev)
{
    if (ev->outcome == EVENT_SUCCEEDED)
        line_flush(st); /* a success closes failures: it may not overtake one */
    if (ev->outcome != EVENT_NOISE || st->all)
        st->sink(st->ctx, ev);
}

void line_noise(struct log_state *st, struct slice line, const char *context, uint32_t code)
{
    if (!st->all)
        return;
    struct event ev;
    line_event(st, line, context, code, &ev);
    st->sink(st->ctx, &ev);
}

static bool compatible(const char *a, const char *b)
{
    return !a[0] || !b[0] || strcmp(a, b) == 0;
}

static bool repeats_pending(const struct log_state *st, const struct event *ev, int64_t window_ms)
{
    const struct event *first = &st->pending;
    if (!st->has_pending || first->code != ev->code || first->phase != ev->phase || !compatible(first->kb, ev->kb))
        return false;
    if (!first->has_time || !ev->has_time)
        return true;
    /* Both ways: setup's clock may step back by the zone while it runs. */
    int64_t away_ms = ev->time_ms - st->pending_since_ms;
    return away_ms <= window_ms && away_ms >= -window_ms;
}

static void learn_from(struct event *kept, const struct event *other)
{
    if (!kept->kb[0])
        memcpy(kept->kb, other->kb, sizeof kept->kb);
    if (!kept->extend)
        kept->extend = other->extend;
}

void line_failure(struct log_state *st, const struct event *ev, int64_t window_ms, enum line_keep keep)
{
    if (!repeats_pending(st, ev, window_ms)) {
        line_flush(st);
        st->pending = *ev;
        st->pending.outcome = EVENT_FAILED;
        st->pending_since_ms = ev->time_ms;
        st->has_pending = true;
        return;
    }
    struct event repetition = *ev;
    if (keep == KEEP_LAST) {
        repetition = st->pending;
        st->pending = *ev;
        st->pending.outcome = EVENT_FAILED;
    }
    learn_from(&st->pending, &repetition);
    repetition.outcome = EVENT_NOISE;
    line_report(st, &repetition);
}
