#include "mem.h"
#include "parts.h"

static const struct machine_ops ops = {
    .facts = windows_facts,
    .conditions = windows_conditions,
    .boot_id = windows_boot_id,
    .zone_offset_ms = windows_zone_offset_ms,
    .clock_set = windows_clock_set,
    .service_query = windows_service_query,
    .service_start = windows_service_start,
    .service_stop = windows_service_stop,
    .service_set_start = windows_service_set_start,
    .place_query = windows_place_query,
    .place_move_aside = windows_place_move_aside,
    .place_restore = windows_place_restore,
    .backup_query = windows_backup_query,
    .backup_remove = windows_backup_remove,
    .evidence_export = windows_evidence_export,
    .program_start = windows_program_start,
    .program_poll = windows_program_poll,
    .scan_start = windows_scan_start,
    .scan_poll = windows_scan_poll,
    .log_stat = windows_log_stat,
    .log_read = windows_log_read,
    .file_read = windows_file_read,
    .file_replace = windows_file_replace,
    .file_append = windows_file_append,
    .file_remove = windows_file_remove,
    .seal = windows_seal,
    .unseal = windows_unseal,
};

static wchar_t *windows_folder(void)
{
    wchar_t path[MAX_PATH];
    UINT n = GetSystemWindowsDirectoryW(path, MAX_PATH);
    return wide_printf(L"%ls", n > 0 && n < MAX_PATH ? path : L"C:\\Windows");
}

static wchar_t *own_exe(void)
{
    wchar_t *path = mem_zalloc(32768 * sizeof *path);
    GetModuleFileNameW(NULL, path, 32767);
    wchar_t *out = wide_printf(L"%ls", path);
    mem_free(path);
    return out;
}

/* Absolute, whatever the working directory becomes; \\?\ in front lets it be long. */
static wchar_t *absolute(const char *path)
{
    wchar_t *wide = wide_from_utf8(path);
    DWORD n = GetFullPathNameW(wide, 0, NULL, NULL);
    wchar_t *full = mem_zalloc(((size_t)n + 1) * sizeof *full);
    GetFullPathNameW(wide, n, full, NULL);
    wchar_t *out = full[0] == L'\\' ? wide_printf(L"%ls", full) : wide_printf(L"\\\\?\\%ls", full);
    mem_free(wide);
    mem_free(full);
    return out;
}

struct machine *machine_windows_open(const struct machine_windows_options *o, struct err *e)
{
    struct machine_windows *m = mem_zalloc(sizeof *m);
    m->machine = (struct machine){&ops, m, &clock_system};
    m->windows_dir = windows_folder();
    m->scan_exe = o->scan_exe ? wide_printf(L"%ls", o->scan_exe) : own_exe();
    m->state_dir = absolute(o->state_dir);
    if (!folder_guard(m->state_dir, e)) {
        machine_windows_close(&m->machine);
        return NULL;
    }
    service_memory_load(m);
    return &m->machine;
}

void machine_windows_close(struct machine *machine)
{
    if (!machine)
        return;
    struct machine_windows *m = machine->ctx;
    child_free(m->program);
    child_free(m->scan);
    if (m->services)
        CloseServiceHandle(m->services);
    mem_free(m->state_dir);
    mem_free(m->windows_dir);
    mem_free(m->scan_exe);
    mem_free(m);
}
