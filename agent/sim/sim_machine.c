#include "sim_internal.h"

#include "crypto.h"
#include "mem.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    SPELL_MAX_MS = 5000,           /* short losses of the network, at default speed */
    SPELL_EVERY_MS = 10 * 60 * 1000,
};

/* ---- time ---- */

int64_t sim_now(const struct sim_machine *m)
{
    return clock_ticks_ms(m->outside);
}

static int64_t own_wall(void *ctx)
{
    const struct sim_machine *m = ctx;
    return clock_wall_ms(m->outside) + m->clock_offset_ms;
}

static int64_t own_ticks(void *ctx)
{
    return sim_now(ctx);
}

int64_t sim_wall(const struct sim_machine *m)
{
    return clock_wall_ms(&m->clock);
}

int64_t sim_hours(const struct sim_machine *m, double hours)
{
    return m->born_ticks_ms + (int64_t)(hours * 3600000.0) / m->speed;
}

int64_t sim_lasts(struct sim_machine *m, int64_t low_ms, int64_t high_ms)
{
    return sim_random_between(&m->random, low_ms, high_ms) / m->speed;
}

/* ---- the fault ---- */

bool sim_fault_acts(const struct sim_machine *m)
{
    const struct world_group *g = m->group;
    if (!g->has_fault || m->healed)
        return false;
    int64_t now = sim_now(m);
    return now >= sim_hours(m, g->fault.from_h) && (g->fault.to_h == 0 || now < sim_hours(m, g->fault.to_h));
}

void sim_did(struct sim_machine *m, enum repair_id repair)
{
    const struct world_group *g = m->group;
    if (g->goes_silent && g->silent_after == repair)
        m->silent = true;
    if (!sim_fault_acts(m) || !(g->fault.heals >> repair & 1) || !sim_random_chance(&m->random, g->fault.chance))
        return;
    m->healed = true;
    /* Windows tries again soon after its services came back. */
    m->attempt_ticks_ms = sim_now(m) + sim_lasts(m, 5000, 20000);
}

void sim_changed(struct sim_machine *m)
{
    if (m->state_dir)
        sim_state_save(m);
}

/* ---- what happens by itself ---- */

static void spells_advance(struct sim_machine *m)
{
    int64_t now = sim_now(m);
    if (now < m->offline_to_ms)
        return;
    m->offline_from_ms = now + sim_lasts(m, SPELL_EVERY_MS / 2, SPELL_EVERY_MS * 2);
    m->offline_to_ms = m->offline_from_ms + sim_lasts(m, SPELL_MAX_MS / 5, SPELL_MAX_MS);
}

void sim_advance(struct sim_machine *m)
{
    sim_services_advance(m);
    sim_update_advance(m);
    spells_advance(m);
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

int64_t sim_machine_step(struct sim_machine *m)
{
    int64_t now = sim_now(m);
    sim_advance(m);
    int64_t due = earlier(sim_services_due(m), m->attempt_ticks_ms);
    due = earlier(due, now < m->offline_from_ms ? m->offline_from_ms : m->offline_to_ms);
    for (int i = 0; i < m->group->offline_count; i++) {
        int64_t from = sim_hours(m, m->group->offline[i].from_h), to = sim_hours(m, m->group->offline[i].to_h);
        if (now < to)
            due = earlier(due, now < from ? from : to);
    }
    return due;
}

bool sim_machine_is_online(const struct sim_machine *m)
{
    int64_t now = sim_now(m);
    if (m->silent || (now >= m->offline_from_ms && now < m->offline_to_ms))
        return false;
    for (int i = 0; i < m->group->offline_count; i++)
        if (now >= sim_hours(m, m->group->offline[i].from_h) && now < sim_hours(m, m->group->offline[i].to_h))
            return false;
    return true;
}

bool sim_machine_has_logged(struct sim_machine *m)
{
    bool logged = m->logged;
    m->logged = false;
    return logged;
}

bool sim_machine_is_faulty(const struct sim_machine *m)
{
    return sim_fault_acts(m);
}

int64_t sim_machine_attempts(const struct sim_machine *m)
{
    return m->attempts;
}

/* ---- files ---- */

static const char *const log_files[MACHINE_LOG_COUNT] = {
    [MACHINE_LOG_REPORTING_EVENTS] = SIM_REPORTING_LOG,
    [MACHINE_LOG_CBS] = SIM_CBS_LOG,
};

static enum machine_status log_absent(enum machine_log log, struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "%s: there is no such log here", machine_log_name(log));
    return MACHINE_ABSENT;
}

