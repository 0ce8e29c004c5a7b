/* Services, by the service control manager. Nothing here waits for a service: requests are sent, and
 * windows_service_query() sees what became of them. */
#include "log.h"
#include "mem.h"
#include "parts.h"

static enum machine_status manager_open(struct machine_windows *m, struct err *e)
{
    if (!m->services)
        m->services = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    return m->services ? MACHINE_OK : win32_status(e, GetLastError(), "service control manager");
}

static enum machine_status service_open(struct machine_windows *m, const wchar_t *name, DWORD access,
                                        SC_HANDLE *out, struct err *e)
{
    enum machine_status status = manager_open(m, e);
    if (status != MACHINE_OK)
        return status;
    *out = OpenServiceW(m->services, name, access);
    return *out ? MACHINE_OK : win32_status(e, GetLastError(), "service %s", wide_show(name));
}

static enum machine_status known_open(struct machine_windows *m, enum machine_service s, DWORD access,
                                      SC_HANDLE *out, struct err *e)
{
    wchar_t *name = wide_from_utf8(machine_service_name(s));
    enum machine_status status = service_open(m, name, access, out, e);
    mem_free(name);
    return status;
}

bool windows_service_exists(struct machine_windows *m, const wchar_t *name)
{
    SC_HANDLE service;
    if (service_open(m, name, SERVICE_QUERY_STATUS, &service, NULL) != MACHINE_OK)
        return false;
    CloseServiceHandle(service);
    return true;
}

/* ---- query ---- */

static enum service_state state_of(DWORD windows_state)
{
    switch (windows_state) {
    case SERVICE_STOPPED:
        return SERVICE_STATE_STOPPED;
    case SERVICE_START_PENDING:
    case SERVICE_CONTINUE_PENDING:
        return SERVICE_STATE_STARTING;
    case SERVICE_STOP_PENDING:
        return SERVICE_STATE_STOPPING;
    default: /* running, and the paused states, in which it holds its files as well */
        return SERVICE_STATE_RUNNING;
    }
}

static enum machine_status start_type_read(SC_HANDLE service, struct service_info *out, struct err *e)
{
    _Alignas(QUERY_SERVICE_CONFIGW) BYTE bytes[8192]; /* the most it can be */
    DWORD n = 0;
    QUERY_SERVICE_CONFIGW *config = (QUERY_SERVICE_CONFIGW *)(void *)bytes;
    if (!QueryServiceConfigW(service, config, sizeof bytes, &n))
        return win32_status(e, GetLastError(), "service configuration");
    out->start = config->dwStartType == SERVICE_DISABLED       ? SERVICE_START_DISABLED
                 : config->dwStartType == SERVICE_DEMAND_START ? SERVICE_START_MANUAL
                                                               : SERVICE_START_AUTO;
    SERVICE_DELAYED_AUTO_START_INFO delayed = {FALSE};
    /* Not every system answers; then it is not delayed. */
    if (QueryServiceConfig2W(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, (BYTE *)&delayed,
                             sizeof delayed, &n))
        out->delayed = delayed.fDelayedAutostart != FALSE;
    return MACHINE_OK;
}

static enum machine_status stop_send(SC_HANDLE service, struct service_memory *memory, struct err *e);

enum machine_status windows_service_query(void *ctx, enum machine_service s, struct service_info *out,
                                          struct err *e)
{
    struct machine_windows *m = ctx;
    struct service_memory *memory = &m->memory[s];
    SC_HANDLE service;
    *out = (struct service_info){0};
    DWORD access = SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG | (memory->stop_wanted ? SERVICE_STOP : 0);
    enum machine_status status = known_open(m, s, access, &service, e);
    if (status != MACHINE_OK)
        return status;
    SERVICE_STATUS now;
    if (!QueryServiceStatus(service, &now))
        status = win32_status(e, GetLastError(), "service %s", machine_service_name(s));
    else
        status = start_type_read(service, out, e);
    if (status == MACHINE_OK) {
        out->state = state_of(now.dwCurrentState);
        if (out->state == SERVICE_STATE_STOPPED)
            memory->stop_wanted = false; /* a later start by a trigger is not ours to stop */
        else if (memory->stop_wanted) {
            status = stop_send(service, memory, e);
            out->state = SERVICE_STATE_STOPPING;
        }
    }
    CloseServiceHandle(service);
    return status;
}

/* ---- stop ---- */

/* Sends the stop, or leaves it wanted while the service can't take it yet. */
static enum machine_status stop_send(SC_HANDLE service, struct service_memory *memory, struct err *e)
{
    SERVICE_STATUS now;
    memory->stop_wanted = false;
    if (ControlService(service, SERVICE_CONTROL_STOP, &now))
        return MACHINE_OK;
    DWORD code = GetLastError();
    switch (code) {
    case ERROR_SERVICE_NOT_ACTIVE:
        return MACHINE_OK;
    case ERROR_DEPENDENT_SERVICES_RUNNING: /* they are still stopping */
    case ERROR_SERVICE_CANNOT_ACCEPT_CTRL: /* it is starting or stopping right now */
        memory->stop_wanted = true;
        return MACHINE_OK;
    default:
        return win32_status(e, code, "stopping the service");
    }
}

static void dependent_remember(struct service_memory *memory, const wchar_t *name)
{
    for (int i = 0; i < memory->dependent_count; i++)
        if (_wcsicmp(memory->dependents[i], name) == 0)
            return;
    if (memory->dependent_count < DEPENDENTS_MAX && wcslen(name) < SERVICE_NAME_MAX)
        wcscpy_s(memory->dependents[memory->dependent_count++], SERVICE_NAME_MAX, name);
}

