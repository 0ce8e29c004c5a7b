/* Three threads: the manager's (it waits in StartServiceCtrlDispatcher), the service's own, which runs the
 * agent, and one that waits for changes of policy. They meet in `service`, under its lock. */
#include "service.h"

#include "log.h"
#include "mem.h"
#include "registry.h"
#include "service_log.h"
#include "wide.h"

#include <process.h>

enum { STOP_HINT_MS = 30 * 1000, RETRY_MS = 60 * 1000, SETTLE_MS = 3000 };

static struct {
    CRITICAL_SECTION lock;
    bool lock_made;
    struct host *host; /* under lock; the agent that runs now */
    bool stopping;     /* under lock */
    bool changed;      /* under lock; policy changed since the agent began */
    HANDLE stop, news; /* events: stopping was set; changed was set */
    SERVICE_STATUS_HANDLE handle;
    SERVICE_STATUS status;
    struct program *program;
} service;

static void lock_make(void)
{
    if (!service.lock_made)
        InitializeCriticalSection(&service.lock);
    service.lock_made = true;
}

/* ---- stopping ---- */

static void ask(bool stop)
{
    EnterCriticalSection(&service.lock);
    if (stop)
        service.stopping = true;
    else
        service.changed = true;
    if (service.host)
        host_stop(service.host);
    LeaveCriticalSection(&service.lock);
    HANDLE event = stop ? service.stop : service.news;
    if (event)
        SetEvent(event);
}

static BOOL WINAPI on_console(DWORD what)
{
    (void)what; /* Ctrl-C, Ctrl-Break, window closed, logging off: all the same */
    ask(true);
    return TRUE;
}

void service_stop_by(struct host *host)
{
    lock_make();
    EnterCriticalSection(&service.lock);
    service.host = host;
    if (host && (service.stopping || service.changed)) /* asked while there was none */
        host_stop(host);
    LeaveCriticalSection(&service.lock);
    if (!service.handle) /* a service has no console */
        SetConsoleCtrlHandler(on_console, host != NULL);
}

/* ---- the manager's side ---- */

