/* Deleting a folder and all in it, a slice at a time, following no link.
 *
 * A folder is held open, without leave to rename or delete it, while its entries are worked on: nobody can
 * put a junction in its place between our look and our deed. */
#include "mem.h"
#include "parts.h"

enum { DEPTH_MAX = 64 };

static HANDLE entry_open(const wchar_t *path, BY_HANDLE_FILE_INFORMATION *info)
{
    HANDLE entry = CreateFileW(
        path, DELETE | FILE_LIST_DIRECTORY | FILE_READ_ATTRIBUTES | FILE_WRITE_ATTRIBUTES | SYNCHRONIZE,
        FILE_SHARE_READ | FILE_SHARE_WRITE, NULL, OPEN_EXISTING,
        FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (entry != INVALID_HANDLE_VALUE && !GetFileInformationByHandle(entry, info)) {
        DWORD code = GetLastError();
        CloseHandle(entry);
        SetLastError(code);
        return INVALID_HANDLE_VALUE;
    }
    return entry;
}

/* By handle; a read-only mark is taken off first. It is gone when the handle is closed. */
static bool entry_delete(HANDLE entry, const BY_HANDLE_FILE_INFORMATION *info)
{
    if (info->dwFileAttributes & FILE_ATTRIBUTE_READONLY) {
        FILE_BASIC_INFO basic = {.FileAttributes = FILE_ATTRIBUTE_NORMAL}; /* zero times: unchanged */
        SetFileInformationByHandle(entry, FileBasicInfo, &basic, sizeof basic);
    }
    FILE_DISPOSITION_INFO gone = {TRUE};
    return SetFileInformationByHandle(entry, FileDispositionInfo, &gone, sizeof gone) != FALSE;
}

static enum machine_status remove_at(const wchar_t *path, int depth, int *left, struct err *e);

static bool is_dots(const FILE_ID_BOTH_DIR_INFO *entry)
{
    size_t n = entry->FileNameLength / sizeof(wchar_t);
    return (n == 1 || n == 2) && entry->FileName[0] == L'.' && entry->FileName[n - 1] == L'.';
}

/* What one reading of the folder gave. */
static enum machine_status remove_listed(const wchar_t *path, const BYTE *list, int depth, int *left,
                                         struct err *e)
{
    enum machine_status status = MACHINE_OK;
    for (DWORD next = 1; status == MACHINE_OK && next != 0; list += next) {
        const FILE_ID_BOTH_DIR_INFO *entry = (const void *)list;
        next = entry->NextEntryOffset;
        if (is_dots(entry))
            continue;
        wchar_t *child =
            wide_printf(L"%ls\\%.*ls", path, (int)(entry->FileNameLength / sizeof(wchar_t)), entry->FileName);
        status = remove_at(child, depth + 1, left, e);
        mem_free(child);
    }
    return status;
}

/* By the folder's own handle: no second look by name. */
static enum machine_status remove_entries(HANDLE folder, const wchar_t *path, int depth, int *left,
                                          struct err *e)
{
    enum { LIST_BYTES = 8192 };
    enum machine_status status = MACHINE_OK;
    BYTE *list = mem_alloc(LIST_BYTES);
    while (status == MACHINE_OK) {
        if (GetFileInformationByHandleEx(folder, FileIdBothDirectoryInfo, list, LIST_BYTES)) {
            status = remove_listed(path, list, depth, left, e);
            continue;
        }
        DWORD code = GetLastError();
        if (code != ERROR_NO_MORE_FILES && code != ERROR_FILE_NOT_FOUND)
            status = win32_status(e, code, "%s", wide_show(path));
        break;
    }
    mem_free(list);
    return status;
}

static enum machine_status remove_at(const wchar_t *path, int depth, int *left, struct err *e)
{
    if (*left <= 0)
        return MACHINE_PENDING;
    if (depth > DEPTH_MAX)
        return machine_fail(e, MACHINE_FAILED, "%s: nested too deep", wide_show(path));
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE entry = entry_open(path, &info);
    if (entry == INVALID_HANDLE_VALUE) {
        DWORD code = GetLastError();
        return code == ERROR_FILE_NOT_FOUND ? MACHINE_OK : win32_status(e, code, "%s", wide_show(path));
    }
    enum machine_status status = MACHINE_OK;
    bool folder = (info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    bool link = (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    if (folder && !link) /* of a link only the link itself is deleted */
        status = remove_entries(entry, path, depth, left, e);
    if (status == MACHINE_OK && !entry_delete(entry, &info))
        status = win32_status(e, GetLastError(), "deleting %s", wide_show(path));
    (*left)--;
    CloseHandle(entry);
    return status;
}

enum machine_status folder_remove(const wchar_t *path, int entries_max, struct err *e)
{
    int left = entries_max;
    return remove_at(path, 0, &left, e);
}