static enum machine_status log_stat(void *ctx, enum machine_log log, struct log_stat *out, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    int64_t size = log_files[log] ? sim_store_size(m->windows_files, log_files[log]) : -1;
    *out = (struct log_stat){.exists = size >= 0, .size_bytes = size < 0 ? 0 : size, .identity = 1};
    if (log == MACHINE_LOG_REPORTING_EVENTS)
        out->identity = (uint64_t)m->log_identity;
    return size < 0 ? log_absent(log, e) : MACHINE_OK;
}

static enum machine_status log_read(void *ctx, enum machine_log log, int64_t offset, void *p, size_t n, size_t *got,
                                    struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    *got = 0;
    if (!log_files[log])
        return log_absent(log, e);
    return sim_store_read_at(m->windows_files, log_files[log], offset, p, n, got, e);
}

static enum machine_status file_read(void *ctx, const char *name, struct buf *out, struct err *e)
{
    return sim_store_read(((struct sim_machine *)ctx)->agent_files, name, out, e);
}

static enum machine_status file_replace(void *ctx, const char *name, struct slice content, struct err *e)
{
    return sim_store_replace(((struct sim_machine *)ctx)->agent_files, name, content, e);
}

static enum machine_status file_append(void *ctx, const char *name, struct slice content, bool sync, struct err *e)
{
    return sim_store_append(((struct sim_machine *)ctx)->agent_files, name, content, sync, e);
}

static enum machine_status file_remove(void *ctx, const char *name, struct err *e)
{
    return sim_store_remove(((struct sim_machine *)ctx)->agent_files, name, e);
}

/* There is no DPAPI here: the secret is only marked, and protected by the folder's mode. */
static const char seal_mark[] = "sealed-by-simulation:";

static enum machine_status seal(void *ctx, struct slice secret, struct buf *out, struct err *e)
{
    (void)ctx;
    buf_puts(out, seal_mark);
    buf_append_slice(out, secret);
    return buf_check(out, "sealed secret", e) ? MACHINE_OK : MACHINE_FAILED;
}

static enum machine_status unseal(void *ctx, struct slice sealed, struct buf *out, struct err *e)
{
    (void)ctx;
    size_t n = sizeof seal_mark - 1;
    if (sealed.n < n || memcmp(sealed.p, seal_mark, n) != 0) {
        err_set(e, ERR_INVALID, "not sealed on this machine");
        return MACHINE_FAILED;
    }
    return buf_append(out, sealed.p + n, sealed.n - n) ? MACHINE_OK : MACHINE_FAILED;
}

/* ---- identity ---- */

static void boot_id(void *ctx, char out[41])
{
    snprintf(out, 41, "%s", ((struct sim_machine *)ctx)->boot_id);
}

static int64_t zone_offset_ms(void *ctx, int64_t utc_ms)
{
    (void)utc_ms;
    return (int64_t)((struct sim_machine *)ctx)->zone_minutes * 60000;
}

static const struct machine_ops ops = {
    .facts = sim_facts,
    .conditions = sim_conditions,
    .boot_id = boot_id,
    .zone_offset_ms = zone_offset_ms,
    .clock_set = sim_clock_set,
    .service_query = sim_service_query,
    .service_start = sim_service_start,
    .service_stop = sim_service_stop,
    .service_set_start = sim_service_set_start,
    .place_query = sim_place_query,
    .place_move_aside = sim_place_move_aside,
    .place_restore = sim_place_restore,
    .backup_query = sim_backup_query,
    .backup_remove = sim_backup_remove,
    .evidence_export = sim_evidence_export,
    .program_start = sim_program_start,
    .program_poll = sim_program_poll,
    .scan_start = sim_scan_start,
    .scan_poll = sim_scan_poll,
    .log_stat = log_stat,
    .log_read = log_read,
    .file_read = file_read,
    .file_replace = file_replace,
    .file_append = file_append,
    .file_remove = file_remove,
    .seal = seal,
    .unseal = unseal,
};

