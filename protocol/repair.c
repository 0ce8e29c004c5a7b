#include "repair.h"

#include <stdio.h>
#include <string.h>

enum { HOUR_S = 3600, DAY_S = 24 * HOUR_S };

static const struct repair_param no_params[] = {{0}};
static const struct repair_param time_params[] = {
    {"allow_step", NULL, "flag", "false",
     "set the clock from the server's signed time when it is more than 15 h off (workgroup machines only)"},
    {"timezone", NULL, "timezone", "", "also set this Windows time zone id (makes the job class 2)"},
    {0},
};
static const struct repair_param cache_params[] = {
    {"keep", "verify|none", NULL, "verify", "keep the old folder until a verdict, or remove it at once"},
    {0},
};
static const struct repair_param services_params[] = {
    {"start", "default|automatic", NULL, "default", "start types of this Windows version, or Automatic"},
    {0},
};
static const struct repair_param store_params[] = {
    {"source", NULL, "id", "", "repository named by policy; empty: Windows' own source"},
    {0},
};
static const struct repair_param package_params[] = {
    {"kb", NULL, "kb", NULL, "the package to install, e.g. KB5032381"},
    {"source", NULL, "id", NULL, "repository named by policy"},
    {0},
};
static const struct repair_param setup_params[] = {
    {"source", NULL, "id", NULL, "repository named by policy that holds the setup media"},
    {0},
};
static const struct repair_param driver_params[] = {
    {"scope", "flagged|all", NULL, "flagged", "devices with a problem, or all offered drivers"},
    {"source", NULL, "id", "", "repository named by policy; empty: Windows Update's offer"},
    {0},
};

#define BUSY          VETO_UPDATE_BUSY
#define CHANGES_STORE (VETO_REBOOT_PENDING | VETO_LOW_DISK | VETO_BATTERY | BUSY | VETO_CRITICAL_ROLE)
#define NO_LIMIT      0, 0

