#include "bench_measure.h"

#include "mem.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void usage(const struct bench_option *o, size_t n)
{
    for (size_t i = 0; i < n; i++)
        fprintf(stderr, "  %-12s %s\n", o[i].name, o[i].help);
    exit(2);
}

static const struct bench_option *find_option(const struct bench_option *o, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(o[i].name, name) == 0)
            return &o[i];
    return NULL;
}

void bench_options(const struct bench_option *o, size_t n, int argc, char **argv)
{
    for (int i = 1; i < argc; i += 2) {
        const struct bench_option *found = i + 1 < argc ? find_option(o, n, argv[i]) : NULL;
        char *end = NULL;
        if (found && found->text)
            *found->text = argv[i + 1];
        else if (found)
            *found->number = strtoll(argv[i + 1], &end, 10);
        if (!found || (end && (*end || *found->number < 0)))
            usage(o, n);
    }
    for (size_t i = 0; i < n; i++)
        if (o[i].text && !*o[i].text)
            usage(o, n);
}

void bench_fail(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "bench: ");
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(1);
}

void bench_raise_files(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

int64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- another process ---- */

static void read_proc(int64_t pid, const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%" PRId64 "/%s", pid, name);
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(out, 1, size - 1, f) : 0;
    if (f)
        fclose(f);
    if (!n)
        bench_fail("%s can't be read: has the process ended?", path);
    out[n] = '\0';
}

double bench_cpu_s(int64_t pid)
{
    enum { FIELDS_BEFORE_UTIME = 11 }; /* counted from the blank after the name in brackets */
    char text[1024];
    read_proc(pid, "stat", text, sizeof text);
    char *at = strrchr(text, ')');
    for (int i = 0; at && i <= FIELDS_BEFORE_UTIME; i++)
        at = strchr(at + 1, ' ');
    if (!at)
        bench_fail("/proc/%" PRId64 "/stat is not as expected", pid);
    int64_t user = strtoll(at, &at, 10), system = strtoll(at, &at, 10);
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static int64_t line_kb(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoll(at + strlen(name), NULL, 10) : 0;
}

struct bench_memory bench_memory_of(int64_t pid)
{
    char text[4096];
    read_proc(pid, "smaps_rollup", text, sizeof text);
    return (struct bench_memory){line_kb(text, "\nRss:"),
                                 line_kb(text, "\nPrivate_Clean:") + line_kb(text, "\nPrivate_Dirty:")};
}

/* ---- samples ---- */

void bench_add(struct bench_samples *s, double v)
{
    if (s->n == s->room) {
        s->room = s->room ? 2 * s->room : 1024;
        s->v = mem_resize(s->v, s->room, sizeof *s->v);
    }
    s->v[s->n++] = v;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_quantile(struct bench_samples *s, double share)
{
    if (!s->n)
        return 0;
    qsort(s->v, s->n, sizeof *s->v, by_value);
    size_t at = (size_t)(share * (double)s->n);
    return s->v[at < s->n ? at : s->n - 1];
}

void bench_samples_free(struct bench_samples *s)
{
    mem_free(s->v);
    *s = (struct bench_samples){0};
}

/* ---- printing ---- */

void bench_say(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    printf("# ");
    vprintf(fmt, ap);
    putchar('\n');
    va_end(ap);
    fflush(stdout);
}

void bench_row(const char *measure, const char *value, const char *goal, const char *reference,
               const char *ratio)
{
    printf("row\t%s\t%s\t%s\t%s\t%s\n", measure, value, goal, reference, ratio);
    fflush(stdout);
}

const char *bench_text(const char *fmt, ...)
{
    enum { TEXTS = 8 };
    static char texts[TEXTS][200];
    static unsigned next;
    char *out = texts[next++ % TEXTS];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out, sizeof texts[0], fmt, ap);
    va_end(ap);
    return out;
}
