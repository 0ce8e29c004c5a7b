/* The log files of Windows that the agent follows: opened for moments, shared with everyone. */
#include "mem.h"
#include "parts.h"

static HANDLE log_open(const wchar_t *path)
{
    return CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                       OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
}

static int64_t changed_ms(const wchar_t *path)
{
    WIN32_FILE_ATTRIBUTE_DATA data;
    if (!GetFileAttributesExW(path, GetFileExInfoStandard, &data))
        return INT64_MIN;
    return filetime_to_ms(data.ftLastWriteTime);
}

/* Setup writes to $Windows.~BT while it runs; what it leaves in Panther at the end is the record of the
 * newest. */
static wchar_t *setup_log_path(const struct machine_windows *m)
{
    wchar_t *done = wide_printf(L"%ls\\Panther\\setuperr.log", m->windows_dir);
    wchar_t *running = wide_printf(L"%.2ls\\$Windows.~BT\\Sources\\Panther\\setuperr.log", m->windows_dir);
    bool newer = changed_ms(running) > changed_ms(done);
    mem_free(newer ? done : running);
    return newer ? running : done;
}

static wchar_t *log_path(const struct machine_windows *m, enum machine_log log)
{
    static const wchar_t *const paths[MACHINE_LOG_COUNT] = {
        [MACHINE_LOG_REPORTING_EVENTS] = L"SoftwareDistribution\\ReportingEvents.log",
        [MACHINE_LOG_WINDOWS_UPDATE] = L"WindowsUpdate.log",
        [MACHINE_LOG_CBS] = L"Logs\\CBS\\CBS.log",
        [MACHINE_LOG_DISM] = L"Logs\\DISM\\dism.log",
    };
    if (log == MACHINE_LOG_SETUP)
        return setup_log_path(m);
    return wide_printf(L"%ls\\%ls", m->windows_dir, paths[log]);
}

/* Two files never have the same: place on the volume, volume, and time of creation (places are used again).
 */
static uint64_t identity_of(const BY_HANDLE_FILE_INFORMATION *info)
{
    const DWORD parts[] = {info->nFileIndexHigh, info->nFileIndexLow, info->dwVolumeSerialNumber,
                           info->ftCreationTime.dwHighDateTime, info->ftCreationTime.dwLowDateTime};
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a, a word at a time */
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        hash = (hash ^ parts[i]) * UINT64_C(1099511628211);
    return hash;
}

enum machine_status windows_log_stat(void *ctx, enum machine_log log, struct log_stat *out, struct err *e)
{
    *out = (struct log_stat){0};
    wchar_t *path = log_path(ctx, log);
    HANDLE file = log_open(path);
    DWORD code = GetLastError();
    mem_free(path);
    if (file == INVALID_HANDLE_VALUE) {
        if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
            return MACHINE_OK;
        return win32_status(e, code, "%s", machine_log_name(log));
    }
    BY_HANDLE_FILE_INFORMATION info;
    enum machine_status status = MACHINE_OK;
    if (GetFileInformationByHandle(file, &info)) {
        out->exists = true;
        out->size_bytes = (int64_t)(((uint64_t)info.nFileSizeHigh << 32) | info.nFileSizeLow);
        out->identity = identity_of(&info);
    } else {
        status = win32_status(e, GetLastError(), "%s", machine_log_name(log));
    }
    CloseHandle(file);
    return status;
}

enum machine_status windows_log_read(void *ctx, enum machine_log log, int64_t offset, void *p, size_t n,
                                     size_t *got, struct err *e)
{
    *got = 0;
    wchar_t *path = log_path(ctx, log);
    HANDLE file = log_open(path);
    DWORD code = GetLastError();
    mem_free(path);
    if (file == INVALID_HANDLE_VALUE)
        return win32_status(e, code, "%s", machine_log_name(log));
    DWORD read = 0;
    LARGE_INTEGER start = {.QuadPart = offset};
    bool ok = SetFilePointerEx(file, start, NULL, FILE_BEGIN) &&
              ReadFile(file, p, n < (1u << 20) ? (DWORD)n : 1u << 20, &read, NULL);
    code = GetLastError();
    CloseHandle(file);
    if (!ok)
        return win32_status(e, code, "reading %s", machine_log_name(log));
    *got = read;
    return MACHINE_OK;
}
