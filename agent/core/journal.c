#include "journal.h"

#include "log.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>

static const char file_name[] = "journal";

enum { COMPACT_MIN_BYTES = 64 << 10 };
#define DAY_MS INT64_C(86400000)

/* ---- the list ---- */

struct job *journal_find(const struct journal *jl, const char *id)
{
    for (struct job *j = jl->first; j; j = j->next)
        if (strcmp(j->id, id) == 0)
            return j;
    return NULL;
}

struct job *journal_add(struct journal *jl, const char *id, const char *repair_name, struct err *e)
{
    if (jl->job_count >= JOURNAL_JOBS_MAX) {
        err_set(e, ERR_LIMIT, "the journal holds %d jobs and takes no more", JOURNAL_JOBS_MAX);
        return NULL;
    }
    struct job *j = mem_zalloc(sizeof *j);
    snprintf(j->id, sizeof j->id, "%s", id);
    snprintf(j->repair_name, sizeof j->repair_name, "%s", repair_name);
    j->repair = repair_find(j->repair_name);
    j->state = JOB_WAITING;
    buf_init(&j->output, JOURNAL_OUTPUT_MAX);
    *jl->end = j;
    jl->end = &j->next;
    jl->job_count++;
    return j;
}

void journal_remove(struct journal *jl, struct job *gone)
{
    struct job **at = &jl->first;
    while (*at != gone)
        at = &(*at)->next;
    *at = gone->next;
    if (jl->end == &gone->next)
        jl->end = at;
    jl->job_count--;
    buf_free(&gone->output);
    mem_free(gone);
}

/* ---- writing ---- */

static void put_job(const struct job *j, bool with_order, bool whole, struct buf *out)
{
    if (with_order) {
        buf_puts(out, "O ");
        job_encode_order(j, out);
        buf_putc(out, '\n');
    }
    buf_puts(out, "S ");
    job_encode(j, whole, out);
    buf_putc(out, '\n');
}

static void put_failure(const struct journal *jl, const struct failure *f, struct buf *out)
{
    buf_puts(out, "F ");
    failure_encode(f, jl->last_install_seq, out);
    buf_putc(out, '\n');
}

static void mark_written(struct job *j)
{
    j->dirty = false;
    j->order_written = true;
    j->output_written = j->output.n;
}

/* Replaces the file by what is in memory. */
static bool rewrite(struct journal *jl, struct err *e)
{
    struct buf out;
    buf_init(&out, JOURNAL_MAX_BYTES);
    for (const struct job *j = jl->first; j; j = j->next)
        put_job(j, true, true, &out);
    for (int p = 0; p < EVENT_PHASE_COUNT; p++)
        if (jl->failures[p].phase[0])
            put_failure(jl, &jl->failures[p], &out);
    const struct machine *m = jl->machine;
    bool ok = buf_check(&out, "the journal", e) &&
              m->ops->file_replace(m->ctx, file_name, buf_slice(&out), e) == MACHINE_OK;
    if (ok) {
        jl->torn = false;
        jl->file_bytes = jl->snapshot_bytes = out.n;
        for (struct job *j = jl->first; j; j = j->next)
            mark_written(j);
    }
    buf_free(&out);
    return ok || err_wrap(e, "journal");
}

static bool is_due_for_compaction(const struct journal *jl)
{
    return jl->file_bytes > COMPACT_MIN_BYTES && jl->file_bytes > 2 * jl->snapshot_bytes;
}

static bool append(struct journal *jl, const struct buf *line, bool sync, struct err *e)
{
    const struct machine *m = jl->machine;
    if (m->ops->file_append(m->ctx, file_name, buf_slice(line), sync, e) != MACHINE_OK) {
        jl->torn = true;
        return err_wrap(e, "journal");
    }
    jl->file_bytes += line->n;
    return true;
}

bool journal_save(struct journal *jl, struct job *j, struct err *e)
{
    if (jl->torn || is_due_for_compaction(jl))
        return rewrite(jl, e);
    struct buf line;
    buf_init(&line, JOURNAL_MAX_BYTES);
    put_job(j, !j->order_written, false, &line);
    bool ok = append(jl, &line, true, e);
    if (ok)
        mark_written(j);
    buf_free(&line);
    return ok;
}

static void append_if_sound(struct journal *jl, const struct buf *line, bool sync)
{
    if (!jl->torn)
        append(jl, line, sync, NULL);
}

void journal_note_told(struct journal *jl, struct job *j)
{
    struct buf line;
    buf_init(&line, 200);
    buf_printf(&line, "T {\"id\":\"%s\",\"rev\":%d}\n", j->id, j->told_rev);
    append_if_sound(jl, &line, false);
    buf_free(&line);
}

void journal_note_failure(struct journal *jl, enum event_phase phase, bool sync)
{
    struct buf line;
    buf_init(&line, 1000);
    put_failure(jl, &jl->failures[phase], &line);
    append_if_sound(jl, &line, sync);
    buf_free(&line);
}

/* ---- reading ---- */

