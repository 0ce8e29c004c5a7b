#include "native.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

enum { PATH_BYTES = 4096 };

static bool folders_make(const char *dir, struct err *e)
{
    char path[PATH_BYTES];
    size_t n = strlen(dir);
    if (n >= sizeof path - 1)
        return err_set(e, ERR_INVALID, "--state: the path is too long");
    memcpy(path, dir, n + 1);
    path[n] = '/';
    path[n + 1] = '\0';
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
        *p = '/';
    }
    return true;
}

bool state_lock(const char *dir, struct err *e)
{
    char path[PATH_BYTES + 16];
    if (!folders_make(dir, e))
        return false;
    snprintf(path, sizeof path, "%s/agent.lock", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return err_set(e, ERR_CONFLICT, "%s: another agent uses this folder", dir);
    return true; /* never closed: the kernel lets go when the process ends, however that happens */
}
