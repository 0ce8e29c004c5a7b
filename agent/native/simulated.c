/* The machine of the agent on Linux: a simulated Windows, set up by flags. */
#include "native.h"

#include "code.h"
#include "mem.h"
#include "sim_machine.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPT_EVERY_MS = 120 * 1000 };

const struct arg_flag simulated_flags[] = {
    {"name", "NAME", false, "name of the simulated machine; else this host's"},
    {"fault", "FAULT", false, "hidden fault, CODE:PHASE[:REPAIR,...]; the repairs heal it"},
    {"clock-offset", "SECONDS", false, "how far the simulated machine's clock is ahead"},
    {"workgroup", NULL, false, "no member of a domain"},
    {"reboot-pending", NULL, false, "Windows waits for a restart"},
    {"speed", "N", false, "everything takes an N-th of its time"},
    {0},
};
const char *const simulated_flag_names[] = {"name",           "fault", "clock-offset", "workgroup",
                                            "reboot-pending", "speed", NULL};

static bool read_heals(const char *text, unsigned *heals, struct err *e)
{
    while (*text) {
        char name[40];
        size_t n = strcspn(text, ",");
        snprintf(name, sizeof name, "%.*s", (int)(n < 39 ? n : 39), text);
        const struct repair *r = repair_find(name);
        if (!r)
            return err_set(e, ERR_INVALID, "\"%s\" is no repair", name);
        *heals |= 1u << r->id;
        text += n + (text[n] == ',');
    }
    return true;
}

static bool read_fault_parts(const char *text, struct world_fault *f, struct err *e)
{
    char phase[20];
    size_t code_n = strcspn(text, ":");
    if (!code_parse(slice_make(text, code_n), &f->code, e))
        return false;
    text += code_n + (text[code_n] == ':');
    size_t phase_n = strcspn(text, ":");
    snprintf(phase, sizeof phase, "%.*s", (int)(phase_n < 19 ? phase_n : 19), text);
    if (!event_phase_parse(phase, &f->phase) ||
        (f->phase != EVENT_PHASE_SCAN && f->phase != EVENT_PHASE_DOWNLOAD && f->phase != EVENT_PHASE_INSTALL))
        return err_set(e, ERR_INVALID, "\"%s\" is no phase: scan, download or install expected", phase);
    text += phase_n + (text[phase_n] == ':');
    return read_heals(text, &f->heals, e);
}

static bool read_fault(const struct args *a, struct world_group *g, struct err *e)
{
    const char *text = args_get(a, "fault");
    if (!text)
        return true;
    g->has_fault = true;
    g->fault.chance = 1;
    if (!read_fault_parts(text, &g->fault, e))
        return err_wrap(e, "--fault %.80s", text);
    if (g->fault.phase != EVENT_PHASE_SCAN)
        snprintf(g->fault.kb, sizeof g->fault.kb, "KB5003791");
    return true;
}

static bool read_group(struct program *p, struct world_group *g, struct err *e)
{
    const struct args *a = &p->args;
    *g = (struct world_group){.count = 1, .domain = !args_has(a, "workgroup")};
    g->reboot_pending = args_has(a, "reboot-pending");
    snprintf(g->role, sizeof g->role, "client");
    snprintf(g->update_manager, sizeof g->update_manager, "none");
    if (args_get(a, "name"))
        snprintf(g->name, sizeof g->name, "%s", args_get(a, "name"));
    else if (gethostname(g->name, sizeof g->name - 1) != 0)
        snprintf(g->name, sizeof g->name, "SIMULATED");
    return args_int(a, "clock-offset", -4000000000, 4000000000, 0, &g->clock_offset_s, e) &&
           args_int(a, "speed", 1, 1000000, 1, &p->speed, e) && read_fault(a, g, e);
}

static uint64_t seed_of(const char *name)
{
    uint64_t seed = 0;
    for (const char *c = name; *c; c++)
        seed = seed * 131 + (unsigned char)*c;
    return seed;
}

struct machine *simulated_open(struct program *p, const char *state_dir, struct err *e)
{
    static struct world_group group; /* one machine a process */
    if (!read_group(p, &group, e))
        return NULL;
    struct sim_options o = {
        .group = &group,
        .name = group.name,
        .seed = seed_of(group.name),
        .clock = &clock_system,
        .speed = p->speed,
        .attempt_every_ms = ATTEMPT_EVERY_MS,
        .state_dir = state_dir,
    };
    struct sim_machine *m = sim_machine_new(&o, e);
    return m ? sim_machine_of(m) : NULL;
}

void simulated_close(struct machine *machine)
{
    sim_machine_free(machine->ctx);
}