static const struct repair catalogue[REPAIR_COUNT] = {
    {REPAIR_TIME_RESYNC, "time_resync", 0, UNDO_YES, VERIFY_SCAN, 0, NO_LIMIT, false, time_params,
     "Synchronise the clock",
     "Starts Windows Time, resynchronises it and measures the clock against the server's signed time again.",
     "Restores the start type of the Windows Time service."},
    {REPAIR_TROUBLESHOOTER, "troubleshooter", 0, UNDO_NONE, VERIFY_NONE, 0, NO_LIMIT, false, no_params,
     "Diagnose",
     "Looks at services, policy, proxy, DNS, TLS, clock, disk, cache and pending restarts. Changes nothing.",
     "It changes nothing."},
    {REPAIR_TROUBLESHOOTER_PACK, "troubleshooter_pack", 1, UNDO_NONE, VERIFY_SCAN, CHANGES_STORE, 1,
     7 * DAY_S, true, no_params, "Run Microsoft's troubleshooter",
     "Runs Windows' own update troubleshooter where it still exists.",
     "Microsoft's pack records no way back."},
    {REPAIR_WU_SERVICES_RESET, "wu_services_reset", 1, UNDO_YES, VERIFY_SCAN, BUSY | VETO_CRITICAL_ROLE,
     NO_LIMIT, true, services_params, "Reset the update services",
     "Puts the update services back to this Windows version's start types and starts them.",
     "Restores the start types found before."},
    {REPAIR_CACHE_RESET, "cache_reset", 1, UNDO_YES, VERIFY_SCAN, CHANGES_STORE, 1, 7 * DAY_S, true,
     cache_params, "Reset the update cache",
     "Stops the update services, moves SoftwareDistribution aside after exporting the evidence in it, and "
     "starts what ran before.",
     "Moves the old folder back."},
    {REPAIR_CATROOT2_RESET, "catroot2_reset", 1, UNDO_YES, VERIFY_SCAN, CHANGES_STORE, 1, 30 * DAY_S, true,
     no_params, "Reset the catalog cache",
     "Moves catroot2 aside so that Windows builds its signature catalogue anew.",
     "Moves the old folder back."},
    {REPAIR_COMPONENT_STORE_REPAIR, "component_store_repair", 1, UNDO_SELF, VERIFY_SCAN,
     CHANGES_STORE | VETO_NO_MAINS, 1, DAY_S, true, store_params, "Repair the component store",
     "Checks, scans and restores the component store with DISM; on Windows 7 with the readiness tool.",
     "The repair is transactional: Windows keeps the old state when it fails."},
    {REPAIR_INSTALL_PACKAGE, "install_package", 2, UNDO_SELF, VERIFY_SCAN, CHANGES_STORE | VETO_METERED,
     NO_LIMIT, true, package_params, "Install a missing package",
     "Installs the named package from the repository after checking Microsoft's signature.",
     "Uninstall the package."},
    {REPAIR_IN_PLACE_REPAIR, "in_place_repair", 2, UNDO_SELF, VERIFY_SCAN,
     CHANGES_STORE | VETO_NO_MAINS | VETO_METERED, NO_LIMIT, true, setup_params, "Repair Windows in place",
     "Runs Windows setup from the repository over the installed system, keeping everything: the last rung.",
     "Windows setup keeps its own way back."},
    {REPAIR_SYSTEM_FILE_CHECK, "system_file_check", 1, UNDO_NONE, VERIFY_SCAN,
     VETO_REBOOT_PENDING | VETO_BATTERY | BUSY | VETO_CRITICAL_ROLE, NO_LIMIT, true, no_params,
     "Check system files", "Runs the system file checker and judges it by its own log lines.",
     "Replaced files were damaged ones."},
    {REPAIR_PROXY_RESET, "proxy_reset", 2, UNDO_YES, VERIFY_SCAN, VETO_CRITICAL_ROLE, NO_LIMIT, true,
     no_params, "Reset the WinHTTP proxy",
     "Only where the configured proxy does not answer: removes it from WinHTTP.",
     "Restores the proxy settings found before."},
    {REPAIR_WINSOCK_RESET, "winsock_reset", 2, UNDO_YES, VERIFY_SCAN,
     VETO_REBOOT_PENDING | VETO_CRITICAL_ROLE, NO_LIMIT, true, no_params, "Reset Winsock",
     "Resets the Winsock catalogue; needs a restart.", "Restores the catalogue saved before."},
    {REPAIR_FREE_DISK_SPACE, "free_disk_space", 1, UNDO_NONE, VERIFY_SCAN, BUSY | VETO_CRITICAL_ROLE,
     NO_LIMIT, true, no_params, "Free disk space",
     "Deletes update left-overs and old temporary files in a safe order, bounded.",
     "Deleted files are gone."},
    {REPAIR_ALLOW_OS_UPGRADE, "allow_os_upgrade", 2, UNDO_YES, VERIFY_SCAN, VETO_CRITICAL_ROLE, NO_LIMIT,
     true, no_params, "Allow the OS upgrade",
     "Sets AllowOSUpgrade for upgrade failures on Windows 7 and 8.1.", "Restores the value found before."},
    {REPAIR_DRIVER_UPDATE, "driver_update", 2, UNDO_SELF, VERIFY_SCAN, CHANGES_STORE | VETO_METERED, NO_LIMIT,
     true, driver_params, "Update drivers",
     "Installs the drivers Windows Update offers for devices with a problem.",
     "Windows can roll a driver back; what was replaced is recorded."},
    {REPAIR_POLICY_RESET, "policy_reset", 2, UNDO_YES, VERIFY_SCAN, VETO_CRITICAL_ROLE, NO_LIMIT, true,
     no_params, "Reset update policy values",
     "Removes listed update-policy values after saving them; on domain machines it reports policy_owned.",
     "Restores the values saved before."},
    {REPAIR_REBOOT, "reboot", 2, UNDO_NONE, VERIFY_SCAN, BUSY | VETO_CRITICAL_ROLE, 1, DAY_S, false,
     no_params, "Restart Windows", "Restarts with a warning, a snooze budget and a loop breaker.",
     "A restart can't be undone."},
    {REPAIR_UPDATE_SCAN, "update_scan", 0, UNDO_NONE, VERIFY_SCAN, 0, NO_LIMIT, false, no_params,
     "Scan for updates", "A new update scan and nothing else: the verification step on its own.",
     "It changes nothing."},
    {REPAIR_UPDATE_RETRY, "update_retry", 1, UNDO_NONE, VERIFY_SCAN,
     VETO_REBOOT_PENDING | VETO_LOW_DISK | VETO_BATTERY | VETO_METERED | BUSY | VETO_CRITICAL_ROLE, NO_LIMIT,
     false, no_params, "Retry the failed update", "Downloads and installs the failed update again.",
     "An installed update is uninstalled by Windows' own means."},
    {REPAIR_COLLECT_LOGS, "collect_logs", 0, UNDO_NONE, VERIFY_NONE, 0, NO_LIMIT, false, no_params,
     "Collect logs", "Sends a fixed list of update logs, bounded, for a person to read.",
     "It changes nothing."},
};

