/* A disk that fails at the k-th write or sync, under SQLite (its VFS interface). */
#ifndef FLEETMEND_BROKEN_DISK_H
#define FLEETMEND_BROKEN_DISK_H

#include <stdbool.h>

enum disk_fault {
    DISK_FULL,      /* half of the write goes through, then "no space", also for all later writes */
    DISK_FULL_ONCE, /* only that one write */
    DISK_WRITE_ERROR,
    DISK_SYNC_ERROR, /* the k-th sync */
};

/* From now on all databases live on this disk, which works until told otherwise. */
void broken_disk_install(void);
void broken_disk_fail(enum disk_fault, int at);
/* Works again. True when it has failed since it was told to. */
bool broken_disk_mend(void);

#endif
