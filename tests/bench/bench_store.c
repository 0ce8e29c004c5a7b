/* What one report costs in the store: 64 at a time through the writer, beside the cheapest way to keep the
 * same bytes (one insert into one table), in the same run on the same disk.
 *
 *   bench_store FOLDER [REPORTS] [MACHINES] */
#include "mem.h"
#include "writer.h"

#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { BATCH = 64, REPORTS = 200000, MACHINES = 1000 };

static const char text[] =
    "Windows could not download the update: the content file was not found on the update server, "
    "or a proxy has answered instead of it. The next scan tries again.";
static const char title[] =
    "2026-11 Cumulative Update for Windows 10 Version 22H2 for x64-based Systems (KB5034441)";

struct cost {
    int64_t wall_us, cpu_us;
};

static struct cost cost_now(void)
{
    struct timespec t;
    struct rusage u;
    clock_gettime(CLOCK_MONOTONIC, &t);
    getrusage(RUSAGE_SELF, &u);
    return (struct cost){(int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000,
                         (int64_t)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
                             u.ru_stime.tv_usec};
}

static void print_cost(const char *what, struct cost start, int reports)
{
    struct cost now = cost_now();
    printf("%-22s %6.1f us CPU, %6.1f us wall a report\n", what,
           (double)(now.cpu_us - start.cpu_us) / reports, (double)(now.wall_us - start.wall_us) / reports);
}

static void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static void machine_id(char out[65], int machine)
{
    snprintf(out, 65, "%08x%056d", (unsigned)machine * 2654435761u, machine);
}

/* ---- the store ---- */

struct batch {
    pthread_mutex_t lock;
    pthread_cond_t all_told;
    int told;
};

struct report {
    struct work work;
    struct batch *batch;
    char machine[65];
    int64_t seq;
};

static bool run_report(struct work *w, struct store *s, struct err *e)
{
    struct report *r = (struct report *)(void *)w;
    struct event_row event = {.machine_id = r->machine,
                              .stream = "4f2a90b1c3d5e6f7",
                              .seq = r->seq,
                              .received_ms = r->seq,
                              .time_ms = r->seq,
                              .count = 1,
                              .failed = true,
                              .code = 0x80070002,
                              .phase = "download",
                              .source = "history",
                              .context = "AutomaticUpdates",
                              .kb = "KB5034441",
                              .update_id = "1f1a9d0c-5c4f-4d7e-9b1c-3a5a1f0b2c3d",
                              .title = title,
                              .text = text};
    struct failure_row failure = {.machine_id = r->machine,
                                  .code = 0x80070002,
                                  .phase = "download",
                                  .update_key = event.update_id,
                                  .kb = event.kb,
                                  .title = title,
                                  .text = text,
                                  .last_seen_ms = r->seq,
                                  .count = 1};
    struct machine_row touch = {.id = r->machine,
                                .stream = event.stream,
                                .stream_have = r->seq,
                                .last_seen_ms = r->seq,
                                .agent_version = "0.1.0",
                                .boot_id = "b7c6a1",
                                .skew_ms = 12};
    bool opened;
    int64_t id;
    return store_events_add(s, &event, 1, e) && store_failure_seen(s, &failure, &opened, &id, e) &&
           (!opened || store_machine_refresh(s, r->machine, r->seq, e)) && store_machine_touch(s, &touch, e);
}

static void done_report(struct work *w, bool ok, const struct err *e)
{
    struct batch *b = ((struct report *)(void *)w)->batch;
    if (!ok)
        die(e->text);
    pthread_mutex_lock(&b->lock);
    if (++b->told == BATCH)
        pthread_cond_signal(&b->all_told);
    pthread_mutex_unlock(&b->lock);
}

static void add_machines(struct store *s, int machines)
{
    struct err e = {0};
    bool ok = db_begin(store_db(s), &e);
    for (int i = 0; ok && i < machines; i++) {
        char id[65], name[20];
        machine_id(id, i);
        snprintf(name, sizeof name, "PC-%06d", i);
        ok = store_machine_put(s,
                               &(struct machine_row){.id = id,
                                                     .name = name,
                                                     .os = "Windows 10 Pro",
                                                     .build = "19045.3803",
                                                     .role = "client",
                                                     .ou = "OU=Sales,DC=corp,DC=example",
                                                     .stream = "4f2a90b1c3d5e6f7",
                                                     .facts = "{}",
                                                     .approved = true,
                                                     .enrolled_ms = 1},
                               &e);
    }
    if (!ok || !db_commit(store_db(s), &e))
        die(e.text);
}

static void run_batch(struct writer *w, struct report reports[BATCH], struct batch *b, int first,
                      int machines)
{
    b->told = 0;
    for (int i = 0; i < BATCH; i++) {
        int n = first + i;
        reports[i] =
            (struct report){.work = {.run = run_report, .done = done_report}, .batch = b, .seq = n + 1};
        machine_id(reports[i].machine, (int)((int64_t)n * 7919 % machines));
        if (!writer_submit(w, &reports[i].work))
            die("the queue is full");
    }
    pthread_mutex_lock(&b->lock);
    while (b->told < BATCH)
        pthread_cond_wait(&b->all_told, &b->lock);
    pthread_mutex_unlock(&b->lock);
}

static void bench_store(const char *path, int reports, int machines)
{
    struct err e = {0};
    char url[400];
    snprintf(url, sizeof url, "sqlite:%s", path);
    struct store *s = store_open(url, DB_WRITER, &e);
    if (!s)
        die(e.text);
    add_machines(s, machines);
    struct writer *w = writer_start(s, 2 * BATCH, &e);
    if (!w)
        die(e.text);
    static struct report work[BATCH];
    struct batch b = {.lock = PTHREAD_MUTEX_INITIALIZER, .all_told = PTHREAD_COND_INITIALIZER};
    /* The first report of each machine opens its failure; what is measured is the daily repetition. */
    for (int n = 0; n < machines; n += BATCH)
        run_batch(w, work, &b, n, machines);
    struct cost start = cost_now();
    for (int n = 0; n < reports; n += BATCH)
        run_batch(w, work, &b, n, machines);
    print_cost("store through writer", start, reports / BATCH * BATCH + (reports % BATCH ? BATCH : 0));
    struct writer_stats stats;
    writer_stats(w, &stats);
    printf("%-22s %" PRIu64 " commits of %" PRIu64 " reports, longest %" PRId64 " us\n", "", stats.commits,
           stats.works, stats.max_commit_us);
    writer_stop(w);
    store_close(s);
}

/* ---- the plain table ---- */

static void plain(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
}

static void bench_plain(const char *path, int reports, int machines)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    plain(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
              "CREATE TABLE plain (machine TEXT, seq INTEGER, title TEXT, text TEXT)");
    if (sqlite3_prepare_v2(db, "INSERT INTO plain VALUES (?, ?, ?, ?)", -1, &insert, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    struct cost start = cost_now();
    for (int n = 0; n < reports; n++) {
        char id[65];
        machine_id(id, (int)((int64_t)n * 7919 % machines));
        if (n % BATCH == 0)
            plain(db, "BEGIN");
        sqlite3_bind_text(insert, 1, id, -1, SQLITE_STATIC);
        sqlite3_bind_int(insert, 2, n);
        sqlite3_bind_text(insert, 3, title, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 4, text, -1, SQLITE_STATIC);
        if (sqlite3_step(insert) != SQLITE_DONE)
            die(sqlite3_errmsg(db));
        sqlite3_reset(insert);
        if (n % BATCH == BATCH - 1 || n == reports - 1)
            plain(db, "COMMIT");
    }
    print_cost("one plain insert", start, reports);
    sqlite3_finalize(insert);
    sqlite3_close(db);
}

static void remove_database(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    for (int i = 0; i < 3; i++) {
        char name[420];
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        unlink(name);
    }
}

int main(int argc, char **argv)
{
    int reports = argc > 2 ? (int)strtol(argv[2], NULL, 10) : REPORTS;
    int machines = argc > 3 ? (int)strtol(argv[3], NULL, 10) : MACHINES;
    if (argc < 2 || reports < 1 || machines < 1)
        die("usage: bench_store FOLDER [REPORTS] [MACHINES]");
    char store_path[380], plain_path[380];
    snprintf(store_path, sizeof store_path, "%s/bench-store.db", argv[1]);
    snprintf(plain_path, sizeof plain_path, "%s/bench-plain.db", argv[1]);
    remove_database(store_path);
    remove_database(plain_path);
    printf("%d reports of %d machines, %d to a commit, every commit synced\n", reports, machines, BATCH);
    bench_plain(plain_path, reports, machines);
    bench_store(store_path, reports, machines);
    remove_database(store_path);
    remove_database(plain_path);
    return 0;
}