const struct repair *repair_get(enum repair_id id)
{
    return &catalogue[id];
}

const struct repair *repair_find(const char *name)
{
    for (int i = 0; i < REPAIR_COUNT; i++)
        if (strcmp(catalogue[i].name, name) == 0)
            return &catalogue[i];
    return NULL;
}

static bool matches_kb(const char *v)
{
    size_t digits = strncmp(v, "KB", 2) == 0 ? strspn(v + 2, "0123456789") : 0;
    return digits >= 6 && digits <= 8 && v[2 + digits] == '\0';
}

static bool matches_id(const char *v)
{
    size_t n = strspn(v, "abcdefghijklmnopqrstuvwxyz0123456789._-");
    return n <= 40 && v[n] == '\0';
}

static bool matches_timezone(const char *v)
{
    size_t n = 0;
    while (v[n] >= ' ' && v[n] <= '~')
        n++;
    return n <= 60 && v[n] == '\0';
}

static bool matches_flag(const char *v)
{
    return strcmp(v, "true") == 0 || strcmp(v, "false") == 0;
}

static const struct {
    const char *name;
    bool (*matches)(const char *);
    const char *allowed;
} patterns[] = {
    {"kb", matches_kb, "KB and 6 to 8 digits"},
    {"id", matches_id, "up to 40 of a-z 0-9 . _ -"},
    {"timezone", matches_timezone, "a Windows time zone id, up to 60 characters"},
    {"flag", matches_flag, "true or false"},
};

static bool is_word(const char *words, const char *value)
{
    size_t n = strlen(value);
    for (const char *w = words; *w;) {
        size_t len = strcspn(w, "|");
        if (len == n && memcmp(w, value, n) == 0)
            return true;
        w += len + (w[len] == '|');
    }
    return false;
}

static bool check_value(const struct repair_param *p, const char *value, struct err *e)
{
    if (p->words)
        return is_word(p->words, value) ||
               err_set(e, ERR_INVALID, "%s: \"%.40s\" is not allowed; one of %s", p->name, value, p->words);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
        if (strcmp(patterns[i].name, p->pattern) == 0)
            return patterns[i].matches(value) || err_set(e, ERR_INVALID, "%s: \"%.40s\" is not allowed; %s",
                                                         p->name, value, patterns[i].allowed);
    return err_set(e, ERR_INTERNAL, "%s: unknown pattern %s", p->name, p->pattern);
}

static const struct repair_param *find_param(const struct repair *r, const char *name)
{
    for (const struct repair_param *p = r->params; p->name; p++)
        if (strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

bool repair_value_set(const struct repair *r, struct repair_values *values, const char *name,
                      const char *value, struct err *e)
{
    const struct repair_param *p = find_param(r, name);
    if (!p)
        return err_set(e, ERR_INVALID, "%s has no parameter \"%.40s\"", r->name, name);
    if (!check_value(p, value, e))
        return false;
    if (repair_value(values, name))
        return err_set(e, ERR_INVALID, "%s: given twice", name);
    struct repair_value *v = &values->v[values->count++];
    snprintf(v->name, sizeof v->name, "%s", name);
    snprintf(v->value, sizeof v->value, "%s", value);
    return true;
}

bool repair_values_complete(const struct repair *r, struct repair_values *values, struct err *e)
{
    for (const struct repair_param *p = r->params; p->name; p++) {
        if (repair_value(values, p->name))
            continue;
        if (!p->fallback)
            return err_set(e, ERR_INVALID, "%s needs the parameter %s: %s", r->name, p->name, p->help);
        if (p->fallback[0] && !repair_value_set(r, values, p->name, p->fallback, e))
            return false;
    }
    return true;
}

const char *repair_value(const struct repair_values *values, const char *name)
{
    for (int i = 0; i < values->count; i++)
        if (strcmp(values->v[i].name, name) == 0)
            return values->v[i].value;
    return NULL;
}

const char *veto_text(enum veto one)
{
    static const struct {
        enum veto bit;
        const char *text;
    } texts[] = {
        {VETO_REBOOT_PENDING, "a restart is pending"},
        {VETO_LOW_DISK, "too little free space on the system drive"},
        {VETO_BATTERY, "on battery below 60 %"},
        {VETO_NO_MAINS, "not on mains power"},
        {VETO_METERED, "on a metered connection"},
        {VETO_UPDATE_BUSY, "an update installation is running"},
        {VETO_CRITICAL_ROLE, "the machine's role allows class 0 only"},
        {VETO_LOCAL_ONLY, "this machine only reports"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].bit == one)
            return texts[i].text;
    return "vetoed";
}
