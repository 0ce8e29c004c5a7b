/* Boots, zones and the clock. */
#include "crypto.h"
#include "mem.h"
#include "parts.h"

#include <stdio.h>
#include <winternl.h>

/* Milliseconds between 1601-01-01 and 1970-01-01. */
static const int64_t epoch_offset_ms = INT64_C(11644473600000);

int64_t filetime_to_ms(FILETIME ft)
{
    return (int64_t)((((uint64_t)ft.dwHighDateTime << 32) | ft.dwLowDateTime) / 10000) - epoch_offset_ms;
}

static bool systemtime_of(int64_t utc_ms, SYSTEMTIME *out)
{
    int64_t ticks = (utc_ms + epoch_offset_ms) * 10000;
    FILETIME ft = {(DWORD)((uint64_t)ticks & 0xffffffff), (DWORD)((uint64_t)ticks >> 32)};
    return ticks >= 0 && FileTimeToSystemTime(&ft, out);
}

/* ---- boots ---- */

/* The kernel's own record of its start; it moves along when the wall clock is stepped, so it is no identity.
 */
int64_t windows_boot_time_ms(struct machine_windows *m)
{
    struct {
        LARGE_INTEGER boot_time, current_time, zone_bias;
        ULONG zone, reserved;
        ULONGLONG boot_bias, sleep_bias;
    } day = {0};
    typedef NTSTATUS NTAPI query_fn(int, void *, ULONG, ULONG *);
    enum { TIME_OF_DAY_INFORMATION = 3 };
    ULONG n = 0;
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    query_fn *query = ntdll ? (query_fn *)(void *)GetProcAddress(ntdll, "NtQuerySystemInformation") : NULL;
    if (query && query(TIME_OF_DAY_INFORMATION, &day, sizeof day, &n) >= 0 && day.boot_time.QuadPart > 0)
        return day.boot_time.QuadPart / 10000 - epoch_offset_ms;
    return clock_wall_ms(m->machine.clock) - clock_ticks_ms(m->machine.clock);
}

static bool boot_value_read(HKEY key, char out[41])
{
    wchar_t text[41];
    DWORD bytes = sizeof text;
    if (RegGetValueW(key, NULL, L"Id", RRF_RT_REG_SZ, NULL, text, &bytes) != ERROR_SUCCESS)
        return false;
    wide_to_array(text, out, 41);
    return strlen(out) == 32;
}

/* A key that Windows forgets when it ends, with a random name in it: nothing else is the same within a boot,
 * whatever happens to the clock, and different after it. (Fast Startup keeps the kernel alive: that is no
 * boot, and the ticks agree.) */
static bool boot_id_volatile(char out[41])
{
    HKEY key;
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Fleetmend\\Boot", 0, NULL, REG_OPTION_VOLATILE,
                        KEY_QUERY_VALUE | KEY_SET_VALUE | KEY_WOW64_64KEY, NULL, &key, NULL) != ERROR_SUCCESS)
        return false;
    bool ok = boot_value_read(key, out);
    if (!ok) {
        random_hex(16, out);
        wchar_t *text = wide_from_utf8(out);
        ok = RegSetValueExW(key, L"Id", 0, REG_SZ, (const BYTE *)text, 33 * sizeof(wchar_t)) == ERROR_SUCCESS;
        mem_free(text);
    }
    RegCloseKey(key);
    return ok;
}

void windows_boot_id(void *ctx, char out[41])
{
    struct machine_windows *m = ctx;
    /* Asked on every sync, the same all the time. */
    if (!m->boot_id[0] && !boot_id_volatile(m->boot_id))
        snprintf(m->boot_id, sizeof m->boot_id, "t%lld",
                 (long long)windows_boot_time_ms(m)); /* no right to write */
    memcpy(out, m->boot_id, sizeof m->boot_id);
}

/* ---- zone ---- */

int64_t windows_zone_offset_ms(void *ctx, int64_t utc_ms)
{
    (void)ctx;
    SYSTEMTIME utc, local;
    FILETIME utc_file, local_file;
    if (!systemtime_of(utc_ms, &utc))
        return 0;
    /* With the rules of that year, where the system knows them (Windows 7 and later). */
    typedef BOOL WINAPI local_fn(const DYNAMIC_TIME_ZONE_INFORMATION *, const SYSTEMTIME *, SYSTEMTIME *);
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    local_fn *by_year =
        kernel ? (local_fn *)(void *)GetProcAddress(kernel, "SystemTimeToTzSpecificLocalTimeEx") : NULL;
    if (!(by_year && by_year(NULL, &utc, &local)) && !SystemTimeToTzSpecificLocalTime(NULL, &utc, &local))
        return 0;
    if (!SystemTimeToFileTime(&utc, &utc_file) || !SystemTimeToFileTime(&local, &local_file))
        return 0;
    return filetime_to_ms(local_file) - filetime_to_ms(utc_file);
}

/* ---- clock ---- */

static enum machine_status privilege_enable(const wchar_t *name, struct err *e)
{
    HANDLE token;
    TOKEN_PRIVILEGES wanted = {.PrivilegeCount = 1, .Privileges = {{.Attributes = SE_PRIVILEGE_ENABLED}}};
    if (!LookupPrivilegeValueW(NULL, name, &wanted.Privileges[0].Luid) ||
        !OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES | TOKEN_QUERY, &token))
        return win32_status(e, GetLastError(), "privilege %s", wide_show(name));
    AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL);
    DWORD code = GetLastError(); /* it "succeeds" without the privilege, too */
    CloseHandle(token);
    if (code == ERROR_NOT_ALL_ASSIGNED)
        code = ERROR_PRIVILEGE_NOT_HELD;
    return code == ERROR_SUCCESS ? MACHINE_OK : win32_status(e, code, "privilege %s", wide_show(name));
}

enum machine_status windows_clock_set(void *ctx, int64_t utc_ms, struct err *e)
{
    (void)ctx;
    SYSTEMTIME utc;
    if (!systemtime_of(utc_ms, &utc))
        return machine_fail(e, MACHINE_FAILED, "setting the clock: no such time");
    enum machine_status status = privilege_enable(SE_SYSTEMTIME_NAME, e);
    if (status == MACHINE_OK && !SetSystemTime(&utc))
        status = win32_status(e, GetLastError(), "setting the clock");
    return status;
}
