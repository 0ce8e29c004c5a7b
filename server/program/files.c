#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

bool file_load(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    char chunk[4096];
    size_t n;
    while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
        buf_append(out, chunk, n);
    bool bad = ferror(f);
    fclose(f);
    if (bad)
        return err_set(e, ERR_IO, "%s: can't be read", path);
    return buf_check(out, path, e);
}

static void sync_folder(const char *path)
{
    char copy[PATH_BYTES];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool file_create(const char *path, struct slice content, unsigned mode, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return err_set(e, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path, strerror(errno));
    size_t done = 0;
    while (done < content.n) {
        ssize_t n = write(fd, content.p + done, content.n - done);
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    bool ok = done == content.n && fsync(fd) == 0;
    int saved = errno;
    close(fd);
    if (!ok) {
        unlink(path);
        return err_set(e, saved == ENOSPC ? ERR_LIMIT : ERR_IO, "%s: %s", path, strerror(saved));
    }
    sync_folder(path);
    return true;
}

bool folder_make(const char *path, unsigned mode, struct err *e)
{
    if (mkdir(path, (mode_t)mode) == 0 || errno == EEXIST)
        return true;
    return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

bool file_load_secret(const char *path, struct buf *out, struct err *e)
{
    if (!file_load(path, out, e))
        return false;
    if (out->n && out->p[out->n - 1] == '\n')
        out->p[--out->n] = '\0';
    if (out->n && out->p[out->n - 1] == '\r')
        out->p[--out->n] = '\0';
    return true;
}

bool folder_lock(const char *dir, struct err *e)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    close(fd);
    return err_set(e, ERR_CONFLICT, "%s: another fleetmend-server uses this folder", dir);
}
