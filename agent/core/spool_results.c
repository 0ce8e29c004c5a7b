#include "spool_internal.h"

#include "mem.h"

#include <inttypes.h>

/* The file is small (reports of one machine's jobs) and is written anew by each change; memory keeps an index
 * only. */
static const char file_name[] = "spool.results";

static struct spool_result *find(const struct spool *s, const char *job)
{
    for (size_t i = 0; i < s->result_count; i++)
        if (strcmp(s->results[i].job, job) == 0)
            return &s->results[i];
    return NULL;
}

static struct spool_result *find_or_add(struct spool *s, const char *job)
{
    struct spool_result *r = find(s, job);
    if (r)
        return r;
    s->results = mem_resize(s->results, s->result_count + 1, sizeof *s->results);
    r = &s->results[s->result_count++];
    *r = (struct spool_result){0};
    size_t n = strlen(job);
    memcpy(r->job, job, n < sizeof r->job ? n : sizeof r->job - 1);
    return r;
}

bool spool_results_load(struct spool *s, struct err *e)
{
    struct buf text;
    struct slice body;
    struct record r;
    bool absent;
    bool ok = spool_read(s, file_name, RESULTS_FILE_MAX, &text, &absent, e);
    struct batch_reader reader = {.text = buf_slice(&text)};
    while (ok && batch_next(&reader, &body))
        while (record_next(&body, &r)) {
            struct arena a = {0};
            struct wire_result msg;
            if (r.type == 'R' && wire_decode_result(r.text, &a, &msg, NULL)) {
                struct spool_result *result = find_or_add(s, msg.job);
                result->rev = msg.rev;
                result->acked = r.acked;
                result->wall_ms = r.wall_ms;
                result->bytes = r.line.n;
            }
            arena_free(&a);
        }
    buf_free(&text);
    return ok;
}

bool spool_results_news(const struct spool *s)
{
    for (size_t i = 0; i < s->result_count; i++)
        if (!s->results[i].acked)
            return true;
    return false;
}

static void forget_at(struct spool *s, size_t i)
{
    memmove(&s->results[i], &s->results[i + 1], (s->result_count - i - 1) * sizeof *s->results);
    s->result_count--;
}

/* Acknowledged ones go when they are old or too many, oldest first: the index is in order of arrival. */
static void forget_acked(struct spool *s)
{
    int64_t now_ms = clock_wall_ms(s->machine->clock);
    size_t count = 0, bytes = 0;
    for (size_t i = s->result_count; i-- > 0;) {
        const struct spool_result *r = &s->results[i];
        if (!r->acked)
            continue;
        count++;
        bytes += r->bytes;
        if (count > RESULTS_KEPT_MAX || bytes > RESULTS_KEPT_BYTES ||
            now_ms - r->wall_ms > s->o.acked_max_age_ms)
            forget_at(s, i);
    }
}

static void put_line(struct buf *out, const struct spool_result *r, struct slice json)
{
    struct buf body;
    buf_init(&body, json.n + 64);
    buf_printf(&body, "R %d %" PRId64 " %.*s\n", r->acked, r->wall_ms, SLICE_ARG(json));
    batch_write(out, buf_slice(&body));
    buf_free(&body);
}

/* Copies the old file's lines, with the index's flags, less those the index forgot or `except`. */
static void copy_lines(struct spool *s, struct slice old, const char *except, struct buf *out)
{
    struct batch_reader reader = {.text = old};
    struct slice body;
    struct record r;
    while (batch_next(&reader, &body))
        while (record_next(&body, &r)) {
            struct arena a = {0};
            struct wire_result msg;
            if (r.type == 'R' && wire_decode_result(r.text, &a, &msg, NULL) &&
                !(except && strcmp(msg.job, except) == 0)) {
                const struct spool_result *known = find(s, msg.job);
                if (known)
                    put_line(out, known, r.text);
            }
            arena_free(&a);
        }
}

/* Writes the file anew; `added` is the new report's JSON, under the name `job`. */
static bool rewrite(struct spool *s, const char *job, struct slice added, struct err *e)
{
    struct buf old, out;
    bool absent;
    const struct machine *m = s->machine;
    buf_init(&out, RESULTS_FILE_MAX);
    bool ok = spool_read(s, file_name, RESULTS_FILE_MAX, &old, &absent, e);
    if (ok) {
        forget_acked(s);
        copy_lines(s, buf_slice(&old), job, &out);
        if (job)
            put_line(&out, find(s, job), added);
        ok = buf_check(&out, file_name, e) &&
             m->ops->file_replace(m->ctx, file_name, buf_slice(&out), e) == MACHINE_OK;
    }
    buf_free(&old);
    buf_free(&out);
    return ok;
}

