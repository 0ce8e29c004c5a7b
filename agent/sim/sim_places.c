/* Folders of the simulated Windows, and ReportingEvents.log, which lives and leaves with one of them. */
#include "sim_internal.h"

#include <stdio.h>

enum { REMOVE_SLICE_GB = 2 };

/* Who must be stopped before the folder can be renamed; ended by SERVICE_COUNT. */
static const enum machine_service update_holders[] = {SERVICE_WUAUSERV, SERVICE_BITS, SERVICE_DOSVC, SERVICE_COUNT};
static const enum machine_service crypt_holders[] = {SERVICE_CRYPTSVC, SERVICE_COUNT};
static const enum machine_service *const holders[PLACE_COUNT] = {
    [PLACE_SOFTWARE_DISTRIBUTION] = update_holders,
    [PLACE_SD_DATASTORE] = update_holders,
    [PLACE_SD_DOWNLOAD] = update_holders,
    [PLACE_CATROOT2] = crypt_holders,
};


void sim_places_begin(struct sim_machine *m)
{
    int64_t now = sim_wall(m);
    for (int p = 0; p < PLACE_COUNT; p++)
        m->places[p] = (struct sim_place){true, sim_random_between(&m->random, SIM_GB / 10, SIM_GB), now};
    m->places[PLACE_SOFTWARE_DISTRIBUTION].size_bytes += sim_random_between(&m->random, SIM_GB / 2, 6 * SIM_GB);
    m->log_identity = 1;
}

void sim_place_make(struct sim_machine *m, enum machine_place p)
{
    if (!m->places[p].exists)
        m->places[p] = (struct sim_place){true, 30 << 20, sim_wall(m)};
    if (p == PLACE_SOFTWARE_DISTRIBUTION) {
        sim_place_make(m, PLACE_SD_DATASTORE);
        sim_place_make(m, PLACE_SD_DOWNLOAD);
    }
}

static struct sim_backup *backup_find(struct sim_machine *m, enum machine_place p, const char *tag)
{
    for (int i = 0; i < SIM_BACKUPS_MAX; i++)
        if (m->backups[i].used && m->backups[i].place == p && strcmp(m->backups[i].tag, tag) == 0)
            return &m->backups[i];
    return NULL;
}

static struct sim_backup *backup_new(struct sim_machine *m, enum machine_place p, const char *tag)
{
    for (int i = 0; i < SIM_BACKUPS_MAX; i++)
        if (!m->backups[i].used) {
            m->backups[i] = (struct sim_backup){.used = true,
                                                .healthy = !sim_fault_acts(m),
                                                .place = p,
                                                .size_bytes = m->places[p].size_bytes};
            snprintf(m->backups[i].tag, sizeof m->backups[i].tag, "%s", tag);
            return &m->backups[i];
        }
    return NULL;
}

static enum machine_status absent(enum machine_place p, const char *tag, struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "%s%s%s: there is no such folder", machine_place_name(p), tag[0] ? "." : "", tag);
    return MACHINE_ABSENT;
}

static bool is_held(const struct sim_machine *m, enum machine_place p, struct err *e)
{
    for (const enum machine_service *s = holders[p]; *s != SERVICE_COUNT; s++)
        if (!sim_service_is(m, *s, SERVICE_STATE_STOPPED)) {
            err_set(e, ERR_CONFLICT, "%s: a file in it is in use by another process (32)", machine_place_name(p));
            return true;
        }
    return false;
}

static void log_name(const char *tag, const char *suffix, char out[100])
{
    snprintf(out, 100, SIM_REPORTING_LOG ".%.40s%s", tag, suffix);
}

enum machine_status sim_place_query(void *ctx, enum machine_place p, struct place_info *out, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    const struct sim_place *place = &m->places[p];
    *out = (struct place_info){.exists = place->exists,
                               .size_bytes = place->exists ? place->size_bytes : 0,
                               .changed_ms = place->changed_ms};
    return place->exists ? MACHINE_OK : absent(p, "", e);
}

