/* What state a machine is in, and why in one sentence, derived from what is stored about it. */
#include "code.h"
#include "mem.h"
#include "rows.h"
#include "store_internal.h"
#include "times.h"

#include <stdio.h>

enum { WHY_MAX_BYTES = 600, OFFLINE_AFTER_MS = 600000 };

struct standing_failure {
    int64_t id, first_seen_ms; /* id 0: there is none */
    uint32_t code;
    const char *phase, *why;
};

struct situation {
    bool found, approved, any_failure;
    enum machine_state state;
    uint32_t last_error;
    const char *why;
    int64_t last_scan_ok_ms, last_seen_ms;
    struct standing_failure newest, hands; /* of the open ones; hands: of those that need a person */
    int64_t job;                           /* 0: none is open */
    enum job_state job_state;
    const char *repair, *op, *reason;
    struct arena *arena;
};

static bool read_situation(void *ctx, const struct db_row *row)
{
    struct situation *s = ctx;
    struct row_reader r = {.row = row, .arena = s->arena};
    s->found = true;
    s->approved = read_flag(&r);
    s->state = (enum machine_state)read_word(&r, machine_state_words, MACHINE_STATE_COUNT);
    s->last_error = read_code(&r);
    s->why = read_text(&r);
    s->last_scan_ok_ms = read_int(&r);
    s->last_seen_ms = read_int(&r);
    s->any_failure = read_flag(&r);
    s->newest.id = read_int(&r);
    s->newest.code = read_code(&r);
    s->newest.phase = read_text(&r);
    s->newest.first_seen_ms = read_int(&r);
    s->hands.id = read_int(&r);
    s->hands.code = read_code(&r);
    s->hands.phase = read_text(&r);
    s->hands.first_seen_ms = read_int(&r);
    s->hands.why = read_text(&r);
    s->job = read_int(&r);
    s->job_state = (enum job_state)read_word(&r, job_state_words, JOB_STATE_COUNT);
    s->repair = read_text(&r);
    s->op = read_text(&r);
    s->reason = read_text(&r);
    return false;
}

/* "2026-11-20 14:05 UTC": the sentence stays where it is for days, so an age would be wrong tomorrow. */
static void print_moment(struct buf *out, int64_t ms)
{
    char text[TIME_TEXT_MAX];
    time_print(ms, text);
    buf_printf(out, "%.10s %.5s UTC", text, text + 11);
}

static void print_failure(struct buf *out, const struct standing_failure *f)
{
    char code[CODE_TEXT_MAX], day[TIME_TEXT_MAX];
    code_print(f->code, code);
    time_print(f->first_seen_ms, day);
    buf_printf(out, "%s%s%s since %.10s", code, *f->phase ? " in " : "", f->phase, day);
}

static void print_job(struct buf *out, const struct situation *s, int64_t now_ms)
{
    buf_printf(out, "%s%s", strcmp(s->op, "undo") == 0 ? "the undo of " : "", s->repair);
    if (s->job_state == JOB_RUNNING)
        buf_puts(out, " is running");
    else if (s->job_state == JOB_VERIFYING)
        buf_puts(out, " has run; whether it helped is being verified");
    else if (s->job_state == JOB_OFFERED)
        buf_puts(out, " was handed to the machine, which has not started it yet");
    else if (*s->reason)
        buf_printf(out, " waits: %s", s->reason);
    else if (now_ms - s->last_seen_ms > OFFLINE_AFTER_MS) {
        buf_puts(out, " waits: the machine was last seen ");
        print_moment(out, s->last_seen_ms);
    } else {
        buf_puts(out, " is queued");
    }
}

