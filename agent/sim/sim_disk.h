/* Private to sim: the files of a simulated machine in a folder, written so that they survive a kill and a power cut. */
#ifndef FLEETMEND_SIM_DISK_H
#define FLEETMEND_SIM_DISK_H

#include "machine.h"

struct sim_disk;

struct sim_disk *sim_disk_new(const char *dir);
void sim_disk_free(struct sim_disk *);
enum machine_status sim_disk_read(struct sim_disk *, const char *name, struct buf *out, struct err *e);
enum machine_status sim_disk_replace(struct sim_disk *, const char *name, struct slice content, struct err *e);
enum machine_status sim_disk_append(struct sim_disk *, const char *name, struct slice content, bool sync,
                                    struct err *e);
enum machine_status sim_disk_remove(struct sim_disk *, const char *name, struct err *e);
enum machine_status sim_disk_rename(struct sim_disk *, const char *from, const char *to, struct err *e);
int64_t sim_disk_size(struct sim_disk *, const char *name);
enum machine_status sim_disk_read_at(struct sim_disk *, const char *name, int64_t offset, void *p, size_t n,
                                     size_t *got, struct err *e);

#endif
