/* Which challenges were used already: memory of two minutes, so that a recorded answer can't be played again.
 */
#ifndef FLEETMEND_CHALLENGES_H
#define FLEETMEND_CHALLENGES_H

#include <stdbool.h>
#include <stdint.h>

struct challenges;

/* slots: how many uses within one life can be told apart at least (a power of two). */
struct challenges *challenges_new(uint32_t slots);
void challenges_free(struct challenges *);
enum { CHALLENGES_RUN_MAX = 17 };
/* 16 random hex digits made by challenges_new(): what was used in an earlier run is not known here. */
const char *challenges_run(const struct challenges *);
/* True the first time. Thread-safe. When a slot is needed for another one that is still alive, the table says
 * false: a machine then asks for the time again, which costs it a second, and nothing is ever accepted twice.
 */
bool challenges_use(struct challenges *, const char *unique, int64_t now_ticks_ms, int64_t life_ms);

#endif
