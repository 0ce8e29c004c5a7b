/* The machine as a test double: everything in memory, every call counted, any call made to fail or to be the last.
 *
 * - `fail_at = k` lets the k-th of the next calls chosen by `fail_mask` return `fail_status` without an effect
 *   (a failing append leaves half of its bytes, as a full disk does). It happens once, or from
 *   then on with `fail_on`.
 * - `crash_at = k` kills the agent at the k-th of the next calls chosen by `crash_mask`, before that call has an effect, or
 *   after it when `crash_after` is set. From then on nothing the dead agent calls has any effect (`crashed`). The test closes
 *   what it opened, calls fake_machine_restart() and opens again: only synced bytes survived, `tear` says what of the rest.
 * - Services take time to start and stop by the fake clock; so do programs and scans. */
#ifndef FLEETMEND_TEST_FAKE_MACHINE_H
#define FLEETMEND_TEST_FAKE_MACHINE_H

#include "machine.h"

/* X(id, acts): acts = changes the machine (file writes are the agent's own business). */
#define FAKE_CALLS(X)                                                                                        \
    X(FACTS, false)                                                                                          \
    X(CONDITIONS, false)                                                                                     \
    X(CLOCK_SET, true)                                                                                       \
    X(SERVICE_QUERY, false)                                                                                  \
    X(SERVICE_START, true)                                                                                   \
    X(SERVICE_STOP, true)                                                                                    \
    X(SERVICE_SET_START, true)                                                                               \
    X(PLACE_QUERY, false)                                                                                    \
    X(PLACE_MOVE_ASIDE, true)                                                                                \
    X(PLACE_RESTORE, true)                                                                                   \
    X(BACKUP_QUERY, false)                                                                                   \
    X(BACKUP_REMOVE, true)                                                                                   \
    X(EVIDENCE_EXPORT, true)                                                                                 \
    X(PROGRAM_START, true)                                                                                   \
    X(PROGRAM_POLL, false)                                                                                   \
    X(SCAN_START, true)                                                                                      \
    X(SCAN_POLL, false)                                                                                      \
    X(LOG_STAT, false)                                                                                       \
    X(LOG_READ, false)                                                                                       \
    X(FILE_READ, false)                                                                                      \
    X(FILE_REPLACE, false)                                                                                   \
    X(FILE_APPEND, false)                                                                                    \
    X(FILE_REMOVE, false)                                                                                    \
    X(SEAL, false)                                                                                           \
    X(UNSEAL, false)

enum fake_call {
#define X(id, acts) FAKE_##id,
    FAKE_CALLS(X)
#undef X
        FAKE_CALL_COUNT
};

#define FAKE_BIT(id)      (1u << FAKE_##id)
#define FAKE_FILE_WRITES  (FAKE_BIT(FILE_REPLACE) | FAKE_BIT(FILE_APPEND) | FAKE_BIT(FILE_REMOVE))
#define FAKE_ALL_CALLS    ((1u << FAKE_CALL_COUNT) - 1)

/* All calls that change the machine. */
unsigned fake_acting_calls(void);

enum fake_tear { FAKE_TEAR_LOSE, FAKE_TEAR_HALF, FAKE_TEAR_KEEP };

struct fake_service {
    bool absent;
    enum service_state state;
    enum service_start start;
    bool delayed;
    bool stuck;              /* never reaches the state it was asked for */
    bool protected_config;   /* service_set_start is DENIED */
    int64_t takes_ms;        /* from request to state */
    int64_t changes_at;      /* ticks of the coming change; 0: none */
    enum service_state becomes;
};

struct fake_place {
    bool exists, reparse_point, denied;
    int content;             /* tells the folder from one Windows made later */
    int64_t size_bytes;
    int busy_times;          /* so many moves are BUSY first */
    bool busy_until_held;    /* BUSY as long as wuauserv is not DISABLED */
    bool busy_always;
};

