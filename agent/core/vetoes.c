#include "vetoes.h"

#include <stdio.h>
#include <string.h>

enum { BATTERY_MIN_PERCENT = 60, GB_SHIFT = 30 };

static bool is_critical(const struct machine_conditions *c)
{
    static const char *const roles[] = {"dc", "cluster", "hyperv"};
    for (size_t i = 0; i < sizeof roles / sizeof *roles; i++)
        if (strcmp(c->role, roles[i]) == 0)
            return !c->allow_critical_roles;
    return false;
}

static bool is_disk_low(const struct repair *r, const struct machine_conditions *c)
{
    int64_t gigabytes = r->id == REPAIR_COMPONENT_STORE_REPAIR ? 5 : 1;
    return c->free_disk_bytes < gigabytes << GB_SHIFT;
}

unsigned vetoes_now(const struct repair *r, const struct machine_conditions *c)
{
    const struct {
        enum veto bit;
        bool holds;
    } looks[] = {
        {VETO_REBOOT_PENDING, c->reboot_pending},
        {VETO_LOW_DISK, is_disk_low(r, c)},
        {VETO_BATTERY, c->on_battery && c->battery_percent < BATTERY_MIN_PERCENT},
        {VETO_NO_MAINS, c->on_battery},
        {VETO_METERED, c->metered},
        {VETO_UPDATE_BUSY, c->update_busy},
        {VETO_CRITICAL_ROLE, is_critical(c)},
    };
    /* A machine that only reports runs nothing at all, so no row needs to say it. */
    unsigned mask = c->report_only ? VETO_LOCAL_ONLY : 0;
    for (size_t i = 0; i < sizeof looks / sizeof *looks; i++)
        if (looks[i].holds)
            mask |= looks[i].bit & r->vetoes;
    return mask;
}

void vetoes_text(unsigned mask, const struct machine_conditions *c, char *out, size_t size)
{
    size_t n = 0;
    out[0] = '\0';
    for (unsigned bit = 1; bit <= VETO_LOCAL_ONLY && n < size; bit <<= 1) {
        if (!(mask & bit))
            continue;
        bool why = bit == VETO_REBOOT_PENDING && c->reboot_reasons[0];
        n += (size_t)snprintf(out + n, size - n, "%s%s%s%s%s", n ? "; " : "", veto_text((enum veto)bit),
                              why ? " (" : "", why ? c->reboot_reasons : "", why ? ")" : "");
    }
}
