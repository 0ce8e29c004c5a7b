/* Services of the simulated Windows: start types as Windows has them, and the habit of coming back by themselves. */
#include "sim_internal.h"

#include <stdio.h>

/* How Windows 10 and 11 have them. `woken_by`: the service that starts it again soon after it was stopped, unless
 * that one is stopped too or it is disabled; itself: its own trigger does. */
static const struct {
    struct service_info info;
    int64_t stop_min_ms, stop_max_ms;
    enum machine_service woken_by; /* SERVICE_COUNT: nobody */
} habits[SERVICE_COUNT] = {
    [SERVICE_WUAUSERV] = {{SERVICE_STATE_RUNNING, SERVICE_START_MANUAL, false}, 800, 6000, SERVICE_USOSVC},
    [SERVICE_BITS] = {{SERVICE_STATE_RUNNING, SERVICE_START_MANUAL, false}, 200, 2000, SERVICE_COUNT},
    [SERVICE_USOSVC] = {{SERVICE_STATE_RUNNING, SERVICE_START_AUTO, true}, 200, 1500, SERVICE_COUNT},
    [SERVICE_DOSVC] = {{SERVICE_STATE_RUNNING, SERVICE_START_AUTO, true}, 200, 2500, SERVICE_COUNT},
    [SERVICE_CRYPTSVC] = {{SERVICE_STATE_RUNNING, SERVICE_START_AUTO, false}, 100, 800, SERVICE_CRYPTSVC},
    [SERVICE_W32TIME] = {{SERVICE_STATE_STOPPED, SERVICE_START_MANUAL, false}, 100, 500, SERVICE_COUNT},
    [SERVICE_TRUSTEDINSTALLER] = {{SERVICE_STATE_STOPPED, SERVICE_START_MANUAL, false}, 100, 500, SERVICE_COUNT},
};

enum { START_MIN_MS = 200, START_MAX_MS = 2000, WAKE_MIN_MS = 2000, WAKE_MAX_MS = 8000 };

bool sim_service_is(const struct sim_machine *m, enum machine_service s, enum service_state state)
{
    return m->services[s].info.state == state;
}

void sim_services_begin(struct sim_machine *m)
{
    for (int s = 0; s < SERVICE_COUNT; s++)
        m->services[s] = (struct sim_service){.info = habits[s].info};
    if (m->group->domain) /* joining a domain starts Windows Time */
        m->services[SERVICE_W32TIME].info =
            (struct service_info){SERVICE_STATE_RUNNING, SERVICE_START_AUTO, false};
    if (m->group->has_fault && m->group->fault.code == 0x80070422) /* ERROR_SERVICE_DISABLED */
        m->services[SERVICE_WUAUSERV].info =
            (struct service_info){SERVICE_STATE_STOPPED, SERVICE_START_DISABLED, false};
}

static bool is_moving(const struct sim_service *s)
{
    return s->info.state == SERVICE_STATE_STARTING || s->info.state == SERVICE_STATE_STOPPING;
}

static void settle(struct sim_machine *m, enum machine_service s)
{
    struct sim_service *service = &m->services[s];
    bool starting = service->info.state == SERVICE_STATE_STARTING;
    service->info.state = starting ? SERVICE_STATE_RUNNING : SERVICE_STATE_STOPPED;
    service->settles_ticks_ms = starting ? 0 : sim_now(m) + sim_lasts(m, WAKE_MIN_MS, WAKE_MAX_MS);
    if (starting && s == SERVICE_WUAUSERV)
        sim_place_make(m, PLACE_SOFTWARE_DISTRIBUTION);
    if (starting && s == SERVICE_CRYPTSVC)
        sim_place_make(m, PLACE_CATROOT2);
    sim_changed(m);
}

static bool is_woken(const struct sim_machine *m, enum machine_service s)
{
    const struct sim_service *service = &m->services[s];
    enum machine_service waker = habits[s].woken_by;
    return service->info.state == SERVICE_STATE_STOPPED && service->settles_ticks_ms > 0 && waker != SERVICE_COUNT &&
           service->info.start != SERVICE_START_DISABLED &&
           (waker == s || sim_service_is(m, waker, SERVICE_STATE_RUNNING));
}

static void begin_start(struct sim_machine *m, enum machine_service s)
{
    m->services[s].info.state = SERVICE_STATE_STARTING;
    m->services[s].settles_ticks_ms = sim_now(m) + sim_lasts(m, START_MIN_MS, START_MAX_MS);
}

void sim_services_advance(struct sim_machine *m)
{
    int64_t now = sim_now(m);
    for (enum machine_service s = 0; s < SERVICE_COUNT; s++) {
        if (m->services[s].settles_ticks_ms > now)
            continue;
        if (is_moving(&m->services[s]))
            settle(m, s);
        else if (is_woken(m, s))
            begin_start(m, s);
    }
}

int64_t sim_services_due(const struct sim_machine *m)
{
    int64_t due = INT64_MAX;
    for (enum machine_service s = 0; s < SERVICE_COUNT; s++)
        if ((is_moving(&m->services[s]) || is_woken(m, s)) && m->services[s].settles_ticks_ms < due)
            due = m->services[s].settles_ticks_ms;
    return due;
}

enum machine_status sim_service_query(void *ctx, enum machine_service s, struct service_info *out, struct err *e)
{
    struct sim_machine *m = ctx;
    (void)e;
    sim_advance(m);
    *out = m->services[s].info;
    return MACHINE_OK;
}

enum machine_status sim_service_start(void *ctx, enum machine_service s, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    struct sim_service *service = &m->services[s];
    if (service->info.start == SERVICE_START_DISABLED) {
        err_set(e, ERR_CONFLICT, "%s: the service is disabled (1058)", machine_service_name(s));
        return MACHINE_FAILED;
    }
    if (service->info.state == SERVICE_STATE_STOPPING) {
        err_set(e, ERR_CONFLICT, "%s: the service is stopping (1061)", machine_service_name(s));
        return MACHINE_BUSY;
    }
    if (service->info.state == SERVICE_STATE_STOPPED)
        begin_start(m, s);
    return MACHINE_OK;
}

enum machine_status sim_service_stop(void *ctx, enum machine_service s, struct err *e)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    struct sim_service *service = &m->services[s];
    if (service->info.state == SERVICE_STATE_STARTING) {
        err_set(e, ERR_CONFLICT, "%s: the service is starting (1061)", machine_service_name(s));
        return MACHINE_BUSY;
    }
    if (service->info.state == SERVICE_STATE_RUNNING) {
        service->info.state = SERVICE_STATE_STOPPING;
        service->settles_ticks_ms = sim_now(m) + sim_lasts(m, habits[s].stop_min_ms, habits[s].stop_max_ms);
    }
    return MACHINE_OK;
}

enum machine_status sim_service_set_start(void *ctx, enum machine_service s, enum service_start start, bool delayed,
                                          struct err *e)
{
    struct sim_machine *m = ctx;
    (void)e;
    sim_advance(m);
    bool enabled = m->services[s].info.start == SERVICE_START_DISABLED && start != SERVICE_START_DISABLED;
    m->services[s].info.start = start;
    m->services[s].info.delayed = delayed;
    if (enabled && s == SERVICE_WUAUSERV)
        sim_did(m, REPAIR_WU_SERVICES_RESET);
    sim_changed(m);
    return MACHINE_OK;
}
