/* `serve`: opens the data folder, wires the layers and runs until SIGTERM. */
#include "program.h"

#include "app.h"
#include "challenges.h"
#include "files.h"
#include "http_server.h"
#include "log.h"
#include "mem.h"
#include "pki.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    WRITER_QUEUE = 20000,
    READERS = 2,
    READER_QUEUE = 2000,
    LOGIN_THREADS = 2,
    LOGIN_QUEUE = 20,
    CHALLENGE_SETS = 1 << 16,
    SWEEP_MS = 1000,
    RENEW_DAYS = 60
};

#define DAY_MS (INT64_C(24) * 3600 * 1000)

struct server {
    const char *dir;
    struct settings settings;
    struct fleet fleet;
    struct store *store;
    struct app app;
    struct http_server *http;
    struct control *control;
    char database[DATA_PATH_MAX];
    char url[SETTING_TEXT_MAX];
    int64_t next_sweep;
};

static struct http_server *volatile running;

static void on_stop(int signal_number)
{
    (void)signal_number;
    struct http_server *h = running;
    if (h)
        http_server_stop(h);
}

static void post_to_loop(void *server, int loop, void (*fn)(void *ctx), void *ctx)
{
    http_server_post(((struct server *)server)->http, loop, fn, ctx);
}

static int loop_now(void *server)
{
    return http_server_this_loop(((struct server *)server)->http);
}

/* The app's handlers and callbacks get the app; the sweep rides on loop 0's tick. */
static void tick(void *app, int loop)
{
    struct server *s = (struct server *)((char *)app - offsetof(struct server, app));
    app_tick(app, loop);
    int64_t now = clock_ticks_ms(s->fleet.clock);
    if (loop == 0 && now >= s->next_sweep) {
        s->next_sweep = now + SWEEP_MS;
        fleet_sweep(&s->fleet);
    }
}

/* TLS takes and gives back 16 kB for each record. With its lists of small chunks, glibc would merge all of
 * those at each such request; its per-thread cache does their work just as well. */
static void tune_malloc(void)
{
    mallopt(M_MXFAST, 0);
}