/* EnumDependentServices gives those that must be stopped first, in that order. */
static enum machine_status dependents_stop(struct machine_windows *m, SC_HANDLE service,
                                           struct service_memory *memory, struct err *e)
{
    DWORD bytes = 0, count = 0;
    if (EnumDependentServicesW(service, SERVICE_ACTIVE, NULL, 0, &bytes, &count) || bytes == 0)
        return MACHINE_OK;
    enum machine_status status = MACHINE_OK;
    ENUM_SERVICE_STATUSW *list = mem_zalloc(bytes);
    if (!EnumDependentServicesW(service, SERVICE_ACTIVE, list, bytes, &bytes, &count))
        count = 0; /* they changed just now; the stop itself says whether any is left */
    /* Remembered before the first one is stopped: a crash in between must not leave one down. */
    for (DWORD i = 0; i < count; i++)
        dependent_remember(memory, list[i].lpServiceName);
    if (count > 0)
        service_memory_save(m);
    for (DWORD i = 0; i < count && status == MACHINE_OK; i++) {
        SC_HANDLE dependent;
        SERVICE_STATUS now;
        status = service_open(m, list[i].lpServiceName, SERVICE_STOP, &dependent, e);
        if (status != MACHINE_OK)
            break;
        log_info("service.dependent_stop service=%s", wide_show(list[i].lpServiceName));
        if (!ControlService(dependent, SERVICE_CONTROL_STOP, &now) && GetLastError() == ERROR_ACCESS_DENIED)
            status = win32_status(e, ERROR_ACCESS_DENIED, "stopping the service %s",
                                  wide_show(list[i].lpServiceName));
        CloseServiceHandle(dependent);
    }
    mem_free(list);
    return status;
}

enum machine_status windows_service_stop(void *ctx, enum machine_service s, struct err *e)
{
    struct machine_windows *m = ctx;
    SC_HANDLE service;
    enum machine_status status =
        known_open(m, s, SERVICE_STOP | SERVICE_QUERY_STATUS | SERVICE_ENUMERATE_DEPENDENTS, &service, e);
    if (status != MACHINE_OK)
        return status;
    status = dependents_stop(m, service, &m->memory[s], e);
    if (status == MACHINE_OK)
        status = stop_send(service, &m->memory[s], e);
    CloseServiceHandle(service);
    if (status != MACHINE_OK)
        err_wrap(e, "service %s", machine_service_name(s));
    return status;
}

/* ---- start ---- */

static DWORD start_send(SC_HANDLE service)
{
    if (StartServiceW(service, 0, NULL))
        return ERROR_SUCCESS;
    DWORD code = GetLastError();
    return code == ERROR_SERVICE_ALREADY_RUNNING ? ERROR_SUCCESS : code;
}

/* In the opposite order of their stop. The manager starts them once the service itself is up. */
static void dependents_start(struct machine_windows *m, struct service_memory *memory)
{
    if (memory->dependent_count == 0)
        return;
    for (int i = memory->dependent_count - 1; i >= 0; i--) {
        SC_HANDLE dependent;
        struct err e = {0};
        if (service_open(m, memory->dependents[i], SERVICE_START, &dependent, &e) == MACHINE_OK) {
            DWORD code = start_send(dependent);
            if (code != ERROR_SUCCESS)
                win32_error(&e, code, "starting it");
            CloseServiceHandle(dependent);
        }
        if (e.kind != ERR_NONE)
            log_warn("service.dependent_start service=%s error=%s", wide_show(memory->dependents[i]), e.text);
    }
    memory->dependent_count = 0;
    service_memory_save(m);
}

enum machine_status windows_service_start(void *ctx, enum machine_service s, struct err *e)
{
    struct machine_windows *m = ctx;
    SC_HANDLE service;
    enum machine_status status = known_open(m, s, SERVICE_START | SERVICE_QUERY_STATUS, &service, e);
    if (status != MACHINE_OK)
        return status;
    m->memory[s].stop_wanted = false;
    DWORD code = start_send(service);
    CloseServiceHandle(service);
    if (code != ERROR_SUCCESS)
        return win32_status(e, code, "starting the service %s", machine_service_name(s));
    dependents_start(m, &m->memory[s]);
    return MACHINE_OK;
}

/* ---- start type ---- */

enum machine_status windows_service_set_start(void *ctx, enum machine_service s, enum service_start start,
                                              bool delayed, struct err *e)
{
    struct machine_windows *m = ctx;
    SC_HANDLE service;
    /* Protected services (DoSvc, WaaSMedicSvc) refuse this even to SYSTEM: DENIED, and the caller goes on
     * without. */
    enum machine_status status = known_open(m, s, SERVICE_CHANGE_CONFIG, &service, e);
    if (status != MACHINE_OK)
        return status;
    if (!ChangeServiceConfigW(service, SERVICE_NO_CHANGE, (DWORD)start, SERVICE_NO_CHANGE, NULL, NULL, NULL,
                              NULL, NULL, NULL, NULL))
        status = win32_status(e, GetLastError(), "start type of the service %s", machine_service_name(s));
    if (status == MACHINE_OK && start == SERVICE_START_AUTO) {
        SERVICE_DELAYED_AUTO_START_INFO info = {delayed};
        /* A start a few minutes sooner or later is not worth a failed repair. */
        if (!ChangeServiceConfig2W(service, SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &info))
            log_debug("service.delayed_start service=%s windows_error=%lu", machine_service_name(s),
                      GetLastError());
    }
    CloseServiceHandle(service);
    return status;
}
