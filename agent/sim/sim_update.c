/* Windows Update of the simulated Windows: its own tries, and scans somebody asked for. */
#include "sim_internal.h"

#include <stdio.h>

enum {
    FIRST_MIN_MS = 300, FIRST_MAX_MS = 4000,       /* something is seen soon after the start */
    SCAN_MIN_MS = 2000, SCAN_MAX_MS = 30000,
    SUCCESS_INSTALLS_PER_MILLE = 50,
};

#define EVERY_MS          INT64_C(79200000) /* 22 h: what Windows itself does */
#define DISABLED_CODE     0x80070422u       /* ERROR_SERVICE_DISABLED */
#define STORE_CORRUPT     0x800F0831u       /* CBS_E_STORE_CORRUPTION */
#define DAY_MS            INT64_C(86400000)
#define ROLLUP_KB         "KB5032189"       /* the update that a missing package keeps from installing */

static void log_past(struct sim_machine *m)
{
    int64_t now = sim_wall(m);
    for (int i = 0; i < m->group->history_count; i++) {
        const struct world_past *p = &m->group->history[i];
        int64_t when = now - (int64_t)(p->age_d * (double)DAY_MS);
        if (p->phase == EVENT_PHASE_SCAN)
            sim_log_scan(m, when, p->code);
        else if (p->phase == EVENT_PHASE_DOWNLOAD)
            sim_log_download(m, when, p->code, p->kb);
        else
            sim_log_install(m, when, p->code, p->kb);
    }
}

static void begin(struct sim_machine *m)
{
    if (m->attempts == 0 && sim_store_size(m->windows_files, SIM_REPORTING_LOG) < 0)
        log_past(m);
    m->attempt_ticks_ms = sim_now(m) + sim_lasts(m, FIRST_MIN_MS, FIRST_MAX_MS);
}

static bool acts_in(const struct sim_machine *m, enum event_phase phase)
{
    return sim_fault_acts(m) && m->group->fault.phase == phase;
}

static const char *failing_update(const struct sim_machine *m)
{
    /* For a missing package the fault names that one; the update that fails is another. */
    return m->group->fault.code == STORE_CORRUPT ? ROLLUP_KB : m->group->fault.kb;
}

static void try_install(struct sim_machine *m, int64_t wall_ms)
{
    const struct world_fault *f = &m->group->fault;
    bool concerned = m->group->has_fault && f->phase == EVENT_PHASE_INSTALL;
    if (acts_in(m, EVENT_PHASE_INSTALL)) {
        if (f->code == STORE_CORRUPT)
            sim_log_missing_package(m, wall_ms, f->code, f->kb);
        sim_log_install(m, wall_ms, f->code, failing_update(m));
    } else if (concerned || sim_random_chance(&m->random, SUCCESS_INSTALLS_PER_MILLE / 1000.0)) {
        sim_log_install(m, wall_ms, 0, concerned ? failing_update(m) : ROLLUP_KB);
    }
}

static void attempt(struct sim_machine *m)
{
    int64_t wall = sim_wall(m);
    const struct world_fault *f = &m->group->fault;
    m->attempts++;
    if (acts_in(m, EVENT_PHASE_SCAN)) {
        sim_log_scan(m, wall, f->code);
        return;
    }
    sim_log_scan(m, wall, 0);
    if (acts_in(m, EVENT_PHASE_DOWNLOAD)) {
        sim_log_download(m, wall, f->code, f->kb);
        return;
    }
    if (m->group->has_fault && f->phase == EVENT_PHASE_DOWNLOAD)
        sim_log_download(m, wall, 0, f->kb);
    try_install(m, wall);
}

/* The log lives in SoftwareDistribution. A service somebody disabled for a while does nothing; one that is the fault
 * itself is noticed by those who call it. */
static bool can_attempt(const struct sim_machine *m)
{
    return m->places[PLACE_SOFTWARE_DISTRIBUTION].exists && !m->silent &&
           (m->services[SERVICE_WUAUSERV].info.start != SERVICE_START_DISABLED ||
            (sim_fault_acts(m) && m->group->fault.code == DISABLED_CODE));
}

void sim_update_advance(struct sim_machine *m)
{
    int64_t now = sim_now(m);
    if (!m->begun) {
        m->begun = true;
        begin(m);
    }
    if (now < m->attempt_ticks_ms)
        return;
    if (can_attempt(m)) {
        attempt(m);
        sim_changed(m);
    }
    int64_t every = m->attempt_every_ms ? m->attempt_every_ms : EVERY_MS;
    m->attempt_ticks_ms = now + sim_lasts(m, every / 2, every + every / 2);
}

/* ---- scans somebody asked for ---- */

enum machine_status sim_scan_start(void *ctx, int limit_s, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    if (m->scan_runs) {
        err_set(e, ERR_CONFLICT, "a scan is running already");
        return MACHINE_BUSY;
    }
    m->scan_runs = true;
    m->scan_begun_ms = sim_now(m);
    m->scan_ticks_ms = m->scan_begun_ms + sim_lasts(m, SCAN_MIN_MS, SCAN_MAX_MS);
    m->scan_limit_ms = m->scan_begun_ms + (int64_t)limit_s * 1000;
    sim_did(m, REPAIR_UPDATE_SCAN);
    return MACHINE_OK;
}

static uint32_t scan_code(const struct sim_machine *m)
{
    if (m->services[SERVICE_WUAUSERV].info.start == SERVICE_START_DISABLED)
        return DISABLED_CODE;
    return acts_in(m, EVENT_PHASE_SCAN) ? m->group->fault.code : 0;
}

enum machine_status sim_scan_poll(void *ctx, struct scan_end *out, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    if (!m->scan_runs) {
        err_set(e, ERR_CONFLICT, "no scan was started");
        return MACHINE_FAILED;
    }
    if (sim_now(m) < m->scan_ticks_ms) {
        if (sim_now(m) < m->scan_limit_ms)
            return MACHINE_PENDING;
        m->scan_runs = false;
        err_set(e, ERR_TIMEOUT, "the scan did not end within its limit");
        return MACHINE_FAILED;
    }
    m->scan_runs = false;
    /* What a scan finds Windows goes on to download and install by itself, soon. */
    m->attempt_ticks_ms = sim_now(m) + sim_lasts(m, SCAN_MIN_MS, SCAN_MAX_MS);
    *out = (struct scan_end){.available = true,
                             .code = scan_code(m),
                             .reboot_required = m->group->reboot_pending,
                             .started_ticks_ms = m->scan_begun_ms};
    snprintf(out->service, sizeof out->service, "%s", m->group->update_server[0] ? "wsus" : "windows_update");
    return MACHINE_OK;
}
