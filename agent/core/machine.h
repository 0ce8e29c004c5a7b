/* The machine: all the agent core knows of the world. About 30 calls with contracts, three implementations:
 * agent/windows is the product, agent/sim a simulated Windows, tests/support a double that fails the k-th
 * call.
 *
 * Every call is short: none waits for another process, a service or the network. What takes time is begun and
 * then asked for (MACHINE_PENDING), so the whole agent is one thread and a test or a swarm owns the time.
 *
 * Services, places, programs and registry values are closed lists: no path, name or command line ever comes
 * from a server, a log or a parameter. */
#ifndef FLEETMEND_MACHINE_H
#define FLEETMEND_MACHINE_H

#include "buf.h"
#include "clock.h"
#include "err.h"
#include "wire.h"

enum machine_status {
    MACHINE_OK,
    MACHINE_PENDING, /* begun; ask again later */
    MACHINE_FAILED,  /* tried and failed; err says why, with the system's error number in words */
    MACHINE_ABSENT,  /* this system has no such service, place, program or interface */
    MACHINE_DENIED,  /* access denied, or blocked by a security product: not to be retried */
    MACHINE_BUSY,    /* in use by someone; trying again may help */
};

/* ---- services ---- */

/* X(id, windows_name) */
#define MACHINE_SERVICES(X)                                                                                  \
    X(WUAUSERV, "wuauserv")                                                                                  \
    X(BITS, "bits")                                                                                          \
    X(USOSVC, "UsoSvc")                                                                                      \
    X(DOSVC, "DoSvc")                                                                                        \
    X(CRYPTSVC, "CryptSvc")                                                                                  \
    X(W32TIME, "W32Time")                                                                                    \
    X(TRUSTEDINSTALLER, "TrustedInstaller")

enum machine_service {
#define X(id, name) SERVICE_##id,
    MACHINE_SERVICES(X)
#undef X
        SERVICE_COUNT
};

enum service_state {
    SERVICE_STATE_STOPPED,
    SERVICE_STATE_STARTING,
    SERVICE_STATE_RUNNING,
    SERVICE_STATE_STOPPING
};
/* Numbers are Windows' own SERVICE_*_START. */
enum service_start { SERVICE_START_AUTO = 2, SERVICE_START_MANUAL = 3, SERVICE_START_DISABLED = 4 };

struct service_info {
    enum service_state state;
    enum service_start start;
    bool delayed;
};

/* ---- places: folders a repair may move aside ---- */

enum machine_place {
    PLACE_SOFTWARE_DISTRIBUTION, /* %windir%\SoftwareDistribution */
    PLACE_SD_DATASTORE,          /* its DataStore, when the whole can't be moved */
    PLACE_SD_DOWNLOAD,           /* its Download */
    PLACE_CATROOT2,              /* %windir%\System32\catroot2 */
    PLACE_COUNT
};

struct place_info {
    bool exists;
    bool reparse_point; /* a junction or link: never followed, never moved */
    int64_t size_bytes; /* -1 when not counted */
    int64_t changed_ms; /* newest change seen at the top level, UTC; 0 unknown */
};

/* ---- programs: fixed path in System32, fixed arguments, output bounded ---- */

enum machine_program {
    PROGRAM_W32TM_RESYNC_REDISCOVER, /* w32tm.exe /resync /rediscover */
    PROGRAM_W32TM_RESYNC,            /* w32tm.exe /resync */
    PROGRAM_COUNT
};

enum { PROGRAM_OUTPUT_MAX = 4096 };

struct program_end {
    uint32_t exit_code;
    bool timed_out;                  /* the machine ended it with its grandchildren at the limit */
    char output[PROGRAM_OUTPUT_MAX]; /* stdout and stderr, cleaned UTF-8, cut */
};

/* ---- update scan ---- */

struct scan_end {
    bool available; /* false: this system offers no update scan; `reason` says why */
    uint32_t code;  /* 0: clean; else what the scan returned */
    bool reboot_required;
    int64_t started_ticks_ms;
    char reason[200];
    char service[64]; /* which update service answered: "wsus", "windows_update", ... */
};

/* ---- what may stop a repair ---- */

struct machine_conditions {
    bool reboot_pending;
    char reboot_reasons[120];
    bool update_busy;
    bool on_battery;
    int battery_percent; /* 100 when there is none */
    bool metered;
    int64_t free_disk_bytes;
    bool domain_member;
    bool time_nosync;          /* workgroup machine with Type=NoSync: the internet-time box is unticked */
    char role[20];             /* as in facts */
    bool allow_critical_roles; /* GPO AllowRepairsOnCriticalRoles */
    bool allow_clock_step;     /* GPO AllowClockStep */
    bool report_only;          /* GPO NonPersistent, ARM64 before its self-test */
};

/* ---- log files the agent follows ---- */

enum machine_log {
    MACHINE_LOG_REPORTING_EVENTS,
    MACHINE_LOG_WINDOWS_UPDATE,
    MACHINE_LOG_CBS,
    MACHINE_LOG_DISM,
    MACHINE_LOG_SETUP,
    MACHINE_LOG_COUNT
};

