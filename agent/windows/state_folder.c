/* The agent's own files: flat names in one guarded folder. */
#include "log.h"
#include "mem.h"
#include "parts.h"

static bool name_valid(const char *name)
{
    size_t n = strlen(name);
    return n >= 1 && n <= 60 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static wchar_t *file_path(const struct machine_windows *m, const char *name)
{
    wchar_t *wide = wide_from_utf8(name);
    wchar_t *path = wide_printf(L"%ls\\%ls", m->state_dir, wide);
    mem_free(wide);
    return path;
}

static enum machine_status name_refuse(const char *name, struct err *e)
{
    return machine_fail(e, MACHINE_FAILED, "file name '%.80s': 1 to 60 of a-z 0-9 . _ - expected", name);
}

static enum machine_status read_all(HANDLE file, const char *name, struct buf *out, struct err *e)
{
    char bytes[16 * 1024];
    DWORD got = 0;
    do {
        if (!ReadFile(file, bytes, sizeof bytes, &got, NULL))
            return win32_status(e, GetLastError(), "%s", name);
        buf_append(out, bytes, got);
    } while (got > 0 && !out->full);
    return buf_check(out, name, e) ? MACHINE_OK : MACHINE_FAILED;
}

enum machine_status windows_file_read(void *ctx, const char *name, struct buf *out, struct err *e)
{
    if (!name_valid(name))
        return name_refuse(name, e);
    wchar_t *path = file_path(ctx, name);
    HANDLE file = CreateFileW(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                              NULL, OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN, NULL);
    DWORD code = GetLastError();
    mem_free(path);
    if (file == INVALID_HANDLE_VALUE)
        return win32_status(e, code, "%s", name);
    enum machine_status status = read_all(file, name, out, e);
    CloseHandle(file);
    return status;
}

/* Writes it all and, when asked, waits for the disk. */
static bool write_all(HANDLE file, struct slice content, bool sync)
{
    while (content.n > 0) {
        DWORD n = content.n < (1u << 20) ? (DWORD)content.n : 1u << 20, put = 0;
        if (!WriteFile(file, content.p, n, &put, NULL))
            return false;
        if (put == 0) {
            SetLastError(ERROR_DISK_FULL);
            return false;
        }
        content = slice_make(content.p + put, content.n - put);
    }
    return !sync || FlushFileBuffers(file);
}

/* Virus scanners and backups hold a file for moments; a new file of ours may meet them. */
static bool move_over(const wchar_t *from, const wchar_t *to)
{
    for (int tries = 0;; tries++) {
        if (MoveFileExW(from, to, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
            return true;
        DWORD code = GetLastError();
        if ((code != ERROR_ACCESS_DENIED && code != ERROR_SHARING_VIOLATION) || tries == 5)
            return false;
        Sleep(10u << tries); /* 310 ms at most in all */
    }
}

enum machine_status windows_file_replace(void *ctx, const char *name, struct slice content, struct err *e)
{
    if (!name_valid(name))
        return name_refuse(name, e);
    wchar_t *path = file_path(ctx, name);
    wchar_t *temporary = wide_printf(L"%ls~", path); /* no name of ours ends so */
    HANDLE file = CreateFileW(temporary, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    bool ok = file != INVALID_HANDLE_VALUE && write_all(file, content, true);
    DWORD code = GetLastError();
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    if (ok && !move_over(temporary, path)) {
        ok = false;
        code = GetLastError();
    }
    if (!ok)
        DeleteFileW(temporary);
    mem_free(path);
    mem_free(temporary);
    return ok ? MACHINE_OK : win32_status(e, code, "writing %s", name);
}

enum machine_status windows_file_append(void *ctx, const char *name, struct slice content, bool sync,
                                        struct err *e)
{
    if (!name_valid(name))
        return name_refuse(name, e);
    wchar_t *path = file_path(ctx, name);
    HANDLE file = CreateFileW(path, FILE_APPEND_DATA | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    bool ok = file != INVALID_HANDLE_VALUE && write_all(file, content, sync);
    DWORD code = GetLastError();
    if (file != INVALID_HANDLE_VALUE)
        CloseHandle(file);
    mem_free(path);
    return ok ? MACHINE_OK : win32_status(e, code, "appending to %s", name);
}

enum machine_status windows_file_remove(void *ctx, const char *name, struct err *e)
{
    if (!name_valid(name))
        return name_refuse(name, e);
    wchar_t *path = file_path(ctx, name);
    BOOL ok = DeleteFileW(path);
    DWORD code = GetLastError();
    mem_free(path);
    return ok || code == ERROR_FILE_NOT_FOUND ? MACHINE_OK : win32_status(e, code, "removing %s", name);
}

/* ---- where it is ---- */

const char *machine_windows_state_dir(void)
{
    static char *path;
    if (!path) {
        char *base =
            registry_string(L"SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion\\ProfileList", L"ProgramData");
        struct buf out;
        buf_init(&out, 4096);
        buf_printf(&out, "%s\\Fleetmend\\Agent", base ? base : "C:\\ProgramData");
        path = buf_take(&out);
        mem_free(base);
    }
    return path;
}

bool machine_windows_lock(const char *state_dir, struct err *e)
{
    static HANDLE lock = INVALID_HANDLE_VALUE;
    if (lock != INVALID_HANDLE_VALUE) /* a service begins its agent anew in the same process */
        return true;
    wchar_t *folder = wide_from_utf8(state_dir);
    wchar_t *path = wide_printf(L"%ls\\lock", folder);
    bool ok = folder_guard(folder, e);
    if (ok) {
        /* Held by the process, not by the file: nothing is left to clean up after a crash. */
        lock = CreateFileW(path, GENERIC_WRITE, 0, NULL, OPEN_ALWAYS, FILE_FLAG_DELETE_ON_CLOSE, NULL);
        DWORD code = GetLastError();
        if (lock == INVALID_HANDLE_VALUE && (code == ERROR_SHARING_VIOLATION || code == ERROR_ACCESS_DENIED))
            ok = err_set(e, ERR_CONFLICT, "another agent is using %s", state_dir);
        else if (lock == INVALID_HANDLE_VALUE)
            ok = win32_error(e, code, "%s", wide_show(path));
    }
    mem_free(folder);
    mem_free(path);
    return ok;
}
