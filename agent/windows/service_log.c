#include "service_log.h"

#include "commands.h"
#include "log.h"
#include "mem.h"
#include "parts.h"
#include "times.h"

enum { LOG_MAX_BYTES = 1 << 20, MESSAGE_ID = 1 };

static struct {
    SRWLOCK lock; /* of the fields below: the thread that watches policy logs too */
    wchar_t *path, *older;
    HANDLE file;
    int64_t bytes;
    HANDLE event_log;
} service_log = {.lock = SRWLOCK_INIT, .file = INVALID_HANDLE_VALUE};

static bool file_open(void)
{
    LARGE_INTEGER size = {0};
    service_log.file =
        CreateFileW(service_log.path, FILE_APPEND_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                    FILE_SHARE_READ | FILE_SHARE_DELETE, NULL, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (service_log.file == INVALID_HANDLE_VALUE)
        return false;
    GetFileSizeEx(service_log.file, &size);
    service_log.bytes = size.QuadPart;
    return true;
}

static void rotate(void)
{
    CloseHandle(service_log.file);
    MoveFileExW(service_log.path, service_log.older, MOVEFILE_REPLACE_EXISTING);
    file_open();
}

static void to_file(const char *when, const char *level, const char *line)
{
    struct buf text;
    DWORD put = 0;
    buf_init(&text, 4096);
    buf_printf(&text, "%s %s %s\r\n", when, level, line);
    AcquireSRWLockExclusive(&service_log.lock);
    if (service_log.file != INVALID_HANDLE_VALUE) {
        WriteFile(service_log.file, text.p, (DWORD)text.n, &put, NULL);
        service_log.bytes += put;
        if (service_log.bytes > LOG_MAX_BYTES)
            rotate();
    }
    ReleaseSRWLockExclusive(&service_log.lock);
    buf_free(&text);
}

static void to_event_log(enum log_level level, const char *line)
{
    wchar_t *wide = wide_from_utf8(line);
    const wchar_t *texts[] = {wide};
    ReportEventW(service_log.event_log, level == LOG_ERROR ? EVENTLOG_ERROR_TYPE : EVENTLOG_WARNING_TYPE, 0,
                 MESSAGE_ID, NULL, 1, 0, texts, NULL);
    mem_free(wide);
}

static void sink(void *ctx, enum log_level level, const char *line)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    char when[TIME_TEXT_MAX];
    (void)ctx;
    time_print(clock_wall_ms(&clock_system), when);
    to_file(when, names[level], line);
    if (service_log.event_log && level <= LOG_WARN)
        to_event_log(level, line);
}

bool service_log_open(const char *state_dir, struct err *e)
{
    service_log.event_log = RegisterEventSourceW(NULL, L"FleetmendAgent");
    log_to(sink, NULL);
    if (!state_dir)
        return false;
    wchar_t *folder = wide_from_utf8(state_dir);
    bool ok = folder_guard(folder, e);
    if (ok) {
        service_log.path = wide_printf(L"%ls\\agent.log", folder);
        service_log.older = wide_printf(L"%ls\\agent.log.1", folder);
        ok = file_open() || win32_error(e, GetLastError(), "%s", wide_show(service_log.path));
    }
    mem_free(folder);
    return ok;
}

/* Commands tell people on stderr why they failed; a service has none. The program is linked with
 * --wrap=program_fail, so that the reason comes here first. */
int __real_program_fail(const struct err *e);
int __wrap_program_fail(const struct err *e);

int __wrap_program_fail(const struct err *e)
{
    if (service_log.path)
        log_error("service.command_failed error=%s", e->text);
    return __real_program_fail(e);
}
