/* fleetmend-swarm: a simulated fleet against a real server. */
#include "args.h"
#include "json.h"
#include "log.h"
#include "mem.h"
#include "swarm.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    FILE_MAX_BYTES = 4 << 20,
    ATTEMPT_EVERY_MS = 120 * 1000, /* Windows tries every 22 h; a demonstration should show life */
    PROGRESS_EVERY_MS = 3000,
    STEP_MS = 500,
    OTHER_FILES = 64,
    EXIT_USAGE = 2,
};

static const struct arg_flag flags[] = {
    {"server", "URL", true, "the server, https://HOST[:PORT]"},
    {"ca", "FILE", false, "the server's CA certificate (PEM)"},
    {"token", "T", false, "enrolment token"},
    {"order-key", "PIN", true, "sha256//BASE64 of the key that signs orders; else pinned at enrolment"},
    {"machines", "N", false, "how many; with --world the sum of its groups"},
    {"seed", "S", false, "same seed, same machines; 1 by default"},
    {"duration", "SECONDS", false, "then end; else at SIGINT or SIGTERM"},
    {"speed", "X", false, "everything on the machines takes an X-th of its time; 1 by default"},
    {"crash", "PERCENT", false,
     "so many agents die in the middle of their first job and start again; 0 by default"},
    {"world", "FILE", false, "what machines there are and what is wrong with them (JSON)"},
    {"state", "DIR", false, "keep the machines' files there; else in memory"},
    {"json", NULL, false, "print the summary as JSON"},
    {"help", NULL, false, "print this"},
    {0},
};

static volatile sig_atomic_t stopped;
static struct swarm *volatile stepping;

static void on_signal(int signal)
{
    (void)signal;
    stopped = 1;
    if (stepping)
        swarm_wake(stepping);
}

static int fail(const struct err *e)
{
    fprintf(stderr, "fleetmend-swarm: %s\n", e->text);
    return e->kind == ERR_INVALID ? EXIT_USAGE : 1;
}

static bool read_file(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_INVALID, "%s: %s", path, strerror(errno));
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_append(out, part, n);
    fclose(f);
    return buf_check(out, path, e);
}

static bool read_config(const struct args *a, struct agent_config *c, struct err *e)
{
    struct buf pem;
    const char *v;
    for (int i = 0; (v = args_nth(a, "server", i)) && i < CONFIG_LIST_MAX; i++)
        c->server_urls[c->server_count++] = mem_strdup(v);
    for (int i = 0; (v = args_nth(a, "order-key", i)) && i < CONFIG_LIST_MAX; i++)
        c->order_keys[c->order_key_count++] = mem_strdup(v);
    if ((v = args_get(a, "token")))
        c->enroll_token = mem_strdup(v);
    buf_init(&pem, FILE_MAX_BYTES);
    bool ok = !args_has(a, "ca") || read_file(args_get(a, "ca"), &pem, e);
    if (ok && pem.n)
        c->ca_pem = buf_take(&pem);
    buf_free(&pem);
    return ok && agent_config_check(c, e);
}

static bool read_world(const struct args *a, struct world *w, struct err *e)
{
    int64_t machines;
    struct buf text;
    if (!args_int(a, "machines", 1, WORLD_MACHINES_MAX, 0, &machines, e))
        return false;
    if (!args_has(a, "world")) {
        if (machines == 0)
            return err_set(e, ERR_INVALID, "--machines N is missing");
        world_default(w, machines);
        return true;
    }
    buf_init(&text, FILE_MAX_BYTES);
    bool ok = read_file(args_get(a, "world"), &text, e) &&
              (world_read(w, buf_slice(&text), e) || err_wrap(e, "%s", args_get(a, "world")));
    buf_free(&text);
    if (ok && machines && machines != w->machines)
        return err_set(e, ERR_INVALID, "--machines %" PRId64 ": the groups of the world have %" PRId64,
                       machines, w->machines);
    return ok;
}

/* One connection a machine. */
static bool raise_file_limit(int64_t machines, struct err *e)
{
    struct rlimit l;
    if (getrlimit(RLIMIT_NOFILE, &l) != 0)
        return true;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_cur < (rlim_t)(machines + OTHER_FILES))
        return err_set(e, ERR_LIMIT,
                       "%" PRId64 " machines need as many connections; this process may open %" PRIu64
                       " files",
                       machines, (uint64_t)l.rlim_cur);
    return true;
}

static int64_t sum(const int64_t *counts, size_t n)
{
    int64_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return total;
}

static void show_progress(const struct swarm *swarm)
{
    struct swarm_summary s;
    swarm_summary(swarm, &s);
    fprintf(stderr,
            "\r%" PRId64 " machines, %" PRId64 " enrolled, %" PRId64 " failing, %" PRId64 " events, %" PRId64
            " jobs, %" PRId64 " requests, %" PRId64 " errors\x1b[K",
            s.machines, s.enrolled, s.failing, s.events, sum(s.jobs, REPAIR_COUNT + 1), s.requests, s.errors);
}

static const char *repair_name(size_t i)
{
    return i < REPAIR_COUNT ? repair_get((enum repair_id)i)->name : "other";
}

static void put_counts(struct json_writer *w, const char *key, const int64_t *counts, size_t n,
                       const char *(*name)(size_t))
{
    json_put_key(w, key);
    json_begin(w, '{');
    for (size_t i = 0; i < n; i++)
        if (counts[i])
            json_member_int(w, name(i), counts[i]);
    json_end(w, '}');
}

static const char *result_name(size_t i)
{
    return i == JOB_RESULT_NONE ? "none" : job_result_name((enum job_result)i);
}

