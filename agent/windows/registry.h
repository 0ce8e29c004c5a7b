/* Reading HKEY_LOCAL_MACHINE, always in its 64-bit view. What is absent or of another type stays empty. */
#ifndef FLEETMEND_REGISTRY_H
#define FLEETMEND_REGISTRY_H

#include "arena.h"
#include "wide.h"

bool registry_key_exists(const wchar_t *key);
/* REG_SZ and REG_EXPAND_SZ (expanded) as UTF-8 for mem_free(), NULL otherwise. */
char *registry_string(const wchar_t *key, const wchar_t *value);
/* The same in the arena, "" when there is none. */
const char *registry_arena(struct arena *a, const wchar_t *key, const wchar_t *value);
bool registry_dword(const wchar_t *key, const wchar_t *value, DWORD *out);
/* Whether it is a DWORD other than 0. */
bool registry_switch(const wchar_t *key, const wchar_t *value);

/* The agent's own settings (registry_config.c). */
#define REGISTRY_POLICY     L"SOFTWARE\\Policies\\Fleetmend\\Agent"
#define REGISTRY_PREFERENCE L"SOFTWARE\\Fleetmend\\Agent"

/* Settings by policy over those of the installation, value by value. A value of the wrong type is an error
 * that names it: a typing mistake in a policy must not look like a missing one. */
struct agent_config;
bool registry_config_read(struct agent_config *, struct err *e);
/* A switch by policy, else by the installation, else false. */
bool registry_config_switch(const wchar_t *value);

#endif