/* Encodes, and while it is too long for a message cuts out of the output's middle: the beginning says what
 * was found, the end how it went. */
static void encode_bounded(const struct wire_result *r, struct arena *a, struct buf *out)
{
    static const char gap[] = "\n[...]\n";
    struct wire_result cut = *r;
    wire_encode_result(&cut, out);
    for (size_t keep = cut.output ? strlen(cut.output) / 2 : 0; out->n > RESULT_JSON_MAX && keep > 64;
         keep /= 2) {
        struct slice head = slice_make(r->output, keep / 2), tail = slice_of(r->output);
        tail = slice_make(tail.p + tail.n - keep / 2, keep / 2);
        cut.output = arena_printf(a, "%.*s%s%.*s", SLICE_ARG(head), gap, SLICE_ARG(tail));
        buf_clear(out);
        wire_encode_result(&cut, out);
    }
}

bool spool_put_result(struct spool *s, const struct wire_result *r, struct err *e)
{
    if (!r->job || !job_id_valid(r->job))
        return err_set(e, ERR_INVALID, "spool: a report without a valid job id");
    struct arena a = {0};
    struct buf json;
    buf_init(&json, 256 * 1024);
    encode_bounded(r, &a, &json);

    struct spool_result *known = find(s, r->job);
    struct spool_result before = known ? *known : (struct spool_result){0};
    struct spool_result *now = find_or_add(s, r->job);
    now->rev = r->rev;
    now->handed_rev = 0;
    now->acked = false;
    now->wall_ms = clock_wall_ms(s->machine->clock);
    now->bytes = json.n;
    bool ok = buf_check(&json, "report", e) && rewrite(s, r->job, buf_slice(&json), e);
    if (!ok && known)
        *find(s, r->job) = before;
    else if (!ok)
        forget_at(s, (size_t)(find(s, r->job) - s->results));
    buf_free(&json);
    arena_free(&a);
    return ok || err_wrap(e, "spool");
}

size_t spool_results_fill(struct spool *s, struct arena *a, struct wire_sync *msg, size_t max_bytes)
{
    enum { LIMIT = 50 };
    struct buf text;
    struct slice body;
    struct record r;
    bool absent;
    size_t used = 0;
    if (!spool_results_news(s))
        return 0;
    msg->results = arena_alloc(a, LIMIT * sizeof *msg->results);
    bool ok = spool_read(s, file_name, RESULTS_FILE_MAX, &text, &absent, NULL);
    struct batch_reader reader = {.text = buf_slice(&text)};
    while (ok && msg->results_count < LIMIT && batch_next(&reader, &body))
        while (msg->results_count < LIMIT && record_next(&body, &r)) {
            struct wire_result *out = &msg->results[msg->results_count];
            /* The first one may take more than its share, or it would never leave. */
            bool fits = used + r.text.n + 1 <= max_bytes ||
                        (msg->results_count == 0 && r.text.n < RESULT_JSON_MAX + 1);
            struct spool_result *known;
            if (r.type != 'R' || !fits || !wire_decode_result(r.text, a, out, NULL))
                continue;
            known = find(s, out->job);
            if (!known || known->acked)
                continue;
            known->handed_rev = out->rev;
            msg->results_count++;
            used += r.text.n + 1;
        }
    buf_free(&text);
    return used;
}

bool spool_results_ack(struct spool *s, const char *const *jobs, size_t job_count, struct err *e)
{
    bool changed = false;
    for (size_t i = 0; i < job_count; i++) {
        struct spool_result *r = find(s, jobs[i]);
        if (!r || r->acked || r->handed_rev != r->rev)
            continue;
        r->acked = true;
        changed = true;
    }
    return !changed || rewrite(s, NULL, (struct slice){0}, e);
}

bool spool_resend_results(struct spool *s, struct err *e)
{
    bool changed = false;
    for (size_t i = 0; i < s->result_count; i++) {
        changed = changed || s->results[i].acked;
        s->results[i].acked = false;
    }
    return !changed || rewrite(s, NULL, (struct slice){0}, e);
}
