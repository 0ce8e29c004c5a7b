/* What may stop a repair right now. */
#include "mem.h"
#include "parts.h"

#include <stdio.h>
#include <tlhelp32.h>

#define CBS_KEY L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing"

/* ---- pending restart ---- */

/* Only what Windows itself waits for. PendingFileRenameOperations is no sign: every updater and virus scanner
 * leaves some there. */
static const struct {
    const wchar_t *key;
    const char *reason;
} reboot_keys[] = {
    {L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired",
     "Windows Update"},
    {CBS_KEY L"\\RebootPending", "component servicing"},
    {CBS_KEY L"\\RebootInProgress", "servicing in progress"},
    {CBS_KEY L"\\PackagesPending", "packages pending"},
};

static void reason_add(char *reasons, size_t size, const char *reason)
{
    size_t n = strlen(reasons);
    snprintf(reasons + n, size - n, "%s%s", n ? ", " : "", reason);
}

bool windows_reboot_pending(struct machine_windows *m, char *reasons, size_t size)
{
    reasons[0] = '\0';
    for (size_t i = 0; i < sizeof reboot_keys / sizeof *reboot_keys; i++)
        if (registry_key_exists(reboot_keys[i].key))
            reason_add(reasons, size, reboot_keys[i].reason);
    wchar_t *path = wide_printf(L"%ls\\WinSxS\\pending.xml", m->windows_dir);
    if (GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES)
        reason_add(reasons, size, "pending.xml");
    mem_free(path);
    return reasons[0] != '\0';
}

/* ---- an update at work ---- */

/* A process that means "Windows is being changed" once it has run that long. TiWorker and TrustedInstaller
 * also run for a look; a worker that goes on for half an hour is servicing. */
static const struct {
    const wchar_t *name;
    int64_t after_ms;
} busy_processes[] = {
    {L"SetupHost.exe", 0},
    {L"wusa.exe", 0},
    {L"TiWorker.exe", 30 * 60 * 1000},
};

static int64_t running_ms(DWORD process_id)
{
    FILETIME created, ended, kernel, user, now;
    HANDLE process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, process_id);
    if (!process)
        return 0;
    int64_t ms = 0;
    GetSystemTimeAsFileTime(&now);
    if (GetProcessTimes(process, &created, &ended, &kernel, &user))
        ms = filetime_to_ms(now) - filetime_to_ms(created);
    CloseHandle(process);
    return ms;
}

static bool process_is_busy(const PROCESSENTRY32W *p)
{
    for (size_t i = 0; i < sizeof busy_processes / sizeof *busy_processes; i++)
        if (_wcsicmp(p->szExeFile, busy_processes[i].name) == 0 &&
            (busy_processes[i].after_ms == 0 || running_ms(p->th32ProcessID) >= busy_processes[i].after_ms))
            return true;
    return false;
}

static bool update_busy(void)
{
    HANDLE list = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0);
    if (list == INVALID_HANDLE_VALUE)
        return false;
    bool busy = false;
    PROCESSENTRY32W p = {.dwSize = sizeof p};
    for (BOOL more = Process32FirstW(list, &p); more && !busy; more = Process32NextW(list, &p))
        busy = process_is_busy(&p);
    CloseHandle(list);
    return busy;
}

/* ---- power, disk, clock ---- */

static void power_look(struct machine_conditions *out)
{
    enum { NO_BATTERY = 128, UNKNOWN = 255 };
    SYSTEM_POWER_STATUS power;
    out->battery_percent = 100;
    if (!GetSystemPowerStatus(&power))
        return;
    out->on_battery = power.ACLineStatus == 0;
    if (!(power.BatteryFlag & NO_BATTERY) && power.BatteryLifePercent <= 100)
        out->battery_percent = power.BatteryLifePercent;
}

int64_t windows_free_disk_bytes(struct machine_windows *m)
{
    ULARGE_INTEGER available;
    if (!GetDiskFreeSpaceExW(m->windows_dir, &available, NULL, NULL))
        return 0;
    return available.QuadPart > INT64_MAX ? INT64_MAX : (int64_t)available.QuadPart;
}

static bool time_nosync(void)
{
    char *type = registry_string(L"SYSTEM\\CurrentControlSet\\Services\\W32Time\\Parameters", L"Type");
    bool nosync = type && _stricmp(type, "NoSync") == 0;
    mem_free(type);
    return nosync;
}

void windows_conditions(void *ctx, struct machine_conditions *out)
{
    struct machine_windows *m = ctx;
    char *domain = windows_domain();
    *out = (struct machine_conditions){
        .update_busy = update_busy(),
        /* The network list manager knows it, by COM and only since Windows 8; until that is read nothing here
         * may download, so false stops no repair wrongly and lets none do harm. */
        .metered = false,
        .free_disk_bytes = windows_free_disk_bytes(m),
        .domain_member = domain != NULL,
        .time_nosync = domain == NULL && time_nosync(),
        .allow_critical_roles = registry_config_switch(L"AllowRepairsOnCriticalRoles"),
        .allow_clock_step = registry_config_switch(L"AllowClockStep"),
        .report_only = registry_config_switch(L"NonPersistent") || windows_is_arm64(),
    };
    out->reboot_pending = windows_reboot_pending(m, out->reboot_reasons, sizeof out->reboot_reasons);
    power_look(out);
    snprintf(out->role, sizeof out->role, "%s", windows_role(m));
    mem_free(domain);
}
