#include "fake_machine.h"

#include "arena.h"
#include "mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { TRACE_MAX = 1 << 20, FILE_MAX = 64 << 20 };

static const char *const call_names[FAKE_CALL_COUNT] = {
#define X(id, acts) #id,
    FAKE_CALLS(X)
#undef X
};

static const char *const status_names[] = {"ok", "pending", "failed", "absent", "denied", "busy"};

unsigned fake_acting_calls(void)
{
    unsigned mask = 0;
#define X(id, acts) mask |= acts ? FAKE_BIT(id) : 0;
    FAKE_CALLS(X)
#undef X
    return mask;
}

/* ---- failing, dying, tracing: around every call ---- */

static bool counts_down(int *left, unsigned mask, enum fake_call call)
{
    return *left > 0 && mask >> call & 1 && --*left == 0;
}

/* True when the call may have its effect; otherwise *s is what it returns. */
static bool call_begins(struct fake_machine *f, enum fake_call call, enum machine_status *s, struct err *e)
{
    *s = MACHINE_FAILED;
    if (f->crashed)
        return err_set(e, ERR_IO, "the agent is dead");
    f->calls[call]++;
    f->acting_calls += (int)(fake_acting_calls() >> call & 1);
    if (!f->crash_after && counts_down(&f->crash_at, f->crash_mask, call)) {
        f->crashed = true;
        return err_set(e, ERR_IO, "the agent died before %s", call_names[call]);
    }
    if (counts_down(&f->fail_at, f->fail_mask, call)) {
        f->fail_at = f->fail_on ? 1 : 0;
        *s = f->fail_status;
        buf_printf(&f->trace, "%s: made to fail\n", call_names[call]);
        return err_set(e, ERR_IO, "%s was made to fail (error 31: A device attached to the system is not functioning)",
                       call_names[call]);
    }
    return true;
}

/* The call had its effect. */
static enum machine_status call_ends(struct fake_machine *f, enum fake_call call, enum machine_status s, struct err *e,
                                     const char *what)
{
    if (fake_acting_calls() >> call & 1)
        buf_printf(&f->trace, "%s %s: %s\n", call_names[call], what, status_names[s]);
    if (f->crash_after && counts_down(&f->crash_at, f->crash_mask, call))
        f->crashed = true;
    static const char *const texts[] = {
        [MACHINE_FAILED] = "failed (error 31)",
        [MACHINE_ABSENT] = "not found (error 2)",
        [MACHINE_DENIED] = "access is denied (error 5)",
        [MACHINE_BUSY] = "in use by another process (error 32)",
    };
    if (s != MACHINE_OK && s != MACHINE_PENDING)
        err_set(e, s == MACHINE_ABSENT ? ERR_NOT_FOUND : ERR_IO, "%s %s: %s", call_names[call], what, texts[s]);
    return s;
}