struct log_stat {
    bool exists;
    int64_t size_bytes;
    uint64_t identity; /* changes when the file is replaced: file index, creation time or the like */
};

struct machine {
    const struct machine_ops *ops;
    void *ctx;
    const struct clock *clock;
};

struct machine_ops {
    /* Facts change slowly; strings live in the arena. Must not fail: what can't be found out stays empty. */
    void (*facts)(void *ctx, struct arena *a, struct wire_facts *out);
    void (*conditions)(void *ctx, struct machine_conditions *out);
    /* Different after every boot, the same within one. */
    void (*boot_id)(void *ctx, char out[41]);
    /* Local time minus UTC at that UTC time, in ms, by the machine's zone. */
    int64_t (*zone_offset_ms)(void *ctx, int64_t utc_ms);
    /* Steps the wall clock. */
    enum machine_status (*clock_set)(void *ctx, int64_t utc_ms, struct err *e);

    /* ABSENT when not installed. */
    enum machine_status (*service_query)(void *ctx, enum machine_service s, struct service_info *out,
                                         struct err *e);
    /* Send the request and return; success is seen by service_query(). Dependents are stopped first and
     * restarted by service_start of the same service. An already running (or stopped) service is OK. */
    enum machine_status (*service_start)(void *ctx, enum machine_service s, struct err *e);
    enum machine_status (*service_stop)(void *ctx, enum machine_service s, struct err *e);
    enum machine_status (*service_set_start)(void *ctx, enum machine_service s, enum service_start start,
                                             bool delayed, struct err *e);

    enum machine_status (*place_query)(void *ctx, enum machine_place p, struct place_info *out,
                                       struct err *e);
    /* Renames the place to NAME.<tag> beside it, by handle, never across a volume. tag: [0-9A-Za-z-]{1,40}.
     * BUSY on a sharing violation, ABSENT when there is no such folder, FAILED when the target exists. */
    enum machine_status (*place_move_aside)(void *ctx, enum machine_place p, const char *tag, struct err *e);
    /* Moves a folder Windows made meanwhile to NAME.<tag>-new, then NAME.<tag> back. ABSENT when that backup
     * is gone. */
    enum machine_status (*place_restore)(void *ctx, enum machine_place p, const char *tag, struct err *e);
    /* Whether NAME.<tag> exists. */
    enum machine_status (*backup_query)(void *ctx, enum machine_place p, const char *tag,
                                        struct place_info *out, struct err *e);
    /* Deletes NAME.<tag>, not following links; PENDING while more is left (it works in bounded slices). */
    enum machine_status (*backup_remove)(void *ctx, enum machine_place p, const char *tag, struct err *e);
    /* Copies what a cache reset destroys (ReportingEvents.log, update history where the system has it) into
     * the agent's own folder evidence/<tag>/, bounded; `what` says in words what was copied. */
    enum machine_status (*evidence_export)(void *ctx, const char *tag, char what[200], struct err *e);

    /* At most one program runs at a time. start: OK or ABSENT, DENIED, FAILED. */
    enum machine_status (*program_start)(void *ctx, enum machine_program p, int limit_s, struct err *e);
    enum machine_status (*program_poll)(void *ctx, struct program_end *out, struct err *e);

    /* At most one scan runs at a time, in a child process with a limit on Windows. */
    enum machine_status (*scan_start)(void *ctx, int limit_s, struct err *e);
    enum machine_status (*scan_poll)(void *ctx, struct scan_end *out, struct err *e);

    enum machine_status (*log_stat)(void *ctx, enum machine_log log, struct log_stat *out, struct err *e);
    /* Reads up to n bytes at the offset; *got 0 at the end. Files are opened shared, never locked. */
    enum machine_status (*log_read)(void *ctx, enum machine_log log, int64_t offset, void *p, size_t n,
                                    size_t *got, struct err *e);

    /* The agent's own state folder: flat names [a-z0-9._-]{1,60}. */
    /* Whole file, at most max bytes; ABSENT when there is none. */
    enum machine_status (*file_read)(void *ctx, const char *name, struct buf *out, struct err *e);
    /* Replaces the file by new content: after OK it is the new one on disk, before the old one, never a
     * mixture. */
    enum machine_status (*file_replace)(void *ctx, const char *name, struct slice content, struct err *e);
    /* Appends and, when sync, forces it to disk before OK. A failed append may leave a torn tail: readers
     * must bear it. */
    enum machine_status (*file_append)(void *ctx, const char *name, struct slice content, bool sync,
                                       struct err *e);
    enum machine_status (*file_remove)(void *ctx, const char *name, struct err *e); /* OK when absent */
    /* Protects a secret so that only this machine can read it (DPAPI machine scope on Windows). */
    enum machine_status (*seal)(void *ctx, struct slice secret, struct buf *out, struct err *e);
    enum machine_status (*unseal)(void *ctx, struct slice sealed, struct buf *out, struct err *e);
};

const char *machine_service_name(enum machine_service);
const char *machine_place_name(enum machine_place);     /* "SoftwareDistribution" */
const char *machine_program_text(enum machine_program); /* "w32tm.exe /resync /rediscover" */
const char *machine_log_name(enum machine_log);

#endif
