/* What the Windows tests need on their machine, one verb each:
 *
 *   rig install NAME auto|manual|disabled [DEPENDS]   a service that does nothing but start and stop
 *   rig remove NAME | rig start NAME | rig stop NAME
 *   rig state NAME        prints "running manual" and the like
 *   rig hold FOLDER...    holds them open so that they can't be renamed; prints "ready"; ends when its input
 * ends rig service NAME      what the service manager runs rig scan-child        never ends */
#include <windows.h>

#include <stdio.h>
#include <wchar.h>

static SERVICE_STATUS_HANDLE handle;
static HANDLE stop;
static wchar_t *service_name;

static void report(DWORD state)
{
    SERVICE_STATUS s = {.dwServiceType = SERVICE_WIN32_OWN_PROCESS, .dwCurrentState = state};
    s.dwControlsAccepted = state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP : 0;
    SetServiceStatus(handle, &s);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *ctx)
{
    (void)type;
    (void)data;
    (void)ctx;
    if (control == SERVICE_CONTROL_STOP) {
        report(SERVICE_STOP_PENDING);
        SetEvent(stop);
    }
    return NO_ERROR;
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
    (void)argc;
    (void)argv;
    stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    handle = RegisterServiceCtrlHandlerExW(service_name, on_control, NULL);
    report(SERVICE_RUNNING);
    WaitForSingleObject(stop, INFINITE);
    report(SERVICE_STOPPED);
}

static int run_service(wchar_t *name)
{
    SERVICE_TABLE_ENTRYW table[] = {{name, service_main}, {NULL, NULL}};
    service_name = name;
    return StartServiceCtrlDispatcherW(table) ? 0 : 1;
}

static int fail(const char *what)
{
    fprintf(stderr, "rig: %s: Windows error %lu\n", what, GetLastError());
    return 1;
}

static int install(SC_HANDLE manager, const wchar_t *name, const wchar_t *start, const wchar_t *depends)
{
    wchar_t exe[MAX_PATH], command[2 * MAX_PATH], list[80] = L"";
    GetModuleFileNameW(NULL, exe, MAX_PATH);
    _snwprintf(command, 2 * MAX_PATH - 1, L"\"%ls\" service %ls", exe, name);
    if (depends)
        _snwprintf(list, 78, L"%ls", depends); /* ends with two NULs */
    DWORD type = wcscmp(start, L"auto") == 0     ? SERVICE_AUTO_START
                 : wcscmp(start, L"manual") == 0 ? SERVICE_DEMAND_START
                                                 : SERVICE_DISABLED;
    SC_HANDLE s =
        CreateServiceW(manager, name, name, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS, type,
                       SERVICE_ERROR_NORMAL, command, NULL, NULL, depends ? list : NULL, NULL, NULL);
    if (!s && GetLastError() == ERROR_SERVICE_EXISTS) { /* left by a run that was cut off */
        s = OpenServiceW(manager, name, SERVICE_ALL_ACCESS);
        if (s && !ChangeServiceConfigW(s, SERVICE_NO_CHANGE, type, SERVICE_NO_CHANGE, command, NULL, NULL,
                                       depends ? list : L"\0", NULL, NULL, NULL))
            return fail("ChangeServiceConfig");
    }
    if (!s)
        return fail("CreateService");
    CloseServiceHandle(s);
    return 0;
}

static DWORD state_of(SC_HANDLE s)
{
    SERVICE_STATUS status = {0};
    QueryServiceStatus(s, &status);
    return status.dwCurrentState;
}

static void wait_for(SC_HANDLE s, DWORD state)
{
    for (int i = 0; i < 500 && state_of(s) != state; i++)
        Sleep(20);
}

static int print_state(SC_HANDLE s)
{
    static const char *const states[] = {"?", "stopped", "starting", "stopping", "running", "?", "?", "?"};
    static const char *const starts[] = {"boot", "system", "auto", "manual", "disabled"};
    _Alignas(QUERY_SERVICE_CONFIGW) BYTE bytes[8192];
    QUERY_SERVICE_CONFIGW *config = (QUERY_SERVICE_CONFIGW *)(void *)bytes;
    DWORD n;
    if (!QueryServiceConfigW(s, config, sizeof bytes, &n))
        return fail("QueryServiceConfig");
    printf("%s %s\n", states[state_of(s) & 7], starts[config->dwStartType]);
    return 0;
}

static int on_service(const wchar_t *verb, SC_HANDLE s)
{
    SERVICE_STATUS status;
    if (wcscmp(verb, L"state") == 0)
        return print_state(s);
    if (wcscmp(verb, L"start") == 0) {
        if (!StartServiceW(s, 0, NULL) && GetLastError() != ERROR_SERVICE_ALREADY_RUNNING)
            return fail("StartService");
        wait_for(s, SERVICE_RUNNING);
        return 0;
    }
    ControlService(s, SERVICE_CONTROL_STOP, &status);
    wait_for(s, SERVICE_STOPPED);
    if (wcscmp(verb, L"remove") == 0 && !DeleteService(s))
        return fail("DeleteService");
    return 0;
}

static int hold(int count, wchar_t **folders)
{
    for (int i = 0; i < count; i++) {
        HANDLE h = CreateFileW(folders[i], GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                               OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
        if (h == INVALID_HANDLE_VALUE)
            return fail("CreateFile");
    }
    puts("ready");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}

int wmain(int argc, wchar_t **argv)
{
    if (argc == 2 && wcscmp(argv[1], L"scan-child") == 0)
        Sleep(INFINITE);
    if (argc < 3)
        return 2;
    if (wcscmp(argv[1], L"service") == 0)
        return run_service(argv[2]);
    if (wcscmp(argv[1], L"hold") == 0)
        return hold(argc - 2, argv + 2);
    SC_HANDLE manager = OpenSCManagerW(NULL, NULL, SC_MANAGER_ALL_ACCESS);
    if (!manager)
        return fail("OpenSCManager");
    if (wcscmp(argv[1], L"install") == 0)
        return argc < 4 ? 2 : install(manager, argv[2], argv[3], argc > 4 ? argv[4] : NULL);
    SC_HANDLE s = OpenServiceW(manager, argv[2], SERVICE_ALL_ACCESS);
    if (!s)
        return fail("OpenService");
    return on_service(argv[1], s);
}
