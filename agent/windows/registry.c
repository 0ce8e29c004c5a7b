#include "registry.h"

#include "mem.h"

static HKEY key_open(const wchar_t *key)
{
    HKEY handle = NULL;
    if (RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &handle) !=
        ERROR_SUCCESS)
        return NULL;
    return handle;
}

bool registry_key_exists(const wchar_t *key)
{
    HKEY handle = key_open(key);
    if (!handle)
        return false;
    RegCloseKey(handle);
    return true;
}

char *registry_string(const wchar_t *key, const wchar_t *value)
{
    HKEY handle = key_open(key);
    if (!handle)
        return NULL;
    char *out = NULL;
    wchar_t text[2048];
    DWORD bytes = sizeof text;
    /* RegGetValue ends the text with a NUL, refuses what is longer, and hands out REG_EXPAND_SZ expanded, as
     * REG_SZ. */
    if (RegGetValueW(handle, NULL, value, RRF_RT_REG_SZ, NULL, text, &bytes) == ERROR_SUCCESS)
        out = wide_to_utf8(text);
    RegCloseKey(handle);
    return out;
}

const char *registry_arena(struct arena *a, const wchar_t *key, const wchar_t *value)
{
    char *text = registry_string(key, value);
    const char *out = text ? arena_strdup(a, text) : "";
    mem_free(text);
    return out;
}

bool registry_dword(const wchar_t *key, const wchar_t *value, DWORD *out)
{
    HKEY handle = key_open(key);
    if (!handle)
        return false;
    DWORD bytes = sizeof *out;
    LSTATUS status = RegGetValueW(handle, NULL, value, RRF_RT_REG_DWORD, NULL, out, &bytes);
    RegCloseKey(handle);
    return status == ERROR_SUCCESS;
}

bool registry_switch(const wchar_t *key, const wchar_t *value)
{
    DWORD number = 0;
    return registry_dword(key, value, &number) && number != 0;
}