enum { FAKE_FILES_MAX = 24, FAKE_BACKUPS_MAX = 12, FAKE_SCRIPT_MAX = 12 };

struct fake_backup {
    bool used;
    enum machine_place place;
    char tag[64];
    int content;
};

struct fake_file {
    bool used;
    char name[61];
    struct buf bytes;    /* what a reader sees */
    size_t synced;       /* so many of them survive a crash */
};

struct fake_program {
    bool absent, denied;
    struct fake_program_end {
        uint32_t exit_code;
        int64_t takes_ms;
        bool timed_out;
        bool corrects_clock;
        const char *output;
    } ends[FAKE_SCRIPT_MAX]; /* one per start; the last repeats */
    int end_count, started;
};

struct fake_scan {
    enum machine_status poll; /* OK, or FAILED with a text */
    int64_t takes_ms;
    struct scan_end end;
};

struct fake_log {
    bool exists;
    struct buf bytes;
    uint64_t identity;
};

struct fake_machine {
    struct machine machine;
    struct clock_fake clock;
    int64_t skew_ms;                       /* wall clock minus true time */

    struct wire_facts facts;
    struct machine_conditions conditions;
    char boot_id[41];
    int64_t zone_offset_ms;

    struct fake_service services[SERVICE_COUNT];
    struct fake_place places[PLACE_COUNT];
    struct fake_backup backups[FAKE_BACKUPS_MAX];
    int next_content;
    int remove_slices;                     /* backup_remove says PENDING so many times */
    struct fake_program programs[PROGRAM_COUNT];
    struct fake_scan scans[FAKE_SCRIPT_MAX]; /* one per scan_start; the last repeats; none: clean */
    int scan_count, scans_started;
    struct fake_log logs[MACHINE_LOG_COUNT];
    struct fake_file files[FAKE_FILES_MAX];

    int running_program;                   /* -1: none */
    int64_t program_ends_at, scan_ends_at; /* scan_ends_at -1: none runs */

    int fail_at, crash_at;                 /* countdowns; 0: off */
    unsigned fail_mask, crash_mask;        /* bits of enum fake_call; initially the acting calls */
    enum machine_status fail_status;       /* MACHINE_FAILED at first */
    bool fail_on;                          /* once reached, fail_at fails all later chosen calls too */
    bool crash_after, crashed;
    enum fake_tear tear;
    unsigned calls[FAKE_CALL_COUNT];
    int acting_calls;                      /* all that change the machine */
    struct buf trace;                      /* one line per acting call: "service_stop wuauserv: ok" */
};

/* A healthy Windows 10 client: update services as installed, wuauserv, UsoSvc and DoSvc running, time service stopped,
 * mains power, 100 GB free, a SoftwareDistribution folder, w32tm present, a clean scan of 2 s. */
void fake_machine_init(struct fake_machine *);
void fake_machine_free(struct fake_machine *);

/* The agent's process is new (and so is the boot when `reboot`): unsynced bytes are lost, programs and scans have ended. */
void fake_machine_restart(struct fake_machine *, bool reboot);
void fake_machine_advance(struct fake_machine *, int64_t ms);
/* What a correct clock would show: the server's time. */
int64_t fake_machine_true_ms(const struct fake_machine *);

/* Scripts the next scan; code 0 is clean. */
void fake_machine_add_scan(struct fake_machine *, uint32_t code);
void fake_machine_no_scan(struct fake_machine *, const char *reason);
/* Adds text to a log, making it when it is not there. */
void fake_machine_log(struct fake_machine *, enum machine_log log, const char *text);
/* The file's bytes, NULL when there is none. */
struct buf *fake_machine_file(struct fake_machine *, const char *name);
struct fake_backup *fake_machine_backup(struct fake_machine *, enum machine_place place);
/* How often the trace holds that text. */
int fake_machine_traced(const struct fake_machine *, const char *text);

#endif
