#include "sim_disk.h"

#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

struct sim_disk {
    char *dir;
    bool made;
};

struct sim_disk *sim_disk_new(const char *dir)
{
    struct sim_disk *d = mem_zalloc(sizeof *d);
    d->dir = mem_strdup(dir);
    return d;
}

void sim_disk_free(struct sim_disk *d)
{
    if (d)
        mem_free(d->dir);
    mem_free(d);
}

static enum machine_status failed(const char *what, const char *path, struct err *e)
{
    enum machine_status status = errno == ENOENT ? MACHINE_ABSENT : errno == EACCES ? MACHINE_DENIED : MACHINE_FAILED;
    err_set(e, status == MACHINE_ABSENT ? ERR_NOT_FOUND : ERR_IO, "%s %s: %s", what, path, strerror(errno));
    return status;
}

static void path_of(const struct sim_disk *d, const char *name, const char *suffix, char out[PATH_BYTES])
{
    snprintf(out, PATH_BYTES, "%s/%s%s", d->dir, name, suffix);
}

/* The folder and its parents, as far as they are missing. */
static bool folder_make(struct sim_disk *d)
{
    if (d->made)
        return true;
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/", d->dir);
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return false;
        *p = '/';
    }
    return d->made = true;
}

/* A new name is on disk only when its folder is. */
static bool folder_sync(const struct sim_disk *d)
{
    int fd = open(d->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool ok = fd >= 0 && fsync(fd) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool write_all(int fd, struct slice content)
{
    for (size_t done = 0; done < content.n;) {
        ssize_t n = write(fd, content.p + done, content.n - done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    return true;
}

static bool write_file(const char *path, int flags, struct slice content, bool sync)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0600);
    if (fd < 0)
        return false;
    bool ok = write_all(fd, content) && (!sync || fsync(fd) == 0);
    int error = errno;
    if (close(fd) != 0 && ok)
        return false;
    errno = error;
    return ok;
}

enum machine_status sim_disk_read(struct sim_disk *d, const char *name, struct buf *out, struct err *e)
{
    char path[PATH_BYTES], part[8192];
    path_of(d, name, "", path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed("read", path, e);
    ssize_t n;
    while ((n = read(fd, part, sizeof part)) > 0)
        buf_append(out, part, (size_t)n);
    enum machine_status status = n < 0 ? failed("read", path, e) : MACHINE_OK;
    close(fd);
    if (status == MACHINE_OK && !buf_check(out, name, e))
        return MACHINE_FAILED;
    return status;
}

enum machine_status sim_disk_replace(struct sim_disk *d, const char *name, struct slice content, struct err *e)
{
    char path[PATH_BYTES], fresh[PATH_BYTES];
    path_of(d, name, "", path);
    path_of(d, name, ".tmp", fresh);
    if (!folder_make(d) || !write_file(fresh, O_TRUNC, content, true) || rename(fresh, path) != 0 || !folder_sync(d))
        return failed("write", path, e) == MACHINE_DENIED ? MACHINE_DENIED : MACHINE_FAILED;
    return MACHINE_OK;
}

enum machine_status sim_disk_append(struct sim_disk *d, const char *name, struct slice content, bool sync,
                                    struct err *e)
{
    char path[PATH_BYTES];
    path_of(d, name, "", path);
    bool fresh = sync && access(path, F_OK) != 0;
    if (!folder_make(d) || !write_file(path, O_APPEND, content, sync) || (fresh && !folder_sync(d)))
        return failed("append to", path, e) == MACHINE_DENIED ? MACHINE_DENIED : MACHINE_FAILED;
    return MACHINE_OK;
}

enum machine_status sim_disk_remove(struct sim_disk *d, const char *name, struct err *e)
{
    char path[PATH_BYTES];
    path_of(d, name, "", path);
    if (unlink(path) != 0)
        return errno == ENOENT ? MACHINE_OK : failed("remove", path, e);
    folder_sync(d);
    return MACHINE_OK;
}

enum machine_status sim_disk_rename(struct sim_disk *d, const char *from, const char *to, struct err *e)
{
    char old[PATH_BYTES], new[PATH_BYTES];
    path_of(d, from, "", old);
    path_of(d, to, "", new);
    if (rename(old, new) != 0)
        return failed("rename", old, e);
    folder_sync(d);
    return MACHINE_OK;
}

int64_t sim_disk_size(struct sim_disk *d, const char *name)
{
    char path[PATH_BYTES];
    struct stat st;
    path_of(d, name, "", path);
    return stat(path, &st) == 0 ? (int64_t)st.st_size : -1;
}

enum machine_status sim_disk_read_at(struct sim_disk *d, const char *name, int64_t offset, void *p, size_t n,
                                     size_t *got, struct err *e)
{
    char path[PATH_BYTES];
    path_of(d, name, "", path);
    *got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return failed("read", path, e);
    ssize_t r = pread(fd, p, n, offset);
    enum machine_status status = r < 0 ? failed("read", path, e) : MACHINE_OK;
    *got = r > 0 ? (size_t)r : 0;
    close(fd);
    return status;
}
