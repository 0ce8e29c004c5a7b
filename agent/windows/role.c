/* What a machine is to its administrator: its role, and who manages its updates. */
#include "mem.h"
#include "parts.h"

#define POLICY_WU L"SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate"

static bool text_is(const wchar_t *key, const wchar_t *value, const char *expected)
{
    char *text = registry_string(key, value);
    bool same = text && _stricmp(text, expected) == 0;
    mem_free(text);
    return same;
}

/* ---- role ---- */

/* X(service, role): the first that is installed names the role of a server. The order is that of the harm
 * that a careless restart does. */
static const struct {
    const wchar_t *service;
    const char *role;
} role_services[] = {
    {L"ClusSvc", "cluster"}, {L"vmms", "hyperv"}, {L"MSExchangeIS", "exchange"},
    {L"MSSQLSERVER", "sql"}, {L"CertSvc", "ca"},
};

/* A named instance of SQL Server: MSSQL$NAME. */
static bool has_sql_instance(void)
{
    HKEY key;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, L"SOFTWARE\\Microsoft\\Microsoft SQL Server\\Instance Names\\SQL",
                      0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &key) != ERROR_SUCCESS)
        return false;
    DWORD values = 0;
    RegQueryInfoKeyW(key, NULL, NULL, NULL, NULL, NULL, NULL, &values, NULL, NULL, NULL, NULL);
    RegCloseKey(key);
    return values > 0;
}

const char *windows_role(struct machine_windows *m)
{
    static const wchar_t product[] = L"SYSTEM\\CurrentControlSet\\Control\\ProductOptions";
    if (text_is(product, L"ProductType", "LanmanNT"))
        return "dc";
    /* Hyper-V or SQL Express on a workstation do not make it a server. */
    if (!text_is(product, L"ProductType", "ServerNT"))
        return "client";
    for (size_t i = 0; i < sizeof role_services / sizeof *role_services; i++)
        if (windows_service_exists(m, role_services[i].service))
            return role_services[i].role;
    if (has_sql_instance())
        return "sql";
    /* 1: a session host for many; 0: remote administration only */
    if (registry_switch(L"SYSTEM\\CurrentControlSet\\Control\\Terminal Server", L"TSAppCompat"))
        return "rds";
    return "server";
}

/* ---- updates ---- */

/* Of the workloads that ConfigMgr may hand to the cloud, the one for Windows Update. */
enum { COMANAGED_WINDOWS_UPDATE = 16 };

static bool deferred_by_policy(void)
{
    static const wchar_t *const values[] = {L"DeferQualityUpdates", L"DeferFeatureUpdates",
                                            L"DeferQualityUpdatesPeriodInDays",
                                            L"DeferFeatureUpdatesPeriodInDays"};
    static const wchar_t *const keys[] = {POLICY_WU,
                                          L"SOFTWARE\\Microsoft\\PolicyManager\\current\\device\\Update"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t v = 0; v < sizeof values / sizeof *values; v++)
            if (registry_switch(keys[k], values[v]))
                return true;
    return false;
}

/* Autopatch leaves nothing here that tells it from Windows Update for Business: it shows as wufb. */
const char *windows_update_manager(struct machine_windows *m)
{
    if (windows_service_exists(m, L"CcmExec")) {
        DWORD flags = 0;
        registry_dword(L"SOFTWARE\\Microsoft\\CCM", L"CoManagementFlags", &flags);
        return flags & COMANAGED_WINDOWS_UPDATE ? "comanaged" : "configmgr";
    }
    if (registry_switch(POLICY_WU L"\\AU", L"UseWUServer"))
        return "wsus";
    return deferred_by_policy() ? "wufb" : "none";
}
