/* fleetmend-agent.exe */
#include "commands.h"
#include "machine_windows.h"
#include "mem.h"
#include "registry.h"
#include "service.h"
#include "wide.h"

#include <stdio.h>

/* Before anything else: DLLs come from System32 alone, never from the folder of the exe or the working
 * directory, and a heap that was overwritten ends the process instead of obeying. */
static void harden(void)
{
    typedef BOOL WINAPI directories_fn(DWORD);
    HMODULE kernel = GetModuleHandleW(L"kernel32.dll");
    directories_fn *directories = /* Windows 8, and 7 with KB2533623 */
        kernel ? (directories_fn *)(void *)GetProcAddress(kernel, "SetDefaultDllDirectories") : NULL;
    if (directories)
        directories(LOAD_LIBRARY_SEARCH_SYSTEM32);
    SetDllDirectoryW(L"");
    HeapSetInformation(NULL, HeapEnableTerminationOnCorruption, NULL, 0);
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOOPENFILEERRORBOX); /* a service has nobody to click */
}

/* ---- what agent_main() asks of Windows ---- */

static bool file_read(const char *path, struct buf *out, struct err *e)
{
    char bytes[4096];
    DWORD got = 0;
    wchar_t *wide = wide_from_utf8(path);
    HANDLE file =
        CreateFileW(wide, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    DWORD code = GetLastError();
    mem_free(wide);
    if (file == INVALID_HANDLE_VALUE)
        return win32_error(e, code, "%s", path);
    bool ok = true;
    do {
        ok = ReadFile(file, bytes, sizeof bytes, &got, NULL);
        buf_append(out, bytes, got);
    } while (ok && got > 0 && !out->full);
    code = GetLastError();
    CloseHandle(file);
    return ok ? buf_check(out, path, e) : win32_error(e, code, "%s", path);
}

static struct machine *machine_open(struct program *p, const char *state_dir, struct err *e)
{
    (void)p;
    return machine_windows_open(&(struct machine_windows_options){.state_dir = state_dir}, e);
}

static const char *const service_flags[] = {"state", "debug", NULL};

static const struct program_command commands[] = {
    {.name = "service",
     .operands = "",
     .flags = service_flags,
     .help = "run as the service FleetmendAgent; for the service manager only",
     .run = service_command},
    {0},
};

/* ---- arguments ---- */

static char **utf8_arguments(int argc, wchar_t **argv)
{
    char **out = mem_zalloc(((size_t)argc + 1) * sizeof *out);
    for (int i = 0; i < argc; i++)
        out[i] = wide_to_utf8(argv[i]);
    return out;
}

/* A console shows UTF-8 for as long as we run; a pipe or a file gets it anyway. */
static UINT console_to_utf8(void)
{
    DWORD mode;
    if (!GetConsoleMode(GetStdHandle(STD_OUTPUT_HANDLE), &mode))
        return 0;
    UINT before = GetConsoleOutputCP();
    SetConsoleOutputCP(CP_UTF8);
    return before;
}

int wmain(int argc, wchar_t **argv)
{
    harden();
    if (argc == 2 && wcscmp(argv[1], L"scan-child") == 0)
        return scan_child_main();
    const struct program_platform platform = {
        .about = "The Fleetmend agent for Windows: reports update failures, and repairs them.",
        .default_state_dir = machine_windows_state_dir(),
        .commands = commands,
        .config_read = registry_config_read,
        .state_lock = machine_windows_lock,
        .machine_open = machine_open,
        .machine_close = machine_windows_close,
        .stop_by = service_stop_by,
        .file_read = file_read,
    };
    UINT console = console_to_utf8();
    int code = agent_main(argc, utf8_arguments(argc, argv), &platform);
    fflush(stdout);
    if (console)
        SetConsoleOutputCP(console);
    return code;
}
