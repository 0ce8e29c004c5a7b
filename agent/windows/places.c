/* The folders a repair may move aside. Everything is done by handle: what was looked at is what is moved. */
#include "mem.h"
#include "parts.h"

#include <stdio.h>

bool tag_valid(const char *tag)
{
    size_t n = strlen(tag);
    return n >= 1 && n <= 40 &&
           strspn(tag, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == n;
}

static wchar_t *place_path(const struct machine_windows *m, enum machine_place p)
{
    static const wchar_t *const paths[PLACE_COUNT] = {
        [PLACE_SOFTWARE_DISTRIBUTION] = L"SoftwareDistribution",
        [PLACE_SD_DATASTORE] = L"SoftwareDistribution\\DataStore",
        [PLACE_SD_DOWNLOAD] = L"SoftwareDistribution\\Download",
        [PLACE_CATROOT2] = L"System32\\catroot2",
    };
    return wide_printf(L"%ls\\%ls", m->windows_dir, paths[p]);
}

/* PATH.TAG, for a tag that was checked; suffix "" or "-new". */
static wchar_t *backup_path(const wchar_t *path, const char *tag, const wchar_t *suffix)
{
    wchar_t *wide = wide_from_utf8(tag);
    wchar_t *out = wide_printf(L"%ls.%ls%ls", path, wide, suffix);
    mem_free(wide);
    return out;
}

/* ---- looking ---- */

static int64_t newest_change_ms(const wchar_t *path, FILETIME own)
{
    int64_t newest = filetime_to_ms(own);
    wchar_t *pattern = wide_printf(L"%ls\\*", path);
    WIN32_FIND_DATAW found;
    HANDLE find = FindFirstFileExW(pattern, FindExInfoBasic, &found, FindExSearchNameMatch, NULL, 0);
    mem_free(pattern);
    if (find == INVALID_HANDLE_VALUE)
        return newest;
    int most = 1000; /* a top level has a dozen */
    do {
        int64_t ms = filetime_to_ms(found.ftLastWriteTime);
        if (ms > newest)
            newest = ms;
    } while (--most > 0 && FindNextFileW(find, &found));
    FindClose(find);
    return newest;
}

static enum machine_status look(const wchar_t *path, struct place_info *out, struct err *e)
{
    *out = (struct place_info){.size_bytes = -1};
    WIN32_FILE_ATTRIBUTE_DATA data;
    if (!GetFileAttributesExW(path, GetFileExInfoStandard, &data)) {
        DWORD code = GetLastError();
        if (code == ERROR_FILE_NOT_FOUND || code == ERROR_PATH_NOT_FOUND)
            return MACHINE_OK;
        return win32_status(e, code, "%s", wide_show(path));
    }
    out->exists = (data.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY) != 0;
    out->reparse_point = (data.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    if (out->exists && !out->reparse_point)
        out->changed_ms = newest_change_ms(path, data.ftLastWriteTime);
    return MACHINE_OK;
}

enum machine_status windows_place_query(void *ctx, enum machine_place p, struct place_info *out,
                                        struct err *e)
{
    wchar_t *path = place_path(ctx, p);
    enum machine_status status = look(path, out, e);
    mem_free(path);
    return status;
}

static enum machine_status tag_refuse(struct err *e)
{
    return machine_fail(e, MACHINE_FAILED, "backup tag: 1 to 40 letters, digits and hyphens expected");
}

enum machine_status windows_backup_query(void *ctx, enum machine_place p, const char *tag,
                                         struct place_info *out, struct err *e)
{
    if (!tag_valid(tag))
        return tag_refuse(e);
    wchar_t *path = place_path(ctx, p), *backup = backup_path(path, tag, L"");
    enum machine_status status = look(backup, out, e);
    mem_free(path);
    mem_free(backup);
    return status;
}

/* ---- moving ---- */

/* Opens the folder itself for renaming; refuses links, files, and folders of an odd owner. */
static enum machine_status folder_open(const wchar_t *path, HANDLE *out, struct err *e)
{
    BY_HANDLE_FILE_INFORMATION info;
    HANDLE folder = CreateFileW(path, DELETE | READ_CONTROL | FILE_READ_ATTRIBUTES | SYNCHRONIZE,
                                FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL, OPEN_EXISTING,
                                FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT, NULL);
    if (folder == INVALID_HANDLE_VALUE)
        return win32_status(e, GetLastError(), "%s", wide_show(path));
    enum machine_status status = MACHINE_OK;
    if (!GetFileInformationByHandle(folder, &info))
        status = win32_status(e, GetLastError(), "%s", wide_show(path));
    else if (info.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT)
        status = machine_fail(e, MACHINE_DENIED, "%s is a junction or link to elsewhere; it is not touched",
                              wide_show(path));
    else if (!(info.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY))
        status = machine_fail(e, MACHINE_ABSENT, "%s is no folder", wide_show(path));
    else if (!folder_owner_trusted(folder))
        status = machine_fail(e, MACHINE_DENIED,
                              "%s does not belong to Windows or to an administrator; it is not touched",
                              wide_show(path));
    if (status != MACHINE_OK)
        CloseHandle(folder);
    else
        *out = folder;
    return status;
}

/* Gives the opened folder its new full path, in the same parent. Never replaces anything. */
static enum machine_status folder_rename(HANDLE folder, const wchar_t *to, struct err *e)
{
    size_t n = wcslen(to);
    size_t size = sizeof(FILE_RENAME_INFO) + n * sizeof(wchar_t);
    FILE_RENAME_INFO *info = mem_zalloc(size);
    info->FileNameLength = (DWORD)(n * sizeof(wchar_t));
    memcpy(info->FileName, to, n * sizeof(wchar_t));
    BOOL ok = SetFileInformationByHandle(folder, FileRenameInfo, info, (DWORD)size);
    DWORD code = GetLastError();
    mem_free(info);
    if (ok)
        return MACHINE_OK;
    enum machine_status status = win32_status(e, code, "renaming to %s", wide_show(to));
    /* We hold the right to rename it. "Denied" now means that something inside is open: try again later. */
    return code == ERROR_ACCESS_DENIED ? MACHINE_BUSY : status;
}

static enum machine_status folder_move(const wchar_t *from, const wchar_t *to, struct err *e)
{
    HANDLE folder = NULL;
    enum machine_status status = folder_open(from, &folder, e);
    if (status != MACHINE_OK)
        return status;
    if (GetFileAttributesW(to) != INVALID_FILE_ATTRIBUTES)
        status = machine_fail(e, MACHINE_FAILED, "%s exists already", wide_show(to));
    else
        status = folder_rename(folder, to, e);
    CloseHandle(folder);
    return status;
}

enum machine_status windows_place_move_aside(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    if (!tag_valid(tag))
        return tag_refuse(e);
    wchar_t *path = place_path(ctx, p), *backup = backup_path(path, tag, L"");
    enum machine_status status = folder_move(path, backup, e);
    mem_free(path);
    mem_free(backup);
    return status;
}

enum machine_status windows_place_restore(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    if (!tag_valid(tag))
        return tag_refuse(e);
    wchar_t *path = place_path(ctx, p), *backup = backup_path(path, tag, L""),
            *made_meanwhile = backup_path(path, tag, L"-new");
    struct place_info info;
    enum machine_status status = look(backup, &info, e);
    if (status == MACHINE_OK && !info.exists)
        status = machine_fail(e, MACHINE_ABSENT, "the backup %s is gone", wide_show(backup));
    bool moved = false;
    if (status == MACHINE_OK) {
        status = folder_move(path, made_meanwhile, e);
        moved = status == MACHINE_OK;
        if (status == MACHINE_ABSENT) /* nothing was made meanwhile */
            status = MACHINE_OK;
    }
    if (status == MACHINE_OK)
        status = folder_move(backup, path, e);
    if (status != MACHINE_OK && moved) /* rather the new one than none */
        folder_move(made_meanwhile, path, NULL);
    mem_free(path);
    mem_free(backup);
    mem_free(made_meanwhile);
    return status;
}

enum machine_status windows_backup_remove(void *ctx, enum machine_place p, const char *tag, struct err *e)
{
    enum { ENTRIES_A_SLICE = 200 };
    if (!tag_valid(tag))
        return tag_refuse(e);
    wchar_t *path = place_path(ctx, p), *backup = backup_path(path, tag, L"");
    wchar_t *long_path = wide_printf(L"\\\\?\\%ls", backup); /* caches nest deep */
    enum machine_status status = folder_remove(long_path, ENTRIES_A_SLICE, e);
    mem_free(path);
    mem_free(backup);
    mem_free(long_path);
    return status;
}
