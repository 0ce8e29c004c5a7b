/* What the simulated Windows tells about itself. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdio.h>

#define DOMAIN      "corp.example"
#define DISK_FREE   (60 * SIM_GB)
#define DAY_MS      INT64_C(86400000)

static const struct {
    const char *os, *build;
} systems[] = {
    {"Windows 10 Pro", "19045.3803"},
    {"Windows 10 Enterprise", "19045.3570"},
    {"Windows 11 Pro", "22631.2861"},
    {"Windows 11 Enterprise", "22621.2715"},
};
static const struct {
    const char *site, *unit;
} sites[] = {{"Berlin", "Sales"}, {"Berlin", "Finance"}, {"Hamburg", "Production"}, {"London", "Sales"}, {"Boston", "IT"}};
static const char *const models[] = {"OptiPlex 7090", "EliteBook 840 G8", "ThinkPad T14 Gen 2", "Latitude 5420"};

static size_t pick(struct sim_random *r, size_t count)
{
    return (size_t)sim_random_between(r, 0, (int64_t)count - 1);
}

static const char *or_own(const char *given, const char *own)
{
    return given[0] ? given : own;
}

void sim_facts(void *ctx, struct arena *a, struct wire_facts *out)
{
    struct sim_machine *m = ctx;
    const struct world_group *g = m->group;
    /* A stream of its own: the same answers every time. */
    struct sim_random r = sim_random_of(m->seed ^ 0x66616374, (uint64_t)m->index);
    size_t system = pick(&r, sizeof systems / sizeof *systems), site = pick(&r, sizeof sites / sizeof *sites);
    const char *model = models[pick(&r, sizeof models / sizeof *models)];
    const char *site_name = or_own(g->site, sites[site].site);
    sim_advance(m);
    *out = (struct wire_facts){
        .name = arena_strdup(a, m->name),
        .domain = g->domain ? DOMAIN : "",
        .ou = g->domain ? arena_printf(a, "OU=%s,OU=%s,DC=corp,DC=example", sites[site].unit, site_name) : "",
        .site = arena_strdup(a, site_name),
        .os = arena_strdup(a, or_own(g->os, systems[system].os)),
        .build = arena_strdup(a, or_own(g->build, g->os[0] ? "" : systems[system].build)),
        .arch = "x64",
        .role = arena_strdup(a, g->role),
        .update_manager = arena_strdup(a, g->update_manager),
        .update_server = arena_strdup(a, g->update_server),
        .model = arena_strdup(a, or_own(g->model, model)),
        .instance = arena_strdup(a, m->instance),
        .simulated = true,
        .reboot_pending = g->reboot_pending,
        .battery_percent = 100,
        .free_disk_mb = DISK_FREE >> 20,
        .boot_time = clock_wall_ms(m->outside) / DAY_MS * DAY_MS - (int64_t)pick(&r, 14) * DAY_MS,
    };
}

void sim_conditions(void *ctx, struct machine_conditions *out)
{
    struct sim_machine *m = ctx;
    sim_advance(m);
    *out = (struct machine_conditions){
        .reboot_pending = m->group->reboot_pending,
        .battery_percent = 100,
        .free_disk_bytes = DISK_FREE,
        .domain_member = m->group->domain,
    };
    snprintf(out->reboot_reasons, sizeof out->reboot_reasons, "%s",
             m->group->reboot_pending ? "Windows Update RebootRequired" : "");
    snprintf(out->role, sizeof out->role, "%s", m->group->role);
}
