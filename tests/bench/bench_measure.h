/* What every measuring program needs: options, clocks, what another process uses, and one form of printing.
 */
#ifndef FLEETMEND_BENCH_MEASURE_H
#define FLEETMEND_BENCH_MEASURE_H

#include "buf.h"

#include <stdint.h>

struct bench_option {
    const char *name;
    const char **text; /* one of the two */
    int64_t *number;
    const char *help;
};
/* `--name value` pairs; a text that is NULL before and after is missing. Anything wrong: the list of options,
 * and exit 2. */
void bench_options(const struct bench_option *, size_t n, int argc, char **argv);

void bench_fail(const char *fmt, ...) FORMAT_PRINTF(1, 2) __attribute__((noreturn));
/* As many open files as this process may have. */
void bench_raise_files(void);

/* CLOCK_MONOTONIC: the same for all processes of a machine. */
int64_t bench_now_ns(void);

/* User and system time of all threads of a process, to the clock tick. */
double bench_cpu_s(int64_t pid);
struct bench_memory {
    int64_t rss_kb, private_kb; /* private: pages nobody else maps */
};
struct bench_memory bench_memory_of(int64_t pid);

/* A growing list of numbers. */
struct bench_samples {
    double *v;
    size_t n, room;
};
void bench_add(struct bench_samples *, double);
/* share 0.5 is the median; 0 without samples. Sorts. */
double bench_quantile(struct bench_samples *, double share);
void bench_samples_free(struct bench_samples *);

/* A line for people: "# ...". */
void bench_say(const char *fmt, ...) FORMAT_PRINTF(1, 2);
/* A row of run.sh's table; goal, reference and ratio may be "". */
void bench_row(const char *measure, const char *value, const char *goal, const char *reference,
               const char *ratio);
/* For its cells: the texts live until the 8th call after. */
const char *bench_text(const char *fmt, ...) FORMAT_PRINTF(1, 2);

#endif
