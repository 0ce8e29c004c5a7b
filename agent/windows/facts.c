/* What the machine is. What can't be found out stays empty; nothing here waits for the network. */
#include "crypto.h"
#include "mem.h"
#include "parts.h"
#include "text.h"

#include <lm.h>
#include <stdio.h>
#include <winternl.h>

#define CURRENT_VERSION L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion"
#define LANGUAGE_KEY    L"SYSTEM\\CurrentControlSet\\Control\\Nls\\Language"

/* ---- the system ---- */

/* RtlGetVersion alone tells the truth to programs of every manifest. */
static DWORD build_number(void)
{
    typedef NTSTATUS NTAPI version_fn(RTL_OSVERSIONINFOW *);
    RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    version_fn *get = ntdll ? (version_fn *)(void *)GetProcAddress(ntdll, "RtlGetVersion") : NULL;
    return get && get(&version) == 0 ? version.dwBuildNumber : 0;
}

static const char *build_text(struct arena *a, DWORD build)
{
    DWORD revision = 0;
    if (registry_dword(CURRENT_VERSION, L"UBR", &revision)) /* since Windows 10 */
        return arena_printf(a, "%lu.%lu", build, revision);
    return arena_printf(a, "%lu", build);
}

/* Windows 11 still calls itself "Windows 10 ..." in the registry. */
static const char *os_text(struct arena *a, DWORD build)
{
    const char *name = registry_arena(a, CURRENT_VERSION, L"ProductName");
    const char *version = registry_arena(a, CURRENT_VERSION, L"DisplayVersion");
    static const char ten[] = "Windows 10";
    char *out = arena_printf(a, "%s%s%s", name, version[0] ? " " : "", version);
    if (build >= 22000 && strncmp(out, ten, sizeof ten - 1) == 0)
        out[sizeof ten - 2] = '1';
    return out;
}

enum { MACHINE_X86 = 0x014c, MACHINE_X64 = 0x8664, MACHINE_ARM64 = 0xaa64 };

/* The processor's architecture, not that of this program. */
static USHORT native_machine(void)
{
    typedef BOOL WINAPI wow_fn(HANDLE, USHORT *, USHORT *);
    USHORT process = 0, native = 0;
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    wow_fn *wow =
        kernel ? (wow_fn *)(void *)GetProcAddress(kernel, "IsWow64Process2") : NULL; /* Windows 10 1511 */
    if (wow && wow(GetCurrentProcess(), &process, &native))
        return native;
    SYSTEM_INFO info;
    GetNativeSystemInfo(&info);
    return info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_INTEL ? MACHINE_X86 : MACHINE_X64;
}

bool windows_is_arm64(void)
{
    return native_machine() == MACHINE_ARM64;
}

static const char *arch_text(void)
{
    USHORT machine = native_machine();
    return machine == MACHINE_ARM64 ? "arm64" : machine == MACHINE_X86 ? "x86" : "x64";
}

/* ---- names ---- */

static const char *computer_name(struct arena *a)
{
    wchar_t name[256];
    DWORD n = sizeof name / sizeof *name;
    if (!GetComputerNameExW(ComputerNamePhysicalNetBIOS, name, &n))
        return "";
    char *utf8 = wide_to_utf8(name);
    const char *out = arena_strdup(a, utf8);
    mem_free(utf8);
    return out;
}

char *windows_domain(void)
{
    wchar_t *name = NULL;
    NETSETUP_JOIN_STATUS status;
    char *out = NULL;
    if (NetGetJoinInformation(NULL, &name, &status) != NERR_Success)
        return NULL;
    if (status == NetSetupDomainName && name && name[0]) {
        /* The DNS name where there is one: what people call their domain. */
        wchar_t dns[256];
        DWORD n = sizeof dns / sizeof *dns;
        bool has_dns = GetComputerNameExW(ComputerNamePhysicalDnsDomain, dns, &n) && dns[0];
        out = wide_to_utf8(has_dns ? dns : name);
    }
    NetApiBufferFree(name);
    return out;
}

/* Group policy leaves the machine's distinguished name: all behind the first comma is where it stands. */
static const char *ou_text(struct arena *a)
{
    const char *dn =
        registry_arena(a, L"SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Group Policy\\State\\Machine",
                       L"Distinguished-Name");
    const char *comma = strchr(dn, ',');
    return comma ? comma + 1 : "";
}

