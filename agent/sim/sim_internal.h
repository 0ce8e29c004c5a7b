/* Private to sim: what one simulated Windows consists of. */
#ifndef FLEETMEND_SIM_INTERNAL_H
#define FLEETMEND_SIM_INTERNAL_H

#include "sim_machine.h"
#include "sim_random.h"
#include "sim_store.h"

enum { SIM_BACKUPS_MAX = 8, SIM_TAG_MAX = 48 };

#define SIM_GB (INT64_C(1) << 30)

struct sim_service {
    struct service_info info;
    int64_t settles_ticks_ms; /* when STARTING or STOPPING ends */
};

struct sim_backup {
    bool used;
    bool healthy; /* the fault was healed before: moving it back does no harm */
    enum machine_place place;
    char tag[SIM_TAG_MAX];
    int64_t size_bytes;
};

struct sim_place {
    bool exists;
    int64_t size_bytes, changed_ms;
};

struct sim_machine {
    struct machine machine;
    struct clock clock;            /* the machine's own: wall clock off by clock_offset_ms */
    const struct clock *outside;
    const struct world_group *group;
    char *name, *state_dir;
    uint64_t seed;
    int64_t index, speed, attempt_every_ms;
    struct sim_random random;
    struct sim_store *agent_files, *windows_files;
    int64_t born_ticks_ms;
    char boot_id[41], instance[33];
    int zone_minutes;

    /* Saved when on disk. */
    int64_t clock_offset_ms;
    bool healed, silent;
    struct sim_service services[SERVICE_COUNT];
    struct sim_place places[PLACE_COUNT];
    struct sim_backup backups[SIM_BACKUPS_MAX];
    int64_t log_identity;          /* counts new ReportingEvents.log files */
    int64_t attempts;

    bool begun;
    int64_t attempt_ticks_ms;      /* Windows Update's next try */
    bool logged;
    int64_t offline_from_ms, offline_to_ms; /* ticks of the next short spell without network */

    bool program_runs;
    enum machine_program program;
    int64_t program_ticks_ms, program_limit_ms, program_begun_ms;
    bool scan_runs;
    int64_t scan_ticks_ms, scan_limit_ms, scan_begun_ms;
};

/* sim_machine.c */
int64_t sim_now(const struct sim_machine *);                     /* ticks */
int64_t sim_wall(const struct sim_machine *);                    /* the machine's own clock */
int64_t sim_hours(const struct sim_machine *, double hours);     /* as ticks of this simulation, from its birth */
int64_t sim_lasts(struct sim_machine *, int64_t low_ms, int64_t high_ms); /* a duration, by chance and speed */
bool sim_fault_acts(const struct sim_machine *);                 /* there, and not healed */
/* A repair did its work: the fault may be healed, the machine may go silent. */
void sim_did(struct sim_machine *, enum repair_id);
void sim_changed(struct sim_machine *);                          /* saves, when on disk */
void sim_advance(struct sim_machine *);

/* sim_services.c */
void sim_services_begin(struct sim_machine *);
void sim_services_advance(struct sim_machine *);
int64_t sim_services_due(const struct sim_machine *);
bool sim_service_is(const struct sim_machine *, enum machine_service, enum service_state);

/* sim_places.c */
void sim_places_begin(struct sim_machine *);
void sim_place_make(struct sim_machine *, enum machine_place); /* as Windows does when it misses one */

/* sim_log.c: lines in the formats of Windows */
void sim_log_scan(struct sim_machine *, int64_t wall_ms, uint32_t code);
void sim_log_download(struct sim_machine *, int64_t wall_ms, uint32_t code, const char *kb);
void sim_log_install(struct sim_machine *, int64_t wall_ms, uint32_t code, const char *kb);
/* CBS.log: a package could not be installed because the manifest of another is missing. */
void sim_log_missing_package(struct sim_machine *, int64_t wall_ms, uint32_t code, const char *missing_kb);
#define SIM_REPORTING_LOG "ReportingEvents.log"
#define SIM_CBS_LOG       "CBS.log"

/* sim_update.c: Windows Update's own tries, and scans asked for */
void sim_update_advance(struct sim_machine *);

/* sim_state.c: what survives a restart of the simulation */
bool sim_state_load(struct sim_machine *, struct err *e); /* true when there is none */
void sim_state_save(struct sim_machine *);

/* The calls of machine.h, by file. */
enum machine_status sim_service_query(void *, enum machine_service, struct service_info *, struct err *);
enum machine_status sim_service_start(void *, enum machine_service, struct err *);
enum machine_status sim_service_stop(void *, enum machine_service, struct err *);
enum machine_status sim_service_set_start(void *, enum machine_service, enum service_start, bool, struct err *);
enum machine_status sim_place_query(void *, enum machine_place, struct place_info *, struct err *);
enum machine_status sim_place_move_aside(void *, enum machine_place, const char *, struct err *);
enum machine_status sim_place_restore(void *, enum machine_place, const char *, struct err *);
enum machine_status sim_backup_query(void *, enum machine_place, const char *, struct place_info *, struct err *);
enum machine_status sim_backup_remove(void *, enum machine_place, const char *, struct err *);
enum machine_status sim_evidence_export(void *, const char *, char[200], struct err *);
enum machine_status sim_program_start(void *, enum machine_program, int, struct err *);
enum machine_status sim_program_poll(void *, struct program_end *, struct err *);
enum machine_status sim_scan_start(void *, int, struct err *);
enum machine_status sim_scan_poll(void *, struct scan_end *, struct err *);
enum machine_status sim_clock_set(void *, int64_t, struct err *);
void sim_facts(void *, struct arena *, struct wire_facts *);
void sim_conditions(void *, struct machine_conditions *);

#endif