static const char *verdict_name(size_t i)
{
    return i == JOB_VERDICT_NONE ? "none" : job_verdict_name((enum job_verdict)i);
}

static void print_json(const struct swarm_summary *s)
{
    struct buf out;
    buf_init(&out, 64 * 1024);
    struct json_writer w = {.out = &out};
    json_begin(&w, '{');
    json_member_int(&w, "machines", s->machines);
    json_member_int(&w, "enrolled", s->enrolled);
    json_member_int(&w, "failing", s->failing);
    put_counts(&w, "jobs", s->jobs, REPAIR_COUNT + 1, repair_name);
    put_counts(&w, "results", s->results, JOB_RESULT_COUNT, result_name);
    put_counts(&w, "verdicts", s->verdicts, JOB_VERDICT_COUNT, verdict_name);
    json_member_int(&w, "events", s->events);
    json_member_int(&w, "syncs", s->syncs);
    json_member_int(&w, "requests", s->requests);
    json_member_int(&w, "errors", s->errors);
    if (s->last_error[0])
        json_member_string(&w, "last_error", s->last_error);
    json_end(&w, '}');
    printf("%s\n", buf_text(&out));
    buf_free(&out);
}

static void print_counts(const char *what, const int64_t *counts, size_t n, const char *(*name)(size_t))
{
    if (sum(counts, n) == 0)
        return;
    printf("%-10s", what);
    for (size_t i = 0; i < n; i++)
        if (counts[i])
            printf(" %s %" PRId64, name(i), counts[i]);
    printf("\n");
}

static void print_text(const struct swarm_summary *s)
{
    printf("machines   %" PRId64 ", enrolled %" PRId64 ", still failing %" PRId64 "\n", s->machines,
           s->enrolled, s->failing);
    printf("sent       %" PRId64 " requests, %" PRId64 " of them syncs, %" PRId64 " events, %" PRId64
           " errors\n",
           s->requests, s->syncs, s->events, s->errors);
    print_counts("jobs", s->jobs, REPAIR_COUNT + 1, repair_name);
    print_counts("results", s->results, JOB_RESULT_COUNT, result_name);
    print_counts("verdicts", s->verdicts, JOB_VERDICT_COUNT, verdict_name);
    if (s->last_error[0])
        printf("last error %s\n", s->last_error);
}

static void run(struct swarm *swarm, int64_t duration_ms)
{
    bool terminal = isatty(STDERR_FILENO);
    int64_t begun = clock_ticks_ms(&clock_system), shown = begun;
    while (!stopped) {
        int64_t now = clock_ticks_ms(&clock_system);
        if (duration_ms && now - begun >= duration_ms)
            break;
        if (terminal && now - shown >= PROGRESS_EVERY_MS) {
            show_progress(swarm);
            shown = now;
        }
        swarm_step(swarm, STEP_MS);
    }
    if (terminal && shown != begun)
        fprintf(stderr, "\n");
}

static int run_and_tell(const struct swarm_options *o, int64_t duration_ms, bool as_json, struct err *e)
{
    struct swarm_summary s;
    struct swarm *swarm = swarm_new(o, e);
    if (!swarm)
        return fail(e);
    stepping = swarm;
    run(swarm, duration_ms);
    stepping = NULL;
    swarm_summary(swarm, &s);
    (as_json ? print_json : print_text)(&s);
    fflush(stdout);
    swarm_free(swarm);
    if (s.enrolled > 0)
        return 0;
    fprintf(stderr, "fleetmend-swarm: no machine could be enrolled: %s\n",
            s.last_error[0] ? s.last_error : "no answer in time");
    return 1;
}

static int swarm_main(const struct args *a, struct agent_config *config, struct world *world)
{
    struct err e = {0};
    int64_t seed, duration_s, speed, crash;
    if (!read_config(a, config, &e) || !read_world(a, world, &e) ||
        !args_int(a, "seed", 0, INT64_MAX, 1, &seed, &e) ||
        !args_int(a, "duration", 1, 366 * 86400, 0, &duration_s, &e) ||
        !args_int(a, "crash", 0, 100, 0, &crash, &e) || !args_int(a, "speed", 1, 1000000, 1, &speed, &e) ||
        !raise_file_limit(world->machines, &e))
        return fail(&e);
    struct swarm_options o = {.world = world,
                              .config = config,
                              .clock = &clock_system,
                              .seed = (uint64_t)seed,
                              .speed = speed,
                              .crash_chance = (double)crash / 100,
                              .attempt_every_ms = ATTEMPT_EVERY_MS,
                              .state_dir = args_get(a, "state")};
    return run_and_tell(&o, duration_s * 1000, args_has(a, "json"), &e);
}

static int help(void)
{
    printf("Simulated machines with the real agent core, thousands in one process. They are marked as "
           "simulated.\n\n"
           "Use: fleetmend-swarm --server URL --ca FILE --token T --machines N [OPTIONS]\n\nOptions:\n");
    args_print_help(flags);
    return 0;
}

int main(int argc, char **argv)
{
    struct args a;
    struct err e = {0};
    struct agent_config config = {0};
    struct world world = {0};
    if (!args_parse(&a, flags, argc - 1, argv + 1, &e))
        return fail(&e);
    if (args_has(&a, "help"))
        return help();
    if (a.operand_count) {
        err_set(&e, ERR_INVALID, "%.40s: only options are expected", a.operands[0]);
        return fail(&e);
    }
    signal(SIGPIPE, SIG_IGN);
    struct sigaction action = {.sa_handler = on_signal};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    log_set_level(LOG_ERROR);
    int code = swarm_main(&a, &config, &world);
    agent_config_free(&config);
    world_free(&world);
    return code;
}