static const char *model_text(struct arena *a)
{
    static const wchar_t bios[] = L"HARDWARE\\DESCRIPTION\\System\\BIOS";
    const char *maker = registry_arena(a, bios, L"SystemManufacturer"),
               *product = registry_arena(a, bios, L"SystemProductName");
    return arena_printf(a, "%s%s%s", maker, maker[0] && product[0] ? " " : "", product);
}

/* ---- languages and zone ---- */

static const char *zone_text(struct arena *a)
{
    DYNAMIC_TIME_ZONE_INFORMATION zone;
    if (GetDynamicTimeZoneInformation(&zone) == TIME_ZONE_ID_INVALID)
        return "";
    char *utf8 = wide_to_utf8(zone.TimeZoneKeyName);
    const char *out = arena_strdup(a, utf8);
    mem_free(utf8);
    return out;
}

static const char *locale_text(struct arena *a)
{
    wchar_t name[LOCALE_NAME_MAX_LENGTH];
    if (GetSystemDefaultLocaleName(name, LOCALE_NAME_MAX_LENGTH) == 0)
        return "";
    char utf8[LOCALE_NAME_MAX_LENGTH * 3];
    wide_to_array(name, utf8, sizeof utf8);
    return arena_strdup(a, utf8);
}

/* "0407" in the registry is "de-DE" to people. */
static const char *language_text(struct arena *a, const wchar_t *value)
{
    wchar_t name[LOCALE_NAME_MAX_LENGTH];
    const char *hex = registry_arena(a, LANGUAGE_KEY, value);
    unsigned char id[2];
    if (!hex_decode(slice_of(hex), id, 2) ||
        LCIDToLocaleName((LCID)(id[0] << 8 | id[1]), name, LOCALE_NAME_MAX_LENGTH, 0) == 0)
        return "";
    char utf8[LOCALE_NAME_MAX_LENGTH * 3];
    wide_to_array(name, utf8, sizeof utf8);
    return arena_strdup(a, utf8);
}

/* ---- identity of the installation ---- */

/* Windows makes MachineGuid at installation; an image cloned without sysprep carries it along, but not its
 * volume's serial number when the disk was formatted anew. Hashed: nobody needs to know either. */
static const char *instance_text(struct arena *a, const wchar_t *windows_dir)
{
    char hex[2 * SHA256_BYTES + 1];
    DWORD serial = 0;
    wchar_t root[] = {windows_dir[0], L':', L'\\', L'\0'};
    const char *guid = registry_arena(a, L"SOFTWARE\\Microsoft\\Cryptography", L"MachineGuid");
    if (!guid[0] || !GetVolumeInformationW(root, NULL, 0, &serial, NULL, NULL, NULL, 0))
        return "";
    sha256_hex(slice_of(arena_printf(a, "%s:%08lx", guid, serial)), hex);
    return arena_strdup(a, hex);
}

void windows_facts(void *ctx, struct arena *a, struct wire_facts *out)
{
    struct machine_windows *m = ctx;
    DWORD build = build_number();
    struct machine_conditions now;
    windows_conditions(m, &now);
    char *domain = windows_domain();
    *out = (struct wire_facts){
        .name = computer_name(a),
        .domain = arena_strdup(a, domain ? domain : ""),
        .ou = domain ? ou_text(a) : "",
        .site = registry_arena(a, L"SYSTEM\\CurrentControlSet\\Services\\Netlogon\\Parameters",
                               L"DynamicSiteName"),
        .os = os_text(a, build),
        .build = build_text(a, build),
        .edition = registry_arena(a, CURRENT_VERSION, L"EditionID"),
        .arch = arch_text(),
        .role = windows_role(m),
        .update_manager = windows_update_manager(m),
        .update_server =
            registry_switch(L"SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU", L"UseWUServer")
                ? registry_arena(a, L"SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate", L"WUServer")
                : "",
        .model = model_text(a),
        .time_zone = zone_text(a),
        .locale = locale_text(a),
        .install_language = language_text(a, L"InstallLanguage"),
        .display_language = language_text(a, L"Default"),
        .scan_unavailable = arena_strdup(a, m->scan_unavailable),
        .instance = instance_text(a, m->windows_dir),
        .reboot_pending = now.reboot_pending,
        .on_battery = now.on_battery,
        .metered = now.metered,
        .battery_percent = now.battery_percent,
        .free_disk_mb = now.free_disk_bytes >> 20,
        .boot_time = windows_boot_time_ms(m),
    };
    mem_free(domain);
}
