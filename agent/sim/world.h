/* What fleet to simulate: groups of machines, each with at most one hidden fault. From a file, or the built-in mix.
 *
 * Hours are hours of the simulation: a fleet that runs N times as fast lives through them N times as fast. */
#ifndef FLEETMEND_WORLD_H
#define FLEETMEND_WORLD_H

#include "event.h"
#include "repair.h"
#include "slice.h"

enum { WORLD_GROUPS_MAX = 200, WORLD_SPELLS_MAX = 16, WORLD_HISTORY_MAX = 32, WORLD_MACHINES_MAX = 1000000 };

struct world_fault {
    enum event_phase phase;  /* scan, download or install */
    uint32_t code;
    char kb[16];             /* the update that fails; for 0x800F0831 the package that is missing */
    unsigned heals;          /* bits of enum repair_id: what heals it */
    double chance;           /* that such a repair heals, each time it runs */
    double from_h, to_h;     /* when it is there; to_h 0: for good */
};

struct world_past {
    double age_d;
    enum event_phase phase;
    uint32_t code;
    char kb[16];
};

struct world_group {
    char name[60];           /* machines are NAME-0001, NAME-0002 ... */
    int64_t count;
    /* Empty ones differ from machine to machine, as in a real fleet. */
    char os[100], build[40], site[100], model[100];
    char role[20];           /* "client" by default */
    bool domain;             /* true by default */
    char update_server[256], update_manager[20];
    bool has_fault;
    struct world_fault fault;
    int64_t clock_offset_s;
    struct {
        double from_h, to_h;
    } offline[WORLD_SPELLS_MAX];
    int offline_count;
    bool reboot_pending;
    bool goes_silent;        /* once the machine did silent_after's work */
    enum repair_id silent_after;
    bool pin_boot;           /* BitLocker asks for a PIN before Windows starts: a restart ends in silence */
    struct world_past history[WORLD_HISTORY_MAX];
    int history_count;
};

struct world {
    struct world_group *groups;
    size_t count;
    int64_t machines; /* of all groups */
    bool mixed;       /* machines of all groups stand in mixed order and are numbered through */
};

/* Reads a world file. ERR_INVALID names group and field. */
bool world_read(struct world *, struct slice json, struct err *e);
/* The built-in mix for so many machines: about 60 % healthy, the rest with eight different faults. */
void world_default(struct world *, int64_t machines);
void world_free(struct world *);

/* The group of machine `index`, counted over all groups; *number is the number in its name, from 1. */
const struct world_group *world_group_of(const struct world *, int64_t index, int64_t *number);

#endif
