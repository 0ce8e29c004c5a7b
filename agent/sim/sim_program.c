/* w32tm.exe and the clock of the simulated Windows. */
#include "sim_internal.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    RESYNC_MIN_MS = 1000, RESYNC_MAX_MS = 8000,
    RESIDUE_MS = 200,             /* what a good synchronisation leaves */
    REASONABLE_MS = 60 * 1000,
};

#define MAX_CORRECTION_MS INT64_C(54000000) /* 15 h: standalone clients refuse more; domain members do not */
#define NOT_STARTED       0x80070426u       /* ERROR_SERVICE_NOT_ACTIVE */
#define TOO_BIG           3u                /* W32TimeSync's "change too big" */

enum machine_status sim_program_start(void *ctx, enum machine_program p, int limit_s, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    if (m->program_runs) {
        err_set(e, ERR_CONFLICT, "a program is running already");
        return MACHINE_BUSY;
    }
    m->program_runs = true;
    m->program = p;
    m->program_begun_ms = sim_now(m);
    m->program_ticks_ms = m->program_begun_ms + sim_lasts(m, RESYNC_MIN_MS, RESYNC_MAX_MS);
    m->program_limit_ms = m->program_begun_ms + (int64_t)limit_s * 1000;
    return MACHINE_OK;
}

static void clock_is_right(struct sim_machine *m, int64_t offset_ms)
{
    m->clock_offset_ms = offset_ms;
    sim_did(m, REPAIR_TIME_RESYNC);
    sim_changed(m);
}

static void resync(struct sim_machine *m, struct program_end *out)
{
    const char *text = "Sending resync command to local computer\nThe command completed successfully.\n";
    if (!sim_service_is(m, SERVICE_W32TIME, SERVICE_STATE_RUNNING)) {
        out->exit_code = NOT_STARTED;
        text = "The following error occurred: The service has not been started. (0x80070426)\n";
    } else if (!m->group->domain && llabs(m->clock_offset_ms) > MAX_CORRECTION_MS) {
        out->exit_code = TOO_BIG;
        text = "Sending resync command to local computer\n"
               "The computer did not resync because the required time change was too big.\n";
    } else {
        clock_is_right(m, sim_random_between(&m->random, -RESIDUE_MS, RESIDUE_MS));
    }
    snprintf(out->output, sizeof out->output, "%s", text);
}

enum machine_status sim_program_poll(void *ctx, struct program_end *out, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    if (!m->program_runs) {
        err_set(e, ERR_CONFLICT, "no program was started");
        return MACHINE_FAILED;
    }
    bool late = sim_now(m) >= m->program_limit_ms;
    if (sim_now(m) < m->program_ticks_ms && !late)
        return MACHINE_PENDING;
    m->program_runs = false;
    *out = (struct program_end){.timed_out = sim_now(m) < m->program_ticks_ms};
    if (!out->timed_out)
        resync(m, out);
    return MACHINE_OK;
}

enum machine_status sim_clock_set(void *ctx, int64_t utc_ms, struct err *e)
{
    struct sim_machine *m = ctx;
    (void)e;
    sim_advance(m);
    int64_t offset = utc_ms - clock_wall_ms(m->outside);
    if (llabs(offset) <= REASONABLE_MS)
        clock_is_right(m, offset);
    m->clock_offset_ms = offset;
    sim_changed(m);
    return MACHINE_OK;
}
