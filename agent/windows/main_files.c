/* The C library's files, by UTF-8 names.
 *
 * Portable code says fopen(), stat() and opendir() with UTF-8. Windows' C library takes such names for text
 * in the machine's code page, which can't spell every file. The program is linked with --wrap for these five,
 * so that the names go to the wide functions instead. (A manifest could ask for UTF-8 as well, but only
 * Windows 10 listens.) */
#include "wide.h"

#include "mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

FILE *__wrap_fopen(const char *path, const char *mode);
int __wrap_stat(const char *path, struct stat *out);
DIR *__wrap_opendir(const char *path);
struct dirent *__wrap_readdir(DIR *dir);
int __wrap_closedir(DIR *dir);

FILE *__wrap_fopen(const char *path, const char *mode)
{
    wchar_t *wide_path = wide_from_utf8(path), *wide_mode = wide_from_utf8(mode);
    FILE *f = _wfopen(wide_path, wide_mode);
    mem_free(wide_path);
    mem_free(wide_mode);
    return f;
}

/* A junction or a symbolic link to a folder. */
static bool leads_elsewhere(const wchar_t *path)
{
    WIN32_FIND_DATAW found;
    HANDLE find = FindFirstFileW(path, &found);
    if (find == INVALID_HANDLE_VALUE)
        return false;
    FindClose(find);
    return found.dwFileAttributes & FILE_ATTRIBUTE_REPARSE_POINT &&
           found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY &&
           (found.dwReserved0 == IO_REPARSE_TAG_MOUNT_POINT || found.dwReserved0 == IO_REPARSE_TAG_SYMLINK);
}

/* Windows' stat() knows no folder by a name with a slash at its end, unless it is a root. */
static void cut_slashes(wchar_t *path)
{
    size_t n = wcslen(path);
    while (n > 1 && (path[n - 1] == L'/' || path[n - 1] == L'\\') && path[n - 2] != L':')
        path[--n] = L'\0';
}

/* Links to folders are shown as something that is neither file nor folder: a Windows volume is full of
 * junctions that lead back into it, and who searches a tree shall not follow them. Only the type is filled
 * in. */
int __wrap_stat(const char *path, struct stat *out)
{
    struct _stat64 st;
    wchar_t *wide = wide_from_utf8(path);
    cut_slashes(wide);
    int failed = _wstat64(wide, &st);
    if (!failed) {
        memset(out, 0, sizeof *out);
        out->st_mode = leads_elsewhere(wide) ? _S_IFCHR : st.st_mode;
    }
    mem_free(wide);
    return failed;
}

/* What a DIR really is here. A name in UTF-8 may be longer than in UTF-16. */
struct folder {
    _WDIR *wide;
    struct dirent entry;
};

DIR *__wrap_opendir(const char *path)
{
    wchar_t *wide = wide_from_utf8(path);
    _WDIR *dir = _wopendir(wide);
    mem_free(wide);
    if (!dir)
        return NULL;
    struct folder *f = mem_zalloc(sizeof *f);
    f->wide = dir;
    return (DIR *)(void *)f;
}

struct dirent *__wrap_readdir(DIR *dir)
{
    struct folder *f = (struct folder *)(void *)dir;
    struct _wdirent *entry = _wreaddir(f->wide);
    if (!entry)
        return NULL;
    wide_to_array(entry->d_name, f->entry.d_name, sizeof f->entry.d_name);
    f->entry.d_namlen = (unsigned short)strlen(f->entry.d_name);
    return &f->entry;
}

int __wrap_closedir(DIR *dir)
{
    struct folder *f = (struct folder *)(void *)dir;
    int failed = _wclosedir(f->wide);
    mem_free(f);
    return failed;
}
