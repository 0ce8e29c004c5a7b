/* THE catalogue: every repair there is. It is closed: a job carries one of these ids and typed parameters,
 * never a command, script, path or URL. What a repair does step by step is compiled into the agent.
 *
 * Numbers and masks follow the rules a senior Windows admin insists on: a veto never stops the repair that
 * would lift it, and the agent keeps the limits whatever a server says. */
#ifndef FLEETMEND_REPAIR_H
#define FLEETMEND_REPAIR_H

#include "err.h"

#include <stdint.h>

/* X(id, name): order is the order of help pages. */
#define REPAIRS(X)                                                                                           \
    X(TIME_RESYNC, "time_resync")                                                                            \
    X(TROUBLESHOOTER, "troubleshooter")                                                                      \
    X(TROUBLESHOOTER_PACK, "troubleshooter_pack")                                                            \
    X(WU_SERVICES_RESET, "wu_services_reset")                                                                \
    X(CACHE_RESET, "cache_reset")                                                                            \
    X(CATROOT2_RESET, "catroot2_reset")                                                                      \
    X(COMPONENT_STORE_REPAIR, "component_store_repair")                                                      \
    X(INSTALL_PACKAGE, "install_package")                                                                    \
    X(IN_PLACE_REPAIR, "in_place_repair")                                                                    \
    X(SYSTEM_FILE_CHECK, "system_file_check")                                                                \
    X(PROXY_RESET, "proxy_reset")                                                                            \
    X(WINSOCK_RESET, "winsock_reset")                                                                        \
    X(FREE_DISK_SPACE, "free_disk_space")                                                                    \
    X(ALLOW_OS_UPGRADE, "allow_os_upgrade")                                                                  \
    X(DRIVER_UPDATE, "driver_update")                                                                        \
    X(POLICY_RESET, "policy_reset")                                                                          \
    X(REBOOT, "reboot")                                                                                      \
    X(UPDATE_SCAN, "update_scan")                                                                            \
    X(UPDATE_RETRY, "update_retry")                                                                          \
    X(COLLECT_LOGS, "collect_logs")

enum repair_id {
#define X(id, name) REPAIR_##id,
    REPAIRS(X)
#undef X
        REPAIR_COUNT
};

/* What may stop a repair from starting. Bits. */
enum veto {
    VETO_REBOOT_PENDING = 1, /* WU RebootRequired, CBS RebootPending and the like, pending.xml */
    VETO_LOW_DISK = 2,       /* under 1 GB free on the system drive; component store: under 5 GB */
    VETO_BATTERY = 4,        /* on battery below 60 % */
    VETO_NO_MAINS = 8,       /* on battery at all */
    VETO_METERED = 16,       /* metered or roaming link, and the repair downloads */
    VETO_UPDATE_BUSY = 32,   /* an installation is running */
    VETO_CRITICAL_ROLE = 64, /* dc, cluster, hyperv: class 0 only, unless policy says otherwise */
    VETO_LOCAL_ONLY = 128,   /* report only: non-persistent, ARM64 before its self-test */
};

enum repair_undo { UNDO_NONE, UNDO_YES, UNDO_SELF /* transactional, uninstall, or setup's own */ };

/* What proves that it helped. */
enum repair_verify {
    VERIFY_NONE, /* evidence is not its business: collect_logs, troubleshooter */
    VERIFY_SCAN, /* a new update scan, a retry of the download; install failures stay pending */
};

/* A typed parameter: either one of `words` (separated by '|') or, when words is NULL, a value matching
 * `pattern`: "kb" (KB and 6-8 digits), "id" (1-40 of [a-z0-9._-]), "timezone" (1-60 printable ASCII), "flag"
 * (true|false). */
struct repair_param {
    const char *name;
    const char *words;
    const char *pattern;
    const char *fallback; /* value when not given; NULL: the parameter is required */
    const char *help;
};

struct repair {
    enum repair_id id;
    const char *name;
    int class; /* 0 no effect on users, 1 reversible or self-contained, 2 disrupts or lasts */
    enum repair_undo undo;
    enum repair_verify verify;
    unsigned vetoes;                   /* set of enum veto */
    int per_machine;                   /* at most this often ... */
    int64_t window_s;                  /* ... in this time; 0: no limit of its own */
    bool counts_as_class1;             /* counts towards "6 repairs of class >= 1 in 24 h" */
    const struct repair_param *params; /* ended by a row with name NULL; never NULL */
    const char *title;                 /* "Reset the update cache" */
    const char *help;                  /* what it does, in one or two sentences */
    const char *undo_help;             /* what undo does, or why there is none */
};

const struct repair *repair_get(enum repair_id id);
/* NULL when there is no such repair. */
const struct repair *repair_find(const char *name);

enum { REPAIR_PARAMS_MAX = 8, REPAIR_VALUE_MAX = 64 };

struct repair_value {
    char name[32], value[REPAIR_VALUE_MAX];
};

struct repair_values {
    struct repair_value v[REPAIR_PARAMS_MAX];
    int count;
};

/* Checks one value against the row and stores it. ERR_INVALID names the parameter and what is allowed. */
bool repair_value_set(const struct repair *, struct repair_values *, const char *name, const char *value,
                      struct err *e);
/* Fills in the fallbacks; ERR_INVALID when a required one is missing. */
bool repair_values_complete(const struct repair *, struct repair_values *, struct err *e);
/* The value or NULL. */
const char *repair_value(const struct repair_values *, const char *name);

const char *veto_text(enum veto one); /* "a restart is pending" */

#endif
