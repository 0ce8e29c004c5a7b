/* Inside of machine_windows.h: the machine's state, and the parts its table of calls is made of. */
#ifndef FLEETMEND_WINDOWS_PARTS_H
#define FLEETMEND_WINDOWS_PARTS_H

#include "child.h"
#include "machine_windows.h"
#include "registry.h"
#include "wide.h"

enum { DEPENDENTS_MAX = 16, SERVICE_NAME_MAX = 256 };

/* What was asked of a service and can't be done at once. */
struct service_memory {
    bool stop_wanted; /* its dependents are still stopping; service_query() sends the stop when they have */
    int dependent_count;
    wchar_t dependents[DEPENDENTS_MAX][SERVICE_NAME_MAX]; /* stopped by us, to be started again with it */
};

struct machine_windows {
    struct machine machine;
    wchar_t *state_dir; /* with \\?\ in front: long paths work on every Windows */
    wchar_t *windows_dir;
    wchar_t *scan_exe;
    SC_HANDLE services; /* the service control manager, NULL until needed */
    struct service_memory memory[SERVICE_COUNT];
    struct child *program, *scan; /* NULL: none runs */
    int64_t scan_started_ticks_ms;
    char scan_unavailable[200]; /* what the last scan learned, "" when it could scan */
    char boot_id[41];
};

/* services.c, service_memory.c */
enum machine_status windows_service_query(void *, enum machine_service, struct service_info *, struct err *);
enum machine_status windows_service_start(void *, enum machine_service, struct err *);
enum machine_status windows_service_stop(void *, enum machine_service, struct err *);
enum machine_status windows_service_set_start(void *, enum machine_service, enum service_start, bool delayed,
                                              struct err *);
bool windows_service_exists(struct machine_windows *, const wchar_t *name);
/* Which dependents were stopped outlives a crash, in the file "dependents". */
void service_memory_load(struct machine_windows *);
void service_memory_save(struct machine_windows *);

/* places.c, folder.c, backup_remove.c, evidence.c */
enum machine_status windows_place_query(void *, enum machine_place, struct place_info *, struct err *);
enum machine_status windows_place_move_aside(void *, enum machine_place, const char *tag, struct err *);
enum machine_status windows_place_restore(void *, enum machine_place, const char *tag, struct err *);
enum machine_status windows_backup_query(void *, enum machine_place, const char *tag, struct place_info *,
                                         struct err *);
enum machine_status windows_backup_remove(void *, enum machine_place, const char *tag, struct err *);
enum machine_status windows_evidence_export(void *, const char *tag, char what[200], struct err *);
bool tag_valid(const char *tag);
/* Deletes a folder and all in it, following no link; PENDING when `entries_max` were deleted and more are
 * left. */
enum machine_status folder_remove(const wchar_t *path, int entries_max, struct err *e);

/* programs.c, scan.c */
enum machine_status windows_program_start(void *, enum machine_program, int limit_s, struct err *);
enum machine_status windows_program_poll(void *, struct program_end *, struct err *);
enum machine_status windows_scan_start(void *, int limit_s, struct err *);
enum machine_status windows_scan_poll(void *, struct scan_end *, struct err *);

/* facts.c, role.c, conditions.c */
void windows_facts(void *, struct arena *, struct wire_facts *);
void windows_conditions(void *, struct machine_conditions *);
const char *windows_role(struct machine_windows *);
const char *windows_update_manager(struct machine_windows *);
bool windows_is_arm64(void);
/* Name of the domain for mem_free(), NULL in a workgroup. */
char *windows_domain(void);
bool windows_reboot_pending(struct machine_windows *, char *reasons, size_t size);
int64_t windows_free_disk_bytes(struct machine_windows *);

/* time_windows.c */
void windows_boot_id(void *, char out[41]);
int64_t windows_boot_time_ms(struct machine_windows *); /* 0: unknown */
int64_t windows_zone_offset_ms(void *, int64_t utc_ms);
enum machine_status windows_clock_set(void *, int64_t utc_ms, struct err *);
int64_t filetime_to_ms(FILETIME ft);

/* logs.c */
enum machine_status windows_log_stat(void *, enum machine_log, struct log_stat *, struct err *);
enum machine_status windows_log_read(void *, enum machine_log, int64_t offset, void *, size_t n, size_t *got,
                                     struct err *);

/* state_folder.c, folder_guard.c */
enum machine_status windows_file_read(void *, const char *name, struct buf *, struct err *);
enum machine_status windows_file_replace(void *, const char *name, struct slice, struct err *);
enum machine_status windows_file_append(void *, const char *name, struct slice, bool sync, struct err *);
enum machine_status windows_file_remove(void *, const char *name, struct err *);
/* Makes a folder that only SYSTEM and Administrators may enter, with its parents of ours; checks and tightens
 * one that is there. ERR_DENIED when someone else owns it or it is a link. */
bool folder_guard(const wchar_t *path, struct err *e);
/* Whether SYSTEM, Administrators, a service account or this account owns what the handle (READ_CONTROL) is
 * open on. */
bool folder_owner_trusted(HANDLE folder);

/* seal.c */
enum machine_status windows_seal(void *, struct slice secret, struct buf *, struct err *);
enum machine_status windows_unseal(void *, struct slice sealed, struct buf *, struct err *);

#endif
