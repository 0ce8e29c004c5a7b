/* Named files of a simulated machine: in memory, or in a folder with real syncs.
 *
 * In memory a crash can be played: what was appended without a sync is lost, up to a torn tail. */
#ifndef FLEETMEND_SIM_STORE_H
#define FLEETMEND_SIM_STORE_H

#include "machine.h"

struct sim_store;

/* dir NULL: in memory; else made at the first write, readable by its owner only. */
struct sim_store *sim_store_new(const char *dir);
void sim_store_free(struct sim_store *);

/* As the calls of the same name in machine.h. */
enum machine_status sim_store_read(struct sim_store *, const char *name, struct buf *out, struct err *e);
enum machine_status sim_store_replace(struct sim_store *, const char *name, struct slice content, struct err *e);
enum machine_status sim_store_append(struct sim_store *, const char *name, struct slice content, bool sync,
                                     struct err *e);
enum machine_status sim_store_remove(struct sim_store *, const char *name, struct err *e);
/* ABSENT when there is no `from`. */
enum machine_status sim_store_rename(struct sim_store *, const char *from, const char *to, struct err *e);
int64_t sim_store_size(struct sim_store *, const char *name); /* -1: no such file */
enum machine_status sim_store_read_at(struct sim_store *, const char *name, int64_t offset, void *p, size_t n,
                                      size_t *got, struct err *e);

/* From now on writes are thrown away, as those of a killed process are; memory only. */
void sim_store_kill(struct sim_store *);
/* Ends that; what was not synced is gone, but for `tail` of its bytes. */
void sim_store_revive(struct sim_store *, size_t tail);

#endif