#define BEGIN(id)                                                                                            \
    struct fake_machine *f = ctx;                                                                            \
    enum machine_status status;                                                                              \
    if (!call_begins(f, FAKE_##id, &status, e))                                                              \
        return status;
#define END(id, s, what) call_ends(f, FAKE_##id, s, e, what)

/* ---- facts and conditions ---- */

static void fake_facts(void *ctx, struct arena *a, struct wire_facts *out)
{
    struct fake_machine *f = ctx;
    (void)a;
    f->calls[FAKE_FACTS]++;
    *out = f->facts;
}

static void fake_conditions(void *ctx, struct machine_conditions *out)
{
    struct fake_machine *f = ctx;
    f->calls[FAKE_CONDITIONS]++;
    *out = f->conditions;
}

static void fake_boot_id(void *ctx, char out[41])
{
    struct fake_machine *f = ctx;
    snprintf(out, 41, "%s", f->boot_id);
}

static int64_t fake_zone_offset(void *ctx, int64_t utc_ms)
{
    struct fake_machine *f = ctx;
    (void)utc_ms;
    return f->zone_offset_ms;
}

static void step_wall(struct fake_machine *f, int64_t skew_ms)
{
    f->clock.wall += skew_ms - f->skew_ms;
    f->skew_ms = skew_ms;
}

static enum machine_status fake_clock_set(void *ctx, int64_t utc_ms, struct err *e)
{
    BEGIN(CLOCK_SET)
    step_wall(f, utc_ms - fake_machine_true_ms(f));
    return END(CLOCK_SET, MACHINE_OK, "");
}

/* ---- services ---- */

/* Lets what was asked for earlier happen. */
static void settle(struct fake_machine *f, enum machine_service id)
{
    struct fake_service *s = &f->services[id];
    if (!s->changes_at || s->stuck || f->clock.ticks < s->changes_at)
        return;
    s->state = s->becomes;
    s->changes_at = 0;
    /* The update service makes its folder anew. */
    if (id == SERVICE_WUAUSERV && s->state == SERVICE_STATE_RUNNING)
        for (int p = PLACE_SOFTWARE_DISTRIBUTION; p <= PLACE_SD_DOWNLOAD; p++)
            if (!f->places[p].exists) {
                f->places[p].exists = true;
                f->places[p].content = ++f->next_content;
            }
}

static void request(struct fake_machine *f, enum machine_service id, enum service_state passing, enum service_state becomes)
{
    struct fake_service *s = &f->services[id];
    s->state = passing;
    s->becomes = becomes;
    s->changes_at = f->clock.ticks + (s->takes_ms ? s->takes_ms : 0);
    s->changes_at += s->changes_at == 0;
    settle(f, id);
}

static enum machine_status fake_service_query(void *ctx, enum machine_service id, struct service_info *out, struct err *e)
{
    BEGIN(SERVICE_QUERY)
    if (f->services[id].absent)
        return END(SERVICE_QUERY, MACHINE_ABSENT, machine_service_name(id));
    settle(f, id);
    const struct fake_service *s = &f->services[id];
    *out = (struct service_info){.state = s->state, .start = s->start, .delayed = s->delayed};
    return END(SERVICE_QUERY, MACHINE_OK, machine_service_name(id));
}

static enum machine_status fake_service_start(void *ctx, enum machine_service id, struct err *e)
{
    BEGIN(SERVICE_START)
    enum machine_status s = MACHINE_OK;
    settle(f, id);
    if (f->services[id].absent)
        s = MACHINE_ABSENT;
    else if (f->services[id].start == SERVICE_START_DISABLED)
        s = MACHINE_FAILED;
    else if (f->services[id].state != SERVICE_STATE_RUNNING)
        request(f, id, SERVICE_STATE_STARTING, SERVICE_STATE_RUNNING);
    return END(SERVICE_START, s, machine_service_name(id));
}

static enum machine_status fake_service_stop(void *ctx, enum machine_service id, struct err *e)
{
    BEGIN(SERVICE_STOP)
    settle(f, id);
    if (f->services[id].absent)
        return END(SERVICE_STOP, MACHINE_ABSENT, machine_service_name(id));
    if (f->services[id].state != SERVICE_STATE_STOPPED)
        request(f, id, SERVICE_STATE_STOPPING, SERVICE_STATE_STOPPED);
    return END(SERVICE_STOP, MACHINE_OK, machine_service_name(id));
}

static enum machine_status fake_service_set_start(void *ctx, enum machine_service id, enum service_start start,
                                                  bool delayed, struct err *e)
{
    BEGIN(SERVICE_SET_START)
    static const char *const words[] = {[2] = "auto", [3] = "manual", [4] = "disabled"};
    char what[60];
    snprintf(what, sizeof what, "%s %s", machine_service_name(id), words[start]);
    if (f->services[id].absent || f->services[id].protected_config)
        return END(SERVICE_SET_START, f->services[id].absent ? MACHINE_ABSENT : MACHINE_DENIED, what);
    f->services[id].start = start;
    f->services[id].delayed = delayed;
    return END(SERVICE_SET_START, MACHINE_OK, what);
}

/* ---- places ---- */

static struct fake_backup *find_backup(struct fake_machine *f, enum machine_place p, const char *tag)
{
    for (int i = 0; i < FAKE_BACKUPS_MAX; i++)
        if (f->backups[i].used && f->backups[i].place == p && (!tag || strcmp(f->backups[i].tag, tag) == 0))
            return &f->backups[i];
    return NULL;
}

static bool add_backup(struct fake_machine *f, enum machine_place p, const char *tag, int content)
{
    for (int i = 0; i < FAKE_BACKUPS_MAX; i++)
        if (!f->backups[i].used) {
            f->backups[i] = (struct fake_backup){.used = true, .place = p, .content = content};
            snprintf(f->backups[i].tag, sizeof f->backups[i].tag, "%s", tag);
            return true;
        }
    return false;
}

static enum machine_status fake_place_query(void *ctx, enum machine_place p, struct place_info *out, struct err *e)
{
    BEGIN(PLACE_QUERY)
    *out = (struct place_info){.exists = f->places[p].exists,
                               .reparse_point = f->places[p].reparse_point,
                               .size_bytes = f->places[p].size_bytes};
    return END(PLACE_QUERY, MACHINE_OK, machine_place_name(p));
}

static enum machine_status move_aside(struct fake_machine *f, enum machine_place p, const char *tag)
{
    struct fake_place *place = &f->places[p];
    if (!place->exists)
        return MACHINE_ABSENT;
    if (place->denied || place->reparse_point)
        return MACHINE_DENIED;
    bool held = f->services[SERVICE_WUAUSERV].start == SERVICE_START_DISABLED;
    settle(f, SERVICE_WUAUSERV);
    if (place->busy_always || (place->busy_until_held && !held) || place->busy_times > 0 ||
        f->services[SERVICE_WUAUSERV].state != SERVICE_STATE_STOPPED) {
        place->busy_times -= place->busy_times > 0;
        return MACHINE_BUSY;
    }
    if (find_backup(f, p, tag) || !add_backup(f, p, tag, place->content))
        return MACHINE_FAILED;
    place->exists = false;
    return MACHINE_OK;
}

static enum machine_status fake_place_move_aside(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    BEGIN(PLACE_MOVE_ASIDE)
    enum machine_status s = move_aside(f, p, tag);
    return END(PLACE_MOVE_ASIDE, s, machine_place_name(p));
}

static enum machine_status fake_place_restore(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    BEGIN(PLACE_RESTORE)
    struct fake_backup *b = find_backup(f, p, tag);
    if (!b)
        return END(PLACE_RESTORE, MACHINE_ABSENT, machine_place_name(p));
    char new_tag[56];
    snprintf(new_tag, sizeof new_tag, "%.40s-new", tag);
    if (f->places[p].exists && !add_backup(f, p, new_tag, f->places[p].content))
        return END(PLACE_RESTORE, MACHINE_FAILED, machine_place_name(p));
    f->places[p].exists = true;
    f->places[p].content = b->content;
    b->used = false;
    return END(PLACE_RESTORE, MACHINE_OK, machine_place_name(p));
}

static enum machine_status fake_backup_query(void *ctx, enum machine_place p, const char *tag, struct place_info *out,
                                             struct err *e)
{
    BEGIN(BACKUP_QUERY)
    *out = (struct place_info){.exists = find_backup(f, p, tag), .size_bytes = f->places[p].size_bytes};
    return END(BACKUP_QUERY, MACHINE_OK, machine_place_name(p));
}

static enum machine_status fake_backup_remove(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    BEGIN(BACKUP_REMOVE)
    struct fake_backup *b = find_backup(f, p, tag);
    if (!b)
        return END(BACKUP_REMOVE, MACHINE_ABSENT, machine_place_name(p));
    if (f->remove_slices > 0) {
        f->remove_slices--;
        return END(BACKUP_REMOVE, MACHINE_PENDING, machine_place_name(p));
    }
    b->used = false;
    return END(BACKUP_REMOVE, MACHINE_OK, machine_place_name(p));
}

static enum machine_status fake_evidence_export(void *ctx, const char *tag, char what[200], struct err *e)
{
    BEGIN(EVIDENCE_EXPORT)
    snprintf(what, 200, "ReportingEvents.log (%zu bytes)", f->logs[MACHINE_LOG_REPORTING_EVENTS].bytes.n);
    return END(EVIDENCE_EXPORT, MACHINE_OK, tag);
}

/* ---- programs and scans ---- */

static const struct fake_program_end *program_end_of(const struct fake_program *p)
{
    int last = p->started < p->end_count ? p->started : p->end_count;
    return &p->ends[last > 0 ? last - 1 : 0];
}

static enum machine_status fake_program_start(void *ctx, enum machine_program id, int limit_s, struct err *e)
{
    BEGIN(PROGRAM_START)
    (void)limit_s;
    struct fake_program *p = &f->programs[id];
    if (p->absent || p->denied)
        return END(PROGRAM_START, p->absent ? MACHINE_ABSENT : MACHINE_DENIED, machine_program_text(id));
    if (f->running_program >= 0)
        return END(PROGRAM_START, MACHINE_FAILED, "a second program");
    p->started++;
    f->running_program = (int)id;
    f->program_ends_at = f->clock.ticks + program_end_of(p)->takes_ms;
    return END(PROGRAM_START, MACHINE_OK, machine_program_text(id));
}

static enum machine_status fake_program_poll(void *ctx, struct program_end *out, struct err *e)
{
    BEGIN(PROGRAM_POLL)
    if (f->running_program < 0)
        return END(PROGRAM_POLL, MACHINE_FAILED, "no program");
    if (f->clock.ticks < f->program_ends_at)
        return END(PROGRAM_POLL, MACHINE_PENDING, "");
    const struct fake_program_end *end = program_end_of(&f->programs[f->running_program]);
    *out = (struct program_end){.exit_code = end->exit_code, .timed_out = end->timed_out};
    snprintf(out->output, sizeof out->output, "%s", end->output ? end->output : "");
    if (end->corrects_clock)
        step_wall(f, 0);
    f->running_program = -1;
    return END(PROGRAM_POLL, MACHINE_OK, "");
}

static const struct fake_scan *scan_now(const struct fake_machine *f)
{
    static const struct fake_scan clean = {.takes_ms = 2000, .end = {.available = true, .service = "windows_update"}};
    int i = f->scans_started < f->scan_count ? f->scans_started : f->scan_count;
    return i > 0 ? &f->scans[i - 1] : &clean;
}

static enum machine_status fake_scan_start(void *ctx, int limit_s, struct err *e)
{
    BEGIN(SCAN_START)
    (void)limit_s;
    if (f->scan_ends_at >= 0)
        return END(SCAN_START, MACHINE_FAILED, "a second scan");
    f->scans_started++;
    f->scan_ends_at = f->clock.ticks + scan_now(f)->takes_ms;
    return END(SCAN_START, MACHINE_OK, "");
}

static enum machine_status fake_scan_poll(void *ctx, struct scan_end *out, struct err *e)
{
    BEGIN(SCAN_POLL)
    if (f->scan_ends_at < 0)
        return END(SCAN_POLL, MACHINE_FAILED, "no scan");
    if (f->clock.ticks < f->scan_ends_at)
        return END(SCAN_POLL, MACHINE_PENDING, "");
    *out = scan_now(f)->end;
    f->scan_ends_at = -1;
    return END(SCAN_POLL, scan_now(f)->poll, "");
}

/* ---- logs ---- */

static enum machine_status fake_log_stat(void *ctx, enum machine_log log, struct log_stat *out, struct err *e)
{
    BEGIN(LOG_STAT)
    const struct fake_log *l = &f->logs[log];
    *out = (struct log_stat){.exists = l->exists, .size_bytes = (int64_t)l->bytes.n, .identity = l->identity};
    return END(LOG_STAT, MACHINE_OK, machine_log_name(log));
}

static enum machine_status fake_log_read(void *ctx, enum machine_log log, int64_t offset, void *p, size_t n, size_t *got,
                                         struct err *e)
{
    BEGIN(LOG_READ)
    const struct fake_log *l = &f->logs[log];
    if (!l->exists)
        return END(LOG_READ, MACHINE_ABSENT, machine_log_name(log));
    size_t at = (size_t)offset < l->bytes.n ? (size_t)offset : l->bytes.n;
    *got = l->bytes.n - at < n ? l->bytes.n - at : n;
    if (*got)
        memcpy(p, l->bytes.p + at, *got);
    return END(LOG_READ, MACHINE_OK, machine_log_name(log));
}

/* ---- the agent's own files ---- */

static struct fake_file *find_file(struct fake_machine *f, const char *name)
{
    for (int i = 0; i < FAKE_FILES_MAX; i++)
        if (f->files[i].used && strcmp(f->files[i].name, name) == 0)
            return &f->files[i];
    return NULL;
}

static struct fake_file *make_file(struct fake_machine *f, const char *name)
{
    struct fake_file *file = find_file(f, name);
    for (int i = 0; !file && i < FAKE_FILES_MAX; i++)
        if (!f->files[i].used) {
            file = &f->files[i];
            *file = (struct fake_file){.used = true};
            snprintf(file->name, sizeof file->name, "%s", name);
            buf_init(&file->bytes, FILE_MAX);
        }
    return file;
}

static enum machine_status fake_file_read(void *ctx, const char *name, struct buf *out, struct err *e)
{
    BEGIN(FILE_READ)
    const struct fake_file *file = find_file(f, name);
    if (!file)
        return END(FILE_READ, MACHINE_ABSENT, name);
    buf_append_slice(out, buf_slice(&file->bytes));
    return END(FILE_READ, out->full ? MACHINE_FAILED : MACHINE_OK, name);
}

static enum machine_status fake_file_replace(void *ctx, const char *name, struct slice content, struct err *e)
{
    BEGIN(FILE_REPLACE)
    struct fake_file *file = make_file(f, name);
    if (!file)
        return END(FILE_REPLACE, MACHINE_FAILED, name);
    buf_clear(&file->bytes);
    buf_append_slice(&file->bytes, content);
    file->synced = file->bytes.n;
    return END(FILE_REPLACE, MACHINE_OK, name);
}

/* A failed or cut append leaves half of its bytes on disk: readers must bear it. */
static enum machine_status append_torn(struct fake_machine *f, const char *name, struct slice content,
                                       enum machine_status status)
{
    struct fake_file *file = make_file(f, name);
    if (file && f->tear == FAKE_TEAR_HALF) {
        buf_append(&file->bytes, content.p, content.n / 2);
        file->synced = file->bytes.n;
    }
    return status;
}

static enum machine_status fake_file_append(void *ctx, const char *name, struct slice content, bool sync, struct err *e)
{
    struct fake_machine *f = ctx;
    enum machine_status status;
    bool dead = f->crashed;
    if (!call_begins(f, FAKE_FILE_APPEND, &status, e))
        return dead ? status : append_torn(f, name, content, status);
    struct fake_file *file = make_file(f, name);
    if (!file)
        return END(FILE_APPEND, MACHINE_FAILED, name);
    buf_append_slice(&file->bytes, content);
    if (sync)
        file->synced = file->bytes.n;
    return END(FILE_APPEND, MACHINE_OK, name);
}

static enum machine_status fake_file_remove(void *ctx, const char *name, struct err *e)
{
    BEGIN(FILE_REMOVE)
    struct fake_file *file = find_file(f, name);
    if (file) {
        buf_free(&file->bytes);
        file->used = false;
    }
    return END(FILE_REMOVE, MACHINE_OK, name);
}

#define SEAL_MARK "fake-sealed:"

static enum machine_status fake_seal(void *ctx, struct slice secret, struct buf *out, struct err *e)
{
    BEGIN(SEAL)
    buf_puts(out, SEAL_MARK);
    for (size_t i = 0; i < secret.n; i++)
        buf_putc(out, (char)(secret.p[i] ^ 0x5a));
    return END(SEAL, MACHINE_OK, "");
}

static enum machine_status fake_unseal(void *ctx, struct slice sealed, struct buf *out, struct err *e)
{
    BEGIN(UNSEAL)
    size_t n = sizeof SEAL_MARK - 1;
    if (sealed.n < n || memcmp(sealed.p, SEAL_MARK, n) != 0)
        return END(UNSEAL, MACHINE_FAILED, "");
    for (size_t i = n; i < sealed.n; i++)
        buf_putc(out, (char)(sealed.p[i] ^ 0x5a));
    return END(UNSEAL, MACHINE_OK, "");
}

static const struct machine_ops ops = {
    .facts = fake_facts,
    .conditions = fake_conditions,
    .boot_id = fake_boot_id,
    .zone_offset_ms = fake_zone_offset,
    .clock_set = fake_clock_set,
    .service_query = fake_service_query,
    .service_start = fake_service_start,
    .service_stop = fake_service_stop,
    .service_set_start = fake_service_set_start,
    .place_query = fake_place_query,
    .place_move_aside = fake_place_move_aside,
    .place_restore = fake_place_restore,
    .backup_query = fake_backup_query,
    .backup_remove = fake_backup_remove,
    .evidence_export = fake_evidence_export,
    .program_start = fake_program_start,
    .program_poll = fake_program_poll,
    .scan_start = fake_scan_start,
    .scan_poll = fake_scan_poll,
    .log_stat = fake_log_stat,
    .log_read = fake_log_read,
    .file_read = fake_file_read,
    .file_replace = fake_file_replace,
    .file_append = fake_file_append,
    .file_remove = fake_file_remove,
    .seal = fake_seal,
    .unseal = fake_unseal,
};

/* ---- what tests call ---- */

static void init_services(struct fake_machine *f)
{
    for (int i = 0; i < SERVICE_COUNT; i++)
        f->services[i] = (struct fake_service){.start = SERVICE_START_MANUAL, .takes_ms = 500};
    f->services[SERVICE_WUAUSERV].state = SERVICE_STATE_RUNNING;
    f->services[SERVICE_USOSVC] = (struct fake_service){
        .start = SERVICE_START_AUTO, .delayed = true, .state = SERVICE_STATE_RUNNING, .takes_ms = 300};
    f->services[SERVICE_DOSVC] = (struct fake_service){.start = SERVICE_START_AUTO,
                                                       .delayed = true,
                                                       .state = SERVICE_STATE_RUNNING,
                                                       .protected_config = true,
                                                       .takes_ms = 200};
    f->services[SERVICE_CRYPTSVC] =
        (struct fake_service){.start = SERVICE_START_AUTO, .state = SERVICE_STATE_RUNNING, .takes_ms = 200};
}

void fake_machine_init(struct fake_machine *f)
{
    *f = (struct fake_machine){.running_program = -1, .scan_ends_at = -1, .fail_status = MACHINE_FAILED};
    clock_fake_init(&f->clock, INT64_C(1785571200000), 3600000); /* 2026-08-01T08:00:00Z, up for an hour */
    f->machine = (struct machine){.ops = &ops, .ctx = f, .clock = &f->clock.clock};
    f->fail_mask = f->crash_mask = fake_acting_calls();
    f->tear = FAKE_TEAR_HALF;
    f->facts = (struct wire_facts){.name = "FAKE-01", .os = "Windows 10 Pro", .build = "19045.3803", .arch = "x64",
                                   .role = "client", .update_manager = "none"};
    f->conditions = (struct machine_conditions){
        .battery_percent = 100, .free_disk_bytes = INT64_C(100) << 30, .role = "client"};
    snprintf(f->boot_id, sizeof f->boot_id, "boot-1");
    init_services(f);
    for (int p = 0; p < PLACE_COUNT; p++)
        f->places[p] = (struct fake_place){.exists = true, .content = ++f->next_content, .size_bytes = 5000000};
    for (int p = 0; p < PROGRAM_COUNT; p++) {
        f->programs[p].end_count = 1;
        f->programs[p].ends[0] = (struct fake_program_end){
            .takes_ms = 2000, .corrects_clock = true, .output = "The command completed successfully."};
    }
    for (int i = 0; i < MACHINE_LOG_COUNT; i++)
        buf_init(&f->logs[i].bytes, FILE_MAX);
    buf_init(&f->trace, TRACE_MAX);
}

void fake_machine_free(struct fake_machine *f)
{
    for (int i = 0; i < MACHINE_LOG_COUNT; i++)
        buf_free(&f->logs[i].bytes);
    for (int i = 0; i < FAKE_FILES_MAX; i++)
        if (f->files[i].used)
            buf_free(&f->files[i].bytes);
    buf_free(&f->trace);
}

void fake_machine_restart(struct fake_machine *f, bool reboot)
{
    for (int i = 0; i < FAKE_FILES_MAX; i++) {
        struct fake_file *file = &f->files[i];
        if (!file->used || f->tear == FAKE_TEAR_KEEP)
            continue;
        size_t loose = file->bytes.n - file->synced;
        file->bytes.n = file->synced + (f->tear == FAKE_TEAR_HALF ? loose / 2 : 0);
        file->synced = file->bytes.n;
        if (file->bytes.p)
            file->bytes.p[file->bytes.n] = '\0';
    }
    f->crashed = false;
    f->crash_at = f->fail_at = 0;
    f->fail_on = false;
    f->running_program = -1;
    f->scan_ends_at = -1;
    if (reboot) {
        unsigned n = 0;
        if (sscanf(f->boot_id, "boot-%u", &n) == 1)
            snprintf(f->boot_id, sizeof f->boot_id, "boot-%u", n + 1);
        f->clock.ticks = 20000;
        for (int i = 0; i < SERVICE_COUNT; i++) {
            f->services[i].changes_at = 0;
            f->services[i].state = f->services[i].start == SERVICE_START_AUTO ? SERVICE_STATE_RUNNING : SERVICE_STATE_STOPPED;
        }
    }
}

void fake_machine_advance(struct fake_machine *f, int64_t ms)
{
    clock_fake_advance(&f->clock, ms);
    for (int i = 0; i < SERVICE_COUNT; i++)
        settle(f, (enum machine_service)i);
}

int64_t fake_machine_true_ms(const struct fake_machine *f)
{
    return f->clock.wall - f->skew_ms;
}

void fake_machine_add_scan(struct fake_machine *f, uint32_t code)
{
    f->scans[f->scan_count++] =
        (struct fake_scan){.takes_ms = 2000, .end = {.available = true, .code = code, .service = "windows_update"}};
}

void fake_machine_no_scan(struct fake_machine *f, const char *reason)
{
    f->scan_count = 1;
    f->scans[0] = (struct fake_scan){.takes_ms = 100};
    snprintf(f->scans[0].end.reason, sizeof f->scans[0].end.reason, "%s", reason);
}

void fake_machine_log(struct fake_machine *f, enum machine_log log, const char *text)
{
    struct fake_log *l = &f->logs[log];
    if (!l->exists)
        l->identity++;
    l->exists = true;
    buf_puts(&l->bytes, text);
}

struct buf *fake_machine_file(struct fake_machine *f, const char *name)
{
    struct fake_file *file = find_file(f, name);
    return file ? &file->bytes : NULL;
}

struct fake_backup *fake_machine_backup(struct fake_machine *f, enum machine_place place)
{
    return find_backup(f, place, NULL);
}

int fake_machine_traced(const struct fake_machine *f, const char *text)
{
    int n = 0;
    for (const char *p = buf_text(&f->trace); (p = strstr(p, text)); p += strlen(text))
        n++;
    return n;
}
