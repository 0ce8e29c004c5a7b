/* Random numbers that are the same in every run of the same seed. Not for secrets.
 *
 * splitmix64: a counter through a mixing function; any start value is good, and two streams whose seeds differ in
 * one bit have nothing in common. */
#ifndef FLEETMEND_SIM_RANDOM_H
#define FLEETMEND_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

struct sim_random {
    uint64_t state;
};

static inline uint64_t sim_random_next(struct sim_random *r)
{
    uint64_t z = (r->state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* A stream of its own for each (seed, number). */
static inline struct sim_random sim_random_of(uint64_t seed, uint64_t number)
{
    struct sim_random r = {seed};
    struct sim_random s = {sim_random_next(&r) ^ (number * UINT64_C(0xd1342543de82ef95))};
    return s;
}

/* From low to high, both possible. */
static inline int64_t sim_random_between(struct sim_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)(sim_random_next(r) % (uint64_t)(high - low + 1));
}

static inline bool sim_random_chance(struct sim_random *r, double p)
{
    return (double)(sim_random_next(r) >> 11) < p * 9007199254740992.0;
}

#endif
