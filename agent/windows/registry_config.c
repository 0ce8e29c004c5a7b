/* The agent's settings from group policy and from the installation. */
#include "config.h"
#include "mem.h"
#include "registry.h"

#include <stddef.h>
#include <stdio.h>

enum { VALUE_MAX_BYTES = 512 * 1024 };

enum setting_form {
    FORM_TEXT,      /* REG_SZ into a char * */
    FORM_LINES,     /* REG_MULTI_SZ into one char *, a line each: PEM text */
    FORM_LIST,      /* REG_MULTI_SZ into char *[] with its count */
    FORM_TEXT_LIST, /* REG_SZ or REG_MULTI_SZ into char *[] with its count */
    FORM_SWITCH,    /* REG_DWORD into a bool: 0 is no */
};

struct setting {
    const wchar_t *name;
    enum setting_form form;
    size_t field, count_field;
    int most;
};

#define FIELD(f) offsetof(struct agent_config, f)

static const struct setting settings[] = {
    {L"ServerUrl", FORM_TEXT_LIST, FIELD(server_urls), FIELD(server_count), CONFIG_LIST_MAX},
    {L"EnrollToken", FORM_TEXT, FIELD(enroll_token), 0, 1},
    {L"OrderKey", FORM_LIST, FIELD(order_keys), FIELD(order_key_count), CONFIG_LIST_MAX},
    {L"CaPem", FORM_LINES, FIELD(ca_pem), 0, 1},
    {L"TlsPins", FORM_LIST, FIELD(tls_pins), FIELD(tls_pin_count), CONFIG_LIST_MAX},
    {L"Proxy", FORM_TEXT, FIELD(proxy), 0, 1},
    {L"Tags", FORM_LIST, FIELD(tags), FIELD(tag_count), 20},
    {L"AllowClockStep", FORM_SWITCH, FIELD(allow_clock_step), 0, 1},
    {L"AllowRepairsOnCriticalRoles", FORM_SWITCH, FIELD(allow_critical_roles), 0, 1},
    {L"NonPersistent", FORM_SWITCH, FIELD(non_persistent), 0, 1},
};

static const char *form_text(enum setting_form form)
{
    static const char *const texts[] = {
        [FORM_TEXT] = "REG_SZ",
        [FORM_LINES] = "REG_MULTI_SZ",
        [FORM_LIST] = "REG_MULTI_SZ",
        [FORM_SWITCH] = "REG_DWORD",
        [FORM_TEXT_LIST] = "REG_SZ or REG_MULTI_SZ",
    };
    return texts[form];
}

static bool type_fits(enum setting_form form, DWORD type)
{
    switch (form) {
    case FORM_TEXT:
        return type == REG_SZ;
    case FORM_LINES:
    case FORM_LIST:
        return type == REG_MULTI_SZ;
    case FORM_TEXT_LIST:
        return type == REG_SZ || type == REG_MULTI_SZ;
    case FORM_SWITCH:
        return type == REG_DWORD;
    }
    return false;
}

/* A value as it stands in the registry, followed by two NULs, so that unended texts end. */
struct value {
    DWORD type, bytes;
    wchar_t *data;
};

/* Points `out` at the value; type REG_NONE when there is none. False when it could not be read. */
static bool value_read(const wchar_t *key, const wchar_t *name, struct value *out, struct err *e)
{
    *out = (struct value){.type = REG_NONE};
    HKEY handle;
    LSTATUS status = RegOpenKeyExW(HKEY_LOCAL_MACHINE, key, 0, KEY_QUERY_VALUE | KEY_WOW64_64KEY, &handle);
    if (status == ERROR_FILE_NOT_FOUND)
        return true;
    if (status != ERROR_SUCCESS)
        return win32_error(e, (DWORD)status, "HKLM\\%ls", key);
    DWORD bytes = 0;
    status = RegQueryValueExW(handle, name, NULL, &out->type, NULL, &bytes);
    if (status == ERROR_SUCCESS && bytes > VALUE_MAX_BYTES)
        status = ERROR_FILE_TOO_LARGE;
    if (status == ERROR_SUCCESS) {
        out->data = mem_zalloc(bytes + 2 * sizeof(wchar_t) + 2);
        out->bytes = bytes;
        status = RegQueryValueExW(handle, name, NULL, &out->type, (BYTE *)out->data, &out->bytes);
    }
    RegCloseKey(handle);
    if (status == ERROR_FILE_NOT_FOUND)
        *out = (struct value){.type = REG_NONE};
    else if (status != ERROR_SUCCESS) {
        mem_free(out->data);
        return win32_error(e, (DWORD)status, "HKLM\\%ls\\%ls", key, name);
    }
    return true;
}