static void report(DWORD state, DWORD exit_code)
{
    service.status.dwServiceType = SERVICE_WIN32_OWN_PROCESS;
    service.status.dwCurrentState = state;
    service.status.dwControlsAccepted =
        state == SERVICE_RUNNING ? SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_SHUTDOWN
                                 : 0;
    service.status.dwWin32ExitCode = exit_code;
    service.status.dwWaitHint =
        state == SERVICE_STOP_PENDING || state == SERVICE_START_PENDING ? STOP_HINT_MS : 0;
    service.status.dwCheckPoint = 0;
    SetServiceStatus(service.handle, &service.status);
}

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *ctx)
{
    (void)type;
    (void)data;
    (void)ctx;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_PRESHUTDOWN: /* earlier than SHUTDOWN, and with time to end a step */
    case SERVICE_CONTROL_SHUTDOWN:
        report(SERVICE_STOP_PENDING, NO_ERROR);
        ask(true);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

/* ---- changes of policy ---- */

/* Made when missing, so that there is something to watch before the first policy comes. */
static HKEY key_watch(const wchar_t *path, HANDLE event)
{
    HKEY key = NULL;
    if (RegCreateKeyExW(HKEY_LOCAL_MACHINE, path, 0, NULL, 0, KEY_NOTIFY | KEY_WOW64_64KEY, NULL, &key,
                        NULL) != ERROR_SUCCESS)
        return NULL;
    if (RegNotifyChangeKeyValue(key, FALSE, REG_NOTIFY_CHANGE_LAST_SET | REG_NOTIFY_CHANGE_NAME, event,
                                TRUE) != ERROR_SUCCESS) {
        RegCloseKey(key);
        return NULL;
    }
    return key;
}

/* The notification belongs to the thread that asked for it, and holds for one change. Group policy deletes
 * the key and writes it anew: that is why it is opened again each time, after a moment for the rest of the
 * writing. */
static unsigned __stdcall watch(void *ctx)
{
    (void)ctx;
    HANDLE event = CreateEventW(NULL, FALSE, FALSE, NULL);
    for (bool more = event != NULL; more;) {
        HKEY policy = key_watch(REGISTRY_POLICY, event), preference = key_watch(REGISTRY_PREFERENCE, event);
        HANDLE waited[] = {service.stop, event};
        more = WaitForMultipleObjects(2, waited, FALSE, INFINITE) == WAIT_OBJECT_0 + 1;
        if (more)
            more = WaitForSingleObject(service.stop, SETTLE_MS) == WAIT_TIMEOUT;
        if (policy)
            RegCloseKey(policy);
        if (preference)
            RegCloseKey(preference);
        if (more) {
            ResetEvent(event); /* closing the keys set it off */
            log_info("service.policy_changed");
            ask(false);
        }
    }
    if (event)
        CloseHandle(event);
    return 0;
}

/* ---- the agent's side ---- */

static bool is_stopping(void)
{
    EnterCriticalSection(&service.lock);
    bool stopping = service.stopping;
    LeaveCriticalSection(&service.lock);
    return stopping;
}

/* From here on a change of policy ends the agent that is begun now. */
static void begin_round(void)
{
    EnterCriticalSection(&service.lock);
    service.changed = false;
    LeaveCriticalSection(&service.lock);
    ResetEvent(service.news);
}

/* Runs the agent until it is stopped or its policy changes. False when it could not even begin. */
static bool run_once(void)
{
    struct err e = {0};
    begin_round();
    agent_config_free(&service.program->config);
    bool ok = program_config(service.program, &e);
    agent_config_free(&service.program->config);
    if (!ok) {
        log_warn("service.waits_for_policy error=%s", e.text);
        return false;
    }
    return program_serve(service.program, NULL, NULL) == EXIT_OK;
}

static void run_until_stopped(void)
{
    HANDLE waited[] = {service.stop, service.news};
    while (!is_stopping())
        if (!run_once())
            WaitForMultipleObjects(2, waited, FALSE, RETRY_MS);
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
    (void)argc;
    (void)argv;
    service.handle = RegisterServiceCtrlHandlerExW(SERVICE_NAME, on_control, NULL);
    if (!service.handle)
        return;
    report(SERVICE_START_PENDING, NO_ERROR);
    service.stop = CreateEventW(NULL, TRUE, FALSE, NULL);
    service.news = CreateEventW(NULL, TRUE, FALSE, NULL);
    struct err e = {0};
    const char *state_dir = program_state_dir(service.program, &e);
    if (!service_log_open(state_dir, &e))
        log_error("service.no_log error=%s", e.text); /* to the Application log, at least */
    log_info("service.started version=%s", service.program->version);
    uintptr_t watcher = _beginthreadex(NULL, 64 * 1024, watch, NULL, 0, NULL);
    report(SERVICE_RUNNING, NO_ERROR);
    run_until_stopped();
    log_info("service.stopped");
    if (watcher) {
        WaitForSingleObject((HANDLE)watcher, STOP_HINT_MS);
        CloseHandle((HANDLE)watcher);
    }
    report(SERVICE_STOPPED, NO_ERROR);
}

int service_command(struct program *p)
{
    SERVICE_TABLE_ENTRYW table[] = {{(wchar_t[]){SERVICE_NAME}, service_main}, {NULL, NULL}};
    lock_make();
    service.program = p;
    if (StartServiceCtrlDispatcherW(table))
        return EXIT_OK;
    struct err e = {0};
    DWORD code = GetLastError();
    if (code == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT)
        err_set(
            &e, ERR_CONFLICT,
            "service: only the service manager starts this; `fleetmend-agent run` runs in the foreground");
    else
        win32_error(&e, code, "service");
    return program_fail(&e);
}