static void begin_identity(struct sim_machine *m)
{
    /* What belongs to the installation comes from the seed; what belongs to the boot may not come back. */
    static const int zones[] = {60, 60, 0, 120, -300};
    struct sim_random r = sim_random_of(m->seed, (uint64_t)m->index);
    snprintf(m->instance, sizeof m->instance, "%016" PRIx64 "%016" PRIx64, sim_random_next(&r), sim_random_next(&r));
    m->zone_minutes = zones[sim_random_between(&r, 0, 4)];
    m->random = r;
}

/* An agent that is started again within one boot of the host is within one boot of its machine. */
static void begin_boot(struct sim_machine *m)
{
    char host[64] = "";
    char digest[2 * SHA256_BYTES + 1];
    FILE *f = m->state_dir ? fopen("/proc/sys/kernel/random/boot_id", "r") : NULL;
    if (!f || !fgets(host, sizeof host, f))
        random_hex(16, host);
    if (f)
        fclose(f);
    struct buf text;
    buf_init(&text, 200);
    buf_printf(&text, "%s%s", host, m->instance);
    sha256_hex(buf_slice(&text), digest);
    snprintf(m->boot_id, sizeof m->boot_id, "%.32s", digest);
    buf_free(&text);
}

static void begin_files(struct sim_machine *m, const char *state_dir)
{
    struct buf windows;
    buf_init(&windows, 4096);
    buf_printf(&windows, "%s/windows", state_dir ? state_dir : "");
    m->agent_files = sim_store_new(state_dir);
    m->windows_files = sim_store_new(state_dir ? buf_text(&windows) : NULL);
    buf_free(&windows);
}

struct sim_machine *sim_machine_new(const struct sim_options *o, struct err *e)
{
    struct sim_machine *m = mem_zalloc(sizeof *m);
    m->group = o->group;
    m->name = mem_strdup(o->name);
    m->state_dir = o->state_dir ? mem_strdup(o->state_dir) : NULL;
    m->seed = o->seed;
    m->index = o->index;
    m->speed = o->speed > 0 ? o->speed : 1;
    m->attempt_every_ms = o->attempt_every_ms;
    m->outside = o->clock;
    m->clock = (struct clock){own_wall, own_ticks, m};
    m->machine = (struct machine){&ops, m, &m->clock};
    m->born_ticks_ms = sim_now(m);
    m->clock_offset_ms = o->group->clock_offset_s * 1000;
    begin_identity(m);
    begin_boot(m);
    begin_files(m, o->state_dir);
    sim_services_begin(m);
    sim_places_begin(m);
    if (!sim_state_load(m, e)) {
        sim_machine_free(m);
        return NULL;
    }
    return m;
}

void sim_machine_free(struct sim_machine *m)
{
    if (!m)
        return;
    sim_store_free(m->agent_files);
    sim_store_free(m->windows_files);
    mem_free(m->name);
    mem_free(m->state_dir);
    mem_free(m);
}

struct machine *sim_machine_of(struct sim_machine *m)
{
    return &m->machine;
}

const struct sim_machine *sim_machine_from(const struct machine *machine)
{
    return machine->ctx;
}

void sim_machine_kill_agent(struct sim_machine *m)
{
    sim_store_kill(m->agent_files);
}

void sim_machine_revive_agent(struct sim_machine *m)
{
    sim_store_revive(m->agent_files, (size_t)sim_random_between(&m->random, 0, 40));
    m->program_runs = m->scan_runs = false; /* children of the agent: they died with it */
}
