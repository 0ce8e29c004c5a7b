/* A folder for this test's databases, removed at exit. */
#ifndef FLEETMEND_TEMP_DIR_H
#define FLEETMEND_TEMP_DIR_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char temp_dir_path[100];
static pid_t temp_dir_owner;

static inline void temp_dir_remove(void)
{
    DIR *dir = getpid() == temp_dir_owner ? opendir(temp_dir_path) : NULL; /* a forked child leaves it */
    if (!dir)
        return;
    for (struct dirent *d; (d = readdir(dir));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", temp_dir_path, d->d_name);
        unlink(path);
    }
    closedir(dir);
    rmdir(temp_dir_path);
}

static inline const char *temp_dir(void)
{
    if (!*temp_dir_path) {
        const char *base = getenv("TMPDIR");
        snprintf(temp_dir_path, sizeof temp_dir_path, "%s/fleetmend-store-XXXXXX", base ? base : "/tmp");
        if (!mkdtemp(temp_dir_path)) {
            perror(temp_dir_path);
            exit(1);
        }
        temp_dir_owner = getpid();
        atexit(temp_dir_remove);
    }
    return temp_dir_path;
}

#endif
