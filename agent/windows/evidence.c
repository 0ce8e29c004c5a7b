/* What a cache reset destroys is copied into the agent's folder first: evidence\<tag>\. */
#include "log.h"
#include "mem.h"
#include "parts.h"

#include <stdio.h>

enum { EVIDENCE_MAX_BYTES = 20 << 20, EVIDENCE_FOLDERS_MAX = 5, REMOVE_ENTRIES_MAX = 100 };

static enum machine_status copy_bytes(HANDLE from, HANDLE to, int64_t most, int64_t *copied, struct err *e)
{
    char bytes[16 * 1024];
    *copied = 0;
    while (*copied < most) {
        DWORD want = most - *copied < (int64_t)sizeof bytes ? (DWORD)(most - *copied) : (DWORD)sizeof bytes;
        DWORD got = 0, put = 0;
        if (!ReadFile(from, bytes, want, &got, NULL))
            return win32_status(e, GetLastError(), "reading ReportingEvents.log");
        if (got == 0)
            break;
        if (!WriteFile(to, bytes, got, &put, NULL) || put != got)
            return win32_status(e, GetLastError(), "copying ReportingEvents.log");
        *copied += got;
    }
    return FlushFileBuffers(to) ? MACHINE_OK : win32_status(e, GetLastError(), "copying ReportingEvents.log");
}

/* The end of the file, when it is larger than we keep: the newest is worth most. */
static enum machine_status copy_tail(HANDLE from, const wchar_t *target, int64_t *copied, struct err *e)
{
    LARGE_INTEGER size, start = {0};
    if (!GetFileSizeEx(from, &size))
        return win32_status(e, GetLastError(), "size of ReportingEvents.log");
    if (size.QuadPart > EVIDENCE_MAX_BYTES)
        start.QuadPart = size.QuadPart - EVIDENCE_MAX_BYTES;
    HANDLE to = CreateFileW(target, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
    if (to == INVALID_HANDLE_VALUE)
        return win32_status(e, GetLastError(), "evidence %s", wide_show(target));
    enum machine_status status = SetFilePointerEx(from, start, NULL, FILE_BEGIN)
                                     ? copy_bytes(from, to, EVIDENCE_MAX_BYTES, copied, e)
                                     : win32_status(e, GetLastError(), "reading ReportingEvents.log");
    CloseHandle(to);
    return status;
}

/* Name of the oldest folder there; false while there are not more than we keep. */
static bool oldest_folder(const wchar_t *evidence, wchar_t name[MAX_PATH])
{
    int count = 0;
    FILETIME oldest = {0};
    wchar_t *pattern = wide_printf(L"%ls\\*", evidence);
    WIN32_FIND_DATAW found;
    HANDLE find = FindFirstFileW(pattern, &found);
    mem_free(pattern);
    if (find == INVALID_HANDLE_VALUE)
        return false;
    do {
        if (found.cFileName[0] == L'.' || !(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
            continue;
        if (count++ == 0 || CompareFileTime(&found.ftCreationTime, &oldest) < 0) {
            oldest = found.ftCreationTime;
            wcscpy_s(name, MAX_PATH, found.cFileName);
        }
    } while (FindNextFileW(find, &found));
    FindClose(find);
    return count > EVIDENCE_FOLDERS_MAX;
}

static void remove_old(const wchar_t *evidence)
{
    wchar_t name[MAX_PATH];
    struct err e = {0};
    for (int i = 0; i < EVIDENCE_FOLDERS_MAX && oldest_folder(evidence, name); i++) {
        wchar_t *path = wide_printf(L"%ls\\%ls", evidence, name);
        if (folder_remove(path, REMOVE_ENTRIES_MAX, &e) != MACHINE_OK)
            log_warn("evidence.not_removed error=%s", e.text);
        mem_free(path);
    }
}

static enum machine_status export_to(struct machine_windows *m, const wchar_t *folder, char what[200],
                                     struct err *e)
{
    wchar_t *source = wide_printf(L"%ls\\SoftwareDistribution\\ReportingEvents.log", m->windows_dir);
    wchar_t *target = wide_printf(L"%ls\\ReportingEvents.log", folder);
    enum machine_status status = MACHINE_OK;
    int64_t copied = 0;
    HANDLE from =
        CreateFileW(source, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                    OPEN_EXISTING, FILE_FLAG_SEQUENTIAL_SCAN | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    DWORD code = GetLastError();
    if (from == INVALID_HANDLE_VALUE) {
        status = win32_status(e, code, "ReportingEvents.log"); /* ABSENT: nothing to keep */
        RemoveDirectoryW(folder);
    } else {
        status = copy_tail(from, target, &copied, e);
        snprintf(what, 200, "ReportingEvents.log, %lld kB", (long long)((copied + 1023) / 1024));
        CloseHandle(from);
    }
    mem_free(source);
    mem_free(target);
    return status;
}

enum machine_status windows_evidence_export(void *ctx, const char *tag, char what[200], struct err *e)
{
    struct machine_windows *m = ctx;
    what[0] = '\0';
    if (!tag_valid(tag))
        return machine_fail(e, MACHINE_FAILED, "evidence tag: 1 to 40 letters, digits and hyphens expected");
    wchar_t *wide = wide_from_utf8(tag);
    wchar_t *evidence = wide_printf(L"%ls\\evidence", m->state_dir);
    wchar_t *folder = wide_printf(L"%ls\\%ls", evidence, wide);
    enum machine_status status = MACHINE_OK;
    /* They inherit the access list of the agent's folder. */
    if ((!CreateDirectoryW(evidence, NULL) && GetLastError() != ERROR_ALREADY_EXISTS) ||
        (!CreateDirectoryW(folder, NULL) && GetLastError() != ERROR_ALREADY_EXISTS))
        status = win32_status(e, GetLastError(), "evidence folder %s", wide_show(folder));
    if (status == MACHINE_OK)
        status = export_to(m, folder, what, e);
    if (status == MACHINE_OK)
        remove_old(evidence);
    mem_free(wide);
    mem_free(evidence);
    mem_free(folder);
    return status;
}
