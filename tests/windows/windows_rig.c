#include "windows_rig.h"

struct machine *machine;
wchar_t windows_dir[MAX_PATH], tests_dir[MAX_PATH];

wchar_t *under(const wchar_t *folder, const wchar_t *name)
{
    return wide_printf(L"%ls\\%ls", folder, name);
}

void write_file(const wchar_t *path, const char *text)
{
    FILE *f = _wfopen(path, L"wb");
    assert_non_null(f);
    fwrite(text, 1, strlen(text), f);
    fclose(f);
}

bool exists(const wchar_t *path)
{
    return GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

void remove_folder(const wchar_t *path)
{
    for (int i = 0; i < 1000 && folder_remove(path, 1000, NULL) == MACHINE_PENDING; i++)
        ;
}

DWORD rig(const wchar_t *arguments)
{
    wchar_t *exe = under(tests_dir, L"rig.exe"), *line = wide_printf(L"\"%ls\" %ls", exe, arguments);
    STARTUPINFOW start = {.cb = sizeof start};
    PROCESS_INFORMATION process;
    DWORD code = 99;
    assert_true(CreateProcessW(exe, line, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process));
    WaitForSingleObject(process.hProcess, 30000);
    GetExitCodeProcess(process.hProcess, &code);
    CloseHandle(process.hThread);
    CloseHandle(process.hProcess);
    mem_free(exe);
    mem_free(line);
    return code;
}

struct machine *open_machine(const wchar_t *scan_exe)
{
    struct err e = {0};
    struct machine *m =
        machine_windows_open(&(struct machine_windows_options){.state_dir = STATE, .scan_exe = scan_exe}, &e);
    if (!m)
        fail_msg("%s", e.text);
    return m;
}

int rig_setup(void **state)
{
    (void)state;
    GetSystemWindowsDirectoryW(windows_dir, MAX_PATH);
    GetModuleFileNameW(NULL, tests_dir, MAX_PATH);
    *wcsrchr(tests_dir, L'\\') = L'\0';
    CreateDirectoryW(L"C:\\fleetmend-test", NULL);
    remove_folder(L"C:\\fleetmend-test\\state");
    wchar_t *agent = wide_printf(L"%ls\\..\\bin\\fleetmend-agent.exe", tests_dir);
    machine = open_machine(agent);
    mem_free(agent);
    return 0;
}

int rig_teardown(void **state)
{
    (void)state;
    machine_windows_close(machine);
    return 0;
}

struct slice text(const char *z)
{
    return slice_of(z);
}

void assert_file(const char *name, const char *expected)
{
    struct buf b;
    buf_init(&b, 10000);
    assert_int_equal(CALL(file_read, name, &b, NULL), MACHINE_OK);
    assert_string_equal(buf_text(&b), expected);
    buf_free(&b);
}