static void raise_file_limit(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

static bool database_url(struct server *s, struct err *e)
{
    const char *d = s->settings.database;
    if (strncmp(d, "sqlite:", 7) != 0)
        return err_set(e, ERR_INVALID, "database: \"%.40s\"; sqlite:FILE is what this version speaks", d);
    snprintf(s->database, sizeof s->database, d[7] == '/' ? "sqlite:%s%s" : "sqlite:%s/%s",
             d[7] == '/' ? "" : s->dir, d + 7);
    /* An empty one made in its place would look like a fleet that is fine. */
    return access(s->database + 7, F_OK) == 0 ||
           err_set(e, ERR_NOT_FOUND, "%s: %s (put a backup back with `fleetmend-server restore`)",
                   s->database + 7, strerror(errno));
}

static bool load_meta(struct server *s, struct err *e)
{
    struct arena a = {0};
    const char *epoch, *time_epoch, *clock;
    bool ok = store_meta_get(s->store, &a, "epoch", &epoch, e) &&
              store_meta_get(s->store, &a, "time_epoch", &time_epoch, e) &&
              store_meta_get(s->store, &a, "clock", &clock, e);
    if (ok) {
        snprintf(s->fleet.epoch, sizeof s->fleet.epoch, "%s", epoch);
        s->fleet.time_epoch = strtoll(time_epoch, NULL, 10);
        /* Forward is downtime; backward by more than an hour is a wrong clock, now or before. */
        int64_t last = strtoll(clock, NULL, 10), now = clock_wall_ms(s->fleet.clock);
        if (last - now > 3600 * 1000) {
            s->fleet.clock_doubtful = true;
            log_error("clock.behind ms=%" PRId64 " remedy=\"fleetmend-server clock accept\"", last - now);
        }
    }
    arena_free(&a);
    return ok;
}

static bool load_pins(struct server *s, char *cert, size_t size, struct err *e)
{
    snprintf(cert, size, "%s/tls/server.pem", s->dir);
    int64_t left;
    if (!pki_pin(cert, s->fleet.tls_pins[0], e) || !pki_seconds_left(cert, &left, e))
        return false;
    s->fleet.tls_pin_count = 1;
    if (left < RENEW_DAYS * 86400)
        log_warn("tls.certificate_ends days=%" PRId64 " file=%s", left / 86400, cert);
    return true;
}

static bool open_fleet(struct server *s, struct err *e)
{
    struct fleet *f = &s->fleet;
    f->clock = &clock_system;
    f->settings = (struct fleet_settings){.class1_approval_above = s->settings.class1_approval_above,
                                          .job_life_ms = s->settings.job_days * DAY_MS,
                                          .silent_after_ms = s->settings.silent_days * DAY_MS,
                                          .wait_s = s->settings.wait_s,
                                          .ticket_life_ms = 3600 * 1000};
    snprintf(f->settings.url, sizeof f->settings.url, "%.255s", s->settings.url);
    f->accounts = accounts_new();
    f->challenges = challenges_new(CHALLENGE_SETS);
    f->hub = hub_new((int)s->settings.loops, f->clock, app_answer_waiter, &s->app);
    s->app = (struct app){f, post_to_loop, loop_now, s};
    return keys_load(s->dir, f, e) && database_url(s, e) &&
           (s->store = store_open(s->database, DB_WRITER, e)) && load_meta(s, e) &&
           fleet_load(f, s->store, e) && (f->writer = writer_start(s->store, WRITER_QUEUE, e)) &&
           (f->pool = pool_start(s->database, READERS, READER_QUEUE, e)) &&
           (f->login_pool = pool_start(s->database, LOGIN_THREADS, LOGIN_QUEUE, e));
}

static bool open_http(struct server *s, struct err *e)
{
    char cert[DATA_PATH_MAX + 40], key[DATA_PATH_MAX + 40];
    snprintf(key, sizeof key, "%s/tls/server.key", s->dir);
    if (!load_pins(s, cert, sizeof cert, e))
        return false;
    const struct http_options o = {
        .listen = s->settings.listen,
        .agent_listen = s->settings.agent_listen[0] ? s->settings.agent_listen : NULL,
        .cert_file = cert,
        .key_file = key,
        .loops = (int)s->settings.loops,
        .connections_max = (uint32_t)s->settings.connections_max,
        .routes = app_routes,
        .route_count = app_route_count,
        .app = &s->app,
        .authorise = app_authorise,
        .tick = tick,
        .clock = &clock_system,
    };
    s->http = http_server_new(&o, e);
    return s->http != NULL;
}

/* A listen port of 0 is known only now. */
static void find_url(struct server *s)
{
    char host[256];
    int port = 0;
    address_split(s->settings.listen, host, &port, NULL);
    snprintf(s->url, sizeof s->url, "%s", s->settings.url);
    if (port == 0)
        default_url(host, http_server_port(s->http), s->url);
}

static void close_server(struct server *s)
{
    struct fleet *f = &s->fleet;
    running = NULL;
    control_stop(s->control);
    pool_stop(f->login_pool);
    pool_stop(f->pool);
    writer_stop(f->writer);
    http_server_free(s->http);
    hub_free(f->hub);
    store_close(s->store);
    accounts_free(f->accounts);
    challenges_free(f->challenges);
    sign_key_free(f->order_key);
    mem_wipe(f->ticket_key, sizeof f->ticket_key);
}

static bool serve(struct server *s, struct err *e)
{
    char conf[DATA_PATH_MAX + 40];
    snprintf(conf, sizeof conf, "%s/server.conf", s->dir);
    if (!settings_load(conf, &s->settings, e))
        return e->kind == ERR_NOT_FOUND
                   ? err_wrap(e, "no server in this folder (run `fleetmend-server init`)")
                   : false;
    if (!folder_lock(s->dir, e) || !open_fleet(s, e) || !open_http(s, e) ||
        !(s->control = control_start(s->dir, &s->fleet, e)))
        return false;
    find_url(s);
    running = s->http;
    struct sigaction stop = {.sa_handler = on_stop};
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGINT, &stop, NULL);
    printf("ready url=%s pid=%ld\n", s->url, (long)getpid());
    fflush(stdout);
    log_info("server.ready url=%s listen=%s loops=%" PRId64, s->url, s->settings.listen, s->settings.loops);
    bool ok = http_server_run(s->http, e);
    log_info("server.stopped");
    return ok;
}

int command_serve(int argc, char **argv)
{
    struct server *s = mem_zalloc(sizeof *s);
    const struct option_row rows[] = {{"--data", &s->dir, NULL, true, "the server's folder, made by init"}};
    struct err e = {0};
    int rest = 0, status = 0;
    if (!options_parse(rows, 1, argc, argv, NULL, 0, &rest, &e)) {
        fprintf(stderr, "fleetmend-server serve: %s\n", e.text);
        mem_free(s);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    tune_malloc();
    raise_file_limit();
    if (!serve(s, &e)) {
        fprintf(stderr, "fleetmend-server serve: %s\n", e.text);
        status = e.kind == ERR_INVALID ? 2 : 1;
    }
    close_server(s);
    mem_free(s);
    return status;
}