enum machine_status sim_place_move_aside(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    struct sim_machine *m = ctx;
    char name[100];
    sim_advance(m);
    if (!m->places[p].exists)
        return absent(p, "", e);
    if (is_held(m, p, e))
        return MACHINE_BUSY;
    if (backup_find(m, p, tag) || !backup_new(m, p, tag)) {
        err_set(e, ERR_CONFLICT, "%s.%s: exists already", machine_place_name(p), tag);
        return MACHINE_FAILED;
    }
    m->places[p].exists = false;
    if (p == PLACE_SOFTWARE_DISTRIBUTION) {
        m->places[PLACE_SD_DATASTORE].exists = m->places[PLACE_SD_DOWNLOAD].exists = false;
        log_name(tag, "", name);
        sim_store_rename(m->windows_files, SIM_REPORTING_LOG, name, NULL);
        m->log_identity++;
    }
    if (p != PLACE_SD_DOWNLOAD)
        sim_did(m, p == PLACE_CATROOT2 ? REPAIR_CATROOT2_RESET : REPAIR_CACHE_RESET);
    sim_changed(m);
    return MACHINE_OK;
}

static void bring_log_back(struct sim_machine *m, const char *tag)
{
    char aside[100], fresh[100];
    log_name(tag, "", aside);
    log_name(tag, "-new", fresh);
    sim_store_rename(m->windows_files, SIM_REPORTING_LOG, fresh, NULL);
    sim_store_rename(m->windows_files, aside, SIM_REPORTING_LOG, NULL);
    m->log_identity++;
}

enum machine_status sim_place_restore(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    struct sim_backup *b = backup_find(m, p, tag);
    if (!b)
        return absent(p, tag, e);
    if (is_held(m, p, e))
        return MACHINE_BUSY;
    m->places[p] = (struct sim_place){true, b->size_bytes, sim_wall(m)};
    if (p == PLACE_SOFTWARE_DISTRIBUTION) {
        sim_place_make(m, p);
        bring_log_back(m, tag);
    }
    /* What was wrong in the old folder is wrong again. */
    if (!b->healthy)
        m->healed = false;
    b->used = false;
    sim_changed(m);
    return MACHINE_OK;
}

enum machine_status sim_backup_query(void *ctx, enum machine_place p, const char *tag, struct place_info *out,
                                     struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    const struct sim_backup *b = backup_find(m, p, tag);
    *out = (struct place_info){.exists = b != NULL, .size_bytes = b ? b->size_bytes : 0};
    return b ? MACHINE_OK : absent(p, tag, e);
}

enum machine_status sim_backup_remove(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    struct sim_machine *m = ctx;
    char name[100];
    sim_advance(m);
    struct sim_backup *b = backup_find(m, p, tag);
    if (!b)
        return absent(p, tag, e);
    if (b->size_bytes > REMOVE_SLICE_GB * SIM_GB) {
        b->size_bytes -= REMOVE_SLICE_GB * SIM_GB;
        return MACHINE_PENDING;
    }
    b->used = false;
    if (p == PLACE_SOFTWARE_DISTRIBUTION) {
        log_name(tag, "", name);
        sim_store_remove(m->windows_files, name, NULL);
    }
    sim_changed(m);
    return MACHINE_OK;
}

enum machine_status sim_evidence_export(void *ctx, const char *tag, char what[200], struct err *e)
{
    struct sim_machine *m = ctx;
    char name[100];
    struct buf log;
    sim_advance(m);
    buf_init(&log, 16 << 20);
    enum machine_status status = sim_store_read(m->windows_files, SIM_REPORTING_LOG, &log, e);
    snprintf(name, sizeof name, "evidence.%.40s." SIM_REPORTING_LOG, tag);
    if (status == MACHINE_OK)
        status = sim_store_replace(m->windows_files, name, buf_slice(&log), e);
    snprintf(what, 200, "%s (%zu bytes)", SIM_REPORTING_LOG, log.n);
    if (status == MACHINE_ABSENT) {
        snprintf(what, 200, "nothing: there is no %s", SIM_REPORTING_LOG);
        status = MACHINE_OK;
    }
    buf_free(&log);
    return status;
}