/* Policy first; the other key only where the policy says nothing. `key` says where it was found. */
static bool value_find(const struct setting *s, struct value *out, const wchar_t **key, struct err *e)
{
    *key = REGISTRY_POLICY;
    if (!value_read(*key, s->name, out, e))
        return false;
    if (out->type == REG_NONE) {
        *key = REGISTRY_PREFERENCE;
        if (!value_read(*key, s->name, out, e))
            return false;
    }
    if (out->type != REG_NONE && !type_fits(s->form, out->type)) {
        mem_free(out->data);
        return err_set(e, ERR_INVALID, "HKLM\\%ls\\%ls: %s expected, another type found", *key, s->name,
                       form_text(s->form));
    }
    return true;
}

/* The texts of a REG_MULTI_SZ or REG_SZ one after the other; NULL behind the last. Empty ones are left out.
 */
static const wchar_t *next_text(const struct value *v, const wchar_t *at)
{
    const wchar_t *end = v->data + v->bytes / sizeof(wchar_t);
    if (at)
        at += wcslen(at) + 1;
    else
        at = v->data;
    while (at < end && *at == L'\0')
        at++;
    return at < end ? at : NULL;
}

static bool store_list(const struct setting *s, const struct value *v, const wchar_t *key, char **list,
                       int *count, struct err *e)
{
    for (const wchar_t *text = next_text(v, NULL); text; text = next_text(v, text)) {
        if (*count == s->most)
            return err_set(e, ERR_INVALID, "HKLM\\%ls\\%ls: at most %d lines allowed", key, s->name, s->most);
        list[(*count)++] = wide_to_utf8(text);
    }
    return true;
}

static char *store_lines(const struct value *v)
{
    struct buf out;
    buf_init(&out, 2 * VALUE_MAX_BYTES);
    for (const wchar_t *text = next_text(v, NULL); text; text = next_text(v, text)) {
        wide_append(&out, text, wcslen(text));
        buf_putc(&out, '\n');
    }
    return buf_take(&out);
}

static bool store(struct agent_config *c, const struct setting *s, const struct value *v, const wchar_t *key,
                  struct err *e)
{
    char *base = (char *)c;
    const wchar_t *first = v->type == REG_DWORD ? NULL : next_text(v, NULL);
    switch (s->form) {
    case FORM_SWITCH: {
        DWORD number = 0;
        memcpy(&number, v->data, v->bytes < sizeof number ? v->bytes : sizeof number);
        *(bool *)(void *)(base + s->field) = number != 0;
        return true;
    }
    case FORM_TEXT:
        /* An empty text is how a policy editor says "not set". */
        *(char **)(void *)(base + s->field) = first ? wide_to_utf8(first) : NULL;
        return true;
    case FORM_LINES:
        *(char **)(void *)(base + s->field) = first ? store_lines(v) : NULL;
        return true;
    case FORM_LIST:
    case FORM_TEXT_LIST:
        return store_list(s, v, key, (char **)(void *)(base + s->field),
                          (int *)(void *)(base + s->count_field), e);
    }
    return true;
}

/* TlsMode picks one of several ways that are filled in. The configuration itself picks by what is there, so
 * what the mode does not want is left out. */
static bool apply_tls_mode(struct agent_config *c, struct err *e)
{
    const struct setting setting = {L"TlsMode", FORM_TEXT, 0, 0, 1};
    const wchar_t *key;
    struct value v;
    if (!value_find(&setting, &v, &key, e))
        return false;
    const wchar_t *word = v.type == REG_NONE ? NULL : next_text(&v, NULL);
    bool ok = true;
    if (word && wcscmp(word, L"pin") != 0 && wcscmp(word, L"ca") != 0 && wcscmp(word, L"system") != 0)
        ok = err_set(e, ERR_INVALID, "HKLM\\%ls\\TlsMode: pin, ca or system expected", key);
    else if (word && wcscmp(word, L"pin") == 0 && c->tls_pin_count == 0)
        ok = err_set(e, ERR_INVALID, "HKLM\\%ls\\TlsMode is pin, but TlsPins is empty", key);
    else if (word && wcscmp(word, L"ca") == 0 && !c->ca_pem)
        ok = err_set(e, ERR_INVALID, "HKLM\\%ls\\TlsMode is ca, but CaPem is empty", key);
    if (ok && word && wcscmp(word, L"ca") != 0) {
        mem_free(c->ca_pem);
        c->ca_pem = NULL;
    }
    if (ok && word && wcscmp(word, L"pin") != 0) {
        for (; c->tls_pin_count > 0; c->tls_pin_count--)
            mem_free(c->tls_pins[c->tls_pin_count - 1]);
    }
    mem_free(v.data);
    return ok;
}

bool registry_config_read(struct agent_config *c, struct err *e)
{
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const wchar_t *key;
        struct value v;
        if (!value_find(&settings[i], &v, &key, e))
            return false;
        bool ok = v.type == REG_NONE || store(c, &settings[i], &v, key, e);
        mem_free(v.data);
        if (!ok)
            return false;
    }
    return apply_tls_mode(c, e);
}

bool registry_config_switch(const wchar_t *value)
{
    DWORD number = 0;
    if (registry_dword(REGISTRY_POLICY, value, &number))
        return number != 0;
    return registry_switch(REGISTRY_PREFERENCE, value);
}