/* The first that applies, from what rules out work to what is well. Prints why, nothing when all is well. */
static enum machine_state derive(const struct situation *s, int64_t now_ms, struct buf *why)
{
    bool decided = s->state == MACHINE_HELD || s->state == MACHINE_LEFT || s->state == MACHINE_RETIRED;
    bool silent = s->state == MACHINE_SILENT && now_ms - s->last_seen_ms > STORE_SILENT_AFTER_MS;
    if (decided || (s->approved && silent)) {
        buf_puts(why, s->why);
        return s->state;
    }
    if (!s->approved) {
        buf_puts(why, "waits for approval of its enrolment");
        return MACHINE_PENDING;
    }
    if (s->job) {
        print_job(why, s, now_ms);
        return s->job_state == JOB_RUNNING || s->job_state == JOB_VERIFYING ? MACHINE_REPAIRING
                                                                            : MACHINE_WAITING;
    }
    if (s->hands.id) {
        print_failure(why, &s->hands);
        buf_printf(why, "; %s", *s->hands.why ? s->hands.why : "no repair is left to try, a person must act");
        return MACHINE_NEEDS_HANDS;
    }
    if (s->newest.id) {
        print_failure(why, &s->newest);
        buf_puts(why, "; no repair queued");
        return MACHINE_FAILING;
    }
    if (!s->last_scan_ok_ms && !s->any_failure) {
        buf_puts(why, "no update scan was ever seen to succeed or fail");
        return MACHINE_NEVER_SCANNED;
    }
    return MACHINE_HEALTHY;
}

bool store_machine_refresh(struct store *s, const char *id, int64_t now_ms, struct err *e)
{
    struct arena a = {0};
    struct buf why;
    buf_init(&why, WHY_MAX_BYTES);
    struct situation now = {.arena = &a};
    bool ok = db_query(s->db, SQL_MACHINE_FACTS_OF_STATE, VALUES(db_text(id)), 1, read_situation, &now, e);
    if (ok && !now.found)
        ok = err_set(e, ERR_NOT_FOUND, "there is no machine %s", id);
    if (ok) {
        enum machine_state state = derive(&now, now_ms, &why);
        const struct db_value values[] = {db_text(machine_state_words[state]), db_int(now.newest.code),
                                          db_slice(buf_slice(&why)), db_text(id)};
        /* Mostly nothing changed, and a page that is not written costs nothing. */
        if (state != now.state || now.newest.code != now.last_error || strcmp(buf_text(&why), now.why) != 0)
            ok = db_exec(s->db, SQL_MACHINE_SET_DERIVED, values, COUNT_OF(values), NULL, e);
    }
    buf_free(&why);
    arena_free(&a);
    return ok;
}

/* Machines to change, gathered before the first change: a list and its changes don't mix. */
struct machine_list {
    struct arena arena;
    const char **ids;
    int64_t *seen_ms;
    size_t count, room;
};

static bool add_machine(void *ctx, const struct db_row *row)
{
    struct machine_list *l = ctx;
    if (l->count == l->room) {
        l->room = l->room ? 2 * l->room : 64;
        l->ids = mem_resize(l->ids, l->room, sizeof *l->ids);
        l->seen_ms = mem_resize(l->seen_ms, l->room, sizeof *l->seen_ms);
    }
    struct slice id = db_row_text(row, 0);
    l->ids[l->count] = arena_strndup(&l->arena, id.p, id.n);
    l->seen_ms[l->count++] = db_row_int(row, 1);
    return true;
}

static void machine_list_free(struct machine_list *l)
{
    mem_free(l->ids);
    mem_free(l->seen_ms);
    arena_free(&l->arena);
}

static bool set_silent(struct store *s, const char *id, int64_t seen_ms, struct err *e)
{
    struct buf why;
    buf_init(&why, WHY_MAX_BYTES);
    if (seen_ms) {
        buf_puts(&why, "not heard of since ");
        print_moment(&why, seen_ms);
    } else {
        buf_puts(&why, "never heard of since it enrolled");
    }
    bool ok = store_machine_set_state(s, id, MACHINE_SILENT, buf_text(&why), e);
    buf_free(&why);
    return ok;
}

bool store_machines_mark_silent(struct store *s, int64_t before_ms, struct err *e)
{
    struct machine_list gone = {0}, back = {0};
    const struct db_value *before = VALUES(db_int(before_ms));
    bool ok = db_query(s->db, SQL_MACHINES_GONE_SILENT, before, 1, add_machine, &gone, e) &&
              db_query(s->db, SQL_MACHINES_HEARD_AGAIN, before, 1, add_machine, &back, e);
    for (size_t i = 0; ok && i < gone.count; i++)
        ok = set_silent(s, gone.ids[i], gone.seen_ms[i], e);
    for (size_t i = 0; ok && i < back.count; i++)
        ok = store_machine_refresh(s, back.ids[i], before_ms + STORE_SILENT_AFTER_MS, e);
    machine_list_free(&gone);
    machine_list_free(&back);
    return ok;
}
