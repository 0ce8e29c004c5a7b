#include "steps.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- the table of repairs ---- */

const enum machine_service update_services[] = {SERVICE_USOSVC, SERVICE_WUAUSERV, SERVICE_BITS, SERVICE_DOSVC, SERVICE_COUNT};
const enum machine_service time_services[] = {SERVICE_W32TIME, SERVICE_COUNT};

#define UPDATE .services = update_services
#define TIME   .services = time_services
#define FOLDER .place = PLACE_SOFTWARE_DISTRIBUTION

static const struct step cache_reset[] = {
    {"look at the folder", step_look_place, describe_place, FOLDER},
    {"look at the update services", step_look_services, describe_services, UPDATE},
    {"export the evidence", step_export_evidence, NULL, .flags = 0},
    {"stop the update services", step_stop_services, NULL, UPDATE},
    {"move the folder aside", step_move_aside, NULL, UPDATE, FOLDER},
    {"restore the start types", step_restore_start_types, NULL, UPDATE},
    {"start what ran before", step_start_services, NULL, UPDATE},
    {"remove the old folder if that was asked for", step_drop_backup, NULL, FOLDER},
    {0},
};
static const struct step cache_restore[] = {
    {"stop the update services", step_stop_services, NULL, UPDATE},
    {"move the old folder back", step_move_back, NULL, FOLDER},
    {"restore the start types", step_restore_start_types, NULL, UPDATE},
    {"start what ran before", step_start_services, NULL, UPDATE},
    {0},
};
static const struct step cache_undo[] = {
    {"look at the update services", step_look_services, describe_services, UPDATE},
    {"stop the update services", step_stop_services, NULL, UPDATE},
    {"move the old folder back", step_move_back, NULL, FOLDER},
    {"restore the start types", step_restore_start_types, NULL, UPDATE},
    {"start what ran before", step_start_services, NULL, UPDATE},
    {0},
};
static const struct step services_restore[] = {
    {"restore the start types", step_restore_start_types, NULL, UPDATE},
    {"start what ran before", step_start_services, NULL, UPDATE},
    {0},
};

static const struct step time_resync[] = {
    {"look at the Windows Time service", step_look_services, describe_services, TIME},
    {"measure the clock", step_measure_clock, describe_clock, TIME},
    {"let the service start", step_enable_time, NULL, TIME},
    {"start the service", step_start_services, NULL, TIME, .flags = STEP_START_ALWAYS},
    {"set the clock if it is too far off", step_set_clock, NULL, TIME},
    {"resynchronise", step_resync, NULL, TIME},
    {"measure the clock again", step_check_clock, NULL, TIME},
    {"restore the start type", step_restore_start_types, NULL, TIME},
    {"stop the service if it was disabled", step_stop_services, NULL, TIME, .flags = STEP_STOP_IF_WAS_DISABLED},
    {0},
};
static const struct step time_restore[] = {
    {"restore the start type", step_restore_start_types, NULL, TIME},
    {"stop the service if it was disabled", step_stop_services, NULL, TIME, .flags = STEP_STOP_IF_WAS_DISABLED},
    {0},
};
static const struct step time_undo[] = {
    {"look at the Windows Time service", step_look_services, describe_services, TIME},
    {"put the start type back", step_undo_time, NULL, TIME},
    {0},
};
static const struct step update_scan[] = {
    {"scan for updates", step_scan, NULL, .flags = 0},
    {0},
};
static const struct step nothing[] = {{0}};

static bool has_backup(const struct job *j)
{
    return j->moved_mask != 0;
}

static bool looked_at_time(const struct job *j)
{
    return j->result == JOB_RESULT_DONE && j->found_mask >> SERVICE_W32TIME & 1;
}

static const struct repair_steps table[] = {
    {REPAIR_TIME_RESYNC, time_resync, time_restore, time_undo, nothing, NULL, NULL, looked_at_time},
    {REPAIR_CACHE_RESET, cache_reset, cache_restore, cache_undo, services_restore, "move the folder aside",
     places_are_moved, has_backup},
    {REPAIR_UPDATE_SCAN, update_scan, nothing, NULL, NULL, NULL, NULL, NULL},
};

const struct repair_steps *steps_of(const struct repair *r)
{
    for (size_t i = 0; r && i < sizeof table / sizeof *table; i++)
        if (table[i].repair == r->id)
            return &table[i];
    return NULL;
}

const struct step *steps_now(const struct job *j)
{
    const struct repair_steps *rows = steps_of(j->repair);
    if (!rows)
        return nothing;
    if (j->stage == STAGE_RESTORING)
        return j->undo ? rows->undo_restore : rows->restore;
    return j->undo ? rows->undo : rows->steps;
}

/* ---- what steps call ---- */

void run_say(struct run *r, const char *fmt, ...)
{
    char line[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    /* A full buffer takes nothing more: then the first 16 kB stand. */
    buf_printf(&r->job->output, "%s\n", line);
    r->job->dirty = true;
}

static void add_reason(struct job *j, const char *text)
{
    size_t n = strlen(j->reason);
    snprintf(j->reason + n, sizeof j->reason - n, "%s%s", n ? "; " : "", text);
}

enum step_end run_fail(struct run *r, enum job_result result, const char *fmt, ...)
{
    char text[REASON_MAX];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    run_say(r, "%s", text);
    if (r->job->stage == STAGE_RESTORING) {
        add_reason(r->job, text);
        return STEP_NEXT;
    }
    r->job->result = result;
    snprintf(r->job->reason, sizeof r->job->reason, "%s", text);
    return STEP_STOP;
}

int64_t run_scaled(const struct run *r, int64_t ms)
{
    return ms > 0 && ms < r->speed ? 1 : ms / r->speed;
}

enum step_end run_again(struct run *r, int64_t wait_ms)
{
    r->wait_ms = run_scaled(r, wait_ms);
    return STEP_AGAIN;
}

enum step_end run_save(struct run *r)
{
    r->job->dirty = true;
    r->wait_ms = 0;
    return STEP_AGAIN;
}

enum step_end run_retry(struct run *r, int tries, enum machine_status status, const char *what, const struct err *e)
{
    if (status != MACHINE_DENIED && ++r->tries < tries)
        return run_again(r, 1000 << r->tries);
    return run_fail(r, status == MACHINE_DENIED ? JOB_RESULT_REFUSED : JOB_RESULT_FAILED, "%s: %s", what, e->text);
}

bool run_is_late(const struct run *r, int64_t limit_s)
{
    return r->now.ticks_ms - r->since_ticks > run_scaled(r, limit_s * 1000);
}

void run_phase(struct run *r, int phase)
{
    r->phase = phase;
    r->tries = 0;
    r->since_ticks = r->now.ticks_ms;
}

void run_reset(struct run *r)
{
    r->cursor = 0;
    r->skipped = 0;
    run_phase(r, 0);
}
