/* The built-in mix: what a fleet of office PCs looks like on an ordinary day. */
#include "world.h"

#include "mem.h"

#include <stdio.h>

#define HEALED_BY(repair) (1u << REPAIR_##repair)

/* per_mille of the fleet; the first row takes the rest. */
static const struct {
    int per_mille;
    enum event_phase phase;
    uint32_t code;
    const char *kb;
    unsigned heals;
    int64_t clock_offset_s;
    const char *update_server;
    bool reboot_pending;
} mix[] = {
    {0, EVENT_PHASE_NONE, 0, "", 0, 0, "", false},
    {100, EVENT_PHASE_SCAN, 0x80070002, "", HEALED_BY(CACHE_RESET), 0, "", false},
    {60, EVENT_PHASE_DOWNLOAD, 0x80240034, "KB5031356", HEALED_BY(CACHE_RESET), 0, "", false},
    {40, EVENT_PHASE_SCAN, 0x80072EE2, "", 0, 0, "", false},
    {50, EVENT_PHASE_SCAN, 0x80072F8F, "", HEALED_BY(TIME_RESYNC), 5 * 3600, "", false},
    {40, EVENT_PHASE_INSTALL, 0x800F0831, "KB5003791",
     HEALED_BY(COMPONENT_STORE_REPAIR) | HEALED_BY(INSTALL_PACKAGE), 0, "", false},
    {40, EVENT_PHASE_SCAN, 0x80070422, "", HEALED_BY(WU_SERVICES_RESET), 0, "", false},
    {30, EVENT_PHASE_INSTALL, 0x80070643, "KB5034441", 0, 0, "", true},
    {40, EVENT_PHASE_SCAN, 0x8024402C, "", 0, 0, "http://wsus.corp.example:8530", false},
};

enum { ROWS = sizeof mix / sizeof *mix };

static void fill(struct world_group *g, size_t row, int64_t count)
{
    *g = (struct world_group){.count = count,
                              .domain = true,
                              .clock_offset_s = mix[row].clock_offset_s,
                              .reboot_pending = mix[row].reboot_pending,
                              .has_fault = mix[row].code != 0};
    snprintf(g->name, sizeof g->name, "PC");
    snprintf(g->role, sizeof g->role, "client");
    snprintf(g->update_server, sizeof g->update_server, "%s", mix[row].update_server);
    snprintf(g->update_manager, sizeof g->update_manager, "%s", mix[row].update_server[0] ? "wsus" : "none");
    g->fault = (struct world_fault){
        .phase = mix[row].phase, .code = mix[row].code, .heals = mix[row].heals, .chance = 1};
    snprintf(g->fault.kb, sizeof g->fault.kb, "%s", mix[row].kb);
}

void world_default(struct world *w, int64_t machines)
{
    *w = (struct world){.groups = mem_resize(NULL, ROWS, sizeof *w->groups), .machines = machines, .mixed = true};
    int64_t rest = machines;
    for (size_t row = ROWS - 1; row > 0; row--) {
        int64_t count = (machines * mix[row].per_mille + 500) / 1000;
        rest -= count;
        if (count > 0)
            fill(&w->groups[w->count++], row, count);
    }
    fill(&w->groups[w->count++], 0, rest);
}