static struct job *job_named_in(const struct journal *jl, struct slice text, int64_t *rev)
{
    struct json *o = json_parse(text, NULL);
    struct slice id = {"", 0};
    char z[JOB_ID_MAX];
    json_string(json_get(o, "id"), &id);
    json_int(json_get(o, "rev"), rev);
    snprintf(z, sizeof z, "%.*s", SLICE_ARG(id));
    json_free(o);
    return journal_find(jl, z);
}

static bool read_order(struct journal *jl, struct slice text, struct err *e)
{
    struct job *j = journal_add(jl, "", "", e);
    if (!j)
        return false;
    bool ok = job_decode_order(j, text, e);
    if (ok && journal_find(jl, j->id) != j)
        ok = err_set(e, ERR_INVALID, "job %s stands twice in the journal", j->id);
    if (!ok)
        journal_remove(jl, j);
    return ok;
}

static bool read_line(struct journal *jl, struct slice line, struct err *e)
{
    struct slice text = {line.p + 2, line.n >= 2 ? line.n - 2 : 0};
    int64_t rev = 0;
    struct job *j = NULL;
    struct failure f;
    enum event_phase phase;
    switch (line.n > 2 ? line.p[0] : '?') {
    case 'O':
        return read_order(jl, text, e);
    case 'S':
        j = job_named_in(jl, text, &rev);
        return j ? job_decode(j, text, e) : err_set(e, ERR_INVALID, "a state without its order");
    case 'T':
        j = job_named_in(jl, text, &rev);
        if (j && rev > j->told_rev)
            j->told_rev = (int)rev;
        return j || err_set(e, ERR_INVALID, "a report without its order");
    case 'F':
        if (failure_decode(text, &f, &jl->last_install_seq) && event_phase_parse(f.phase, &phase)) {
            jl->failures[phase] = f;
            return true;
        }
        break;
    default:
        break;
    }
    return err_set(e, ERR_INVALID, "a line that is none of the journal's");
}

static void read_lines(struct journal *jl, struct slice rest)
{
    for (int number = 1; rest.n; number++) {
        const char *newline = memchr(rest.p, '\n', rest.n);
        size_t n = newline ? (size_t)(newline - rest.p) : rest.n;
        struct err e = {0};
        /* A whole line always ends in its line break: without one the write was cut and never counted. */
        if (!newline || !read_line(jl, slice_make(rest.p, n), &e)) {
            jl->torn = true;
            log_warn("journal.line_ignored line=%d error=%s", number, newline ? e.text : "cut off");
        }
        rest = slice_make(rest.p + n + (newline != NULL), rest.n - n - (newline != NULL));
    }
}

bool journal_open(struct journal *jl, const struct machine *m, struct err *e)
{
    *jl = (struct journal){.machine = m, .end = &jl->first};
    struct buf text;
    buf_init(&text, 2 * JOURNAL_MAX_BYTES);
    enum machine_status s = m->ops->file_read(m->ctx, file_name, &text, e);
    bool ok = s == MACHINE_OK || s == MACHINE_ABSENT;
    if (s == MACHINE_OK)
        read_lines(jl, buf_slice(&text));
    jl->file_bytes = jl->snapshot_bytes = text.n;
    buf_free(&text);
    for (struct job *j = jl->first; j; j = j->next)
        mark_written(j);
    if (!ok)
        return err_wrap(e, "journal");
    err_clear(e);
    return !jl->torn || rewrite(jl, e);
}

void journal_close(struct journal *jl)
{
    while (jl->first)
        journal_remove(jl, jl->first);
}

/* ---- forgetting ---- */

/* Still of use whole: its folder can come back, its verdict is open, or its start types are not all restored. */
static bool is_needed_whole(const struct job *j)
{
    return j->moved_mask || j->left_mask || j->held_mask || j->watched || j->undoable || j->told_rev < j->rev;
}

static void reduce(struct job *j)
{
    j->reduced = true;
    j->values.count = 0;
    buf_free(&j->output);
    buf_init(&j->output, JOURNAL_OUTPUT_MAX);
}

static bool is_forgettable(const struct job *j, int64_t now_t)
{
    int64_t until = (j->not_after > j->start_t ? j->not_after : j->start_t) + 14 * DAY_MS;
    int64_t counted_until = j->start_t + 31 * DAY_MS; /* the longest window of a limit is 30 days */
    if (j->started && !j->start_t)
        return false;
    return now_t > until && (!j->started || now_t > counted_until);
}

void journal_prune(struct journal *jl, int64_t now_t)
{
    size_t ended = 0;
    for (const struct job *j = jl->first; j; j = j->next)
        ended += j->stage == STAGE_ENDED && !j->reduced;
    for (struct job *j = jl->first, *next; j; j = next) {
        next = j->next;
        if (j->stage != STAGE_ENDED || j->dirty || is_needed_whole(j))
            continue;
        if (now_t && is_forgettable(j, now_t))
            journal_remove(jl, j);
        else if (!j->reduced && ended > JOURNAL_FULL_ENDED) {
            reduce(j);
            ended--;
        }
    }
}
