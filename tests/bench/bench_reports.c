/* What a durable report costs the server: events of machines over TLS, each answered after its COMMIT.
 *
 * Beside it, in the same run and on the same disk: the same bytes put into one SQLite table in batches; the
 * same connections without a report (GET /healthz); and bench_raw, the least program that does all of it. */
#include "bench_fleet.h"
#include "bench_measure.h"
#include "mem.h"

#include <sqlite3.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LINKS = 64, BATCH = 64, ROUNDS_MAX = 9, WIDE = 10000 };

struct load {
    struct client *client;
    struct fleet *fleet; /* NULL: GET /healthz */
    int64_t pid;
    size_t begun, left, bad, total;
    struct bench_samples latency_ms;
};

struct sender {
    struct load *load;
    struct link *link;
    size_t number;
    int64_t begun_ns;
};

static void send_next(struct sender *);

static void on_answer(void *ctx, struct link *l, const struct answer *a)
{
    struct sender *s = ctx;
    (void)l;
    s->load->left--;
    s->load->bad += a->status != 200;
    bench_add(&s->load->latency_ms, (double)(a->at_ns - s->begun_ns) / 1e6);
    send_next(s);
}

/* Machine i speaks over link i mod LINKS alone, so its events stay in order. */
static void send_next(struct sender *s)
{
    struct load *d = s->load;
    if (d->begun == d->total)
        return;
    d->begun++;
    s->begun_ns = bench_now_ns();
    if (!d->fleet) {
        link_request(s->link, &(struct request){"GET", "/healthz", NULL, slice_make(NULL, 0)}, on_answer, s);
        return;
    }
    struct machine *m = &d->fleet->machines[s->number];
    s->number += LINKS;
    if (s->number >= d->fleet->count)
        s->number %= LINKS;
    struct buf body;
    buf_init(&body, 4096);
    fleet_report(d->fleet, m, &body);
    link_request(s->link, &(struct request){"POST", "/agent/v1/sync?wait=0", m->ticket, buf_slice(&body)},
                 on_answer, s);
    buf_free(&body);
}

struct cost {
    double cpu_s, per_s, p50_ms, p99_ms; /* cpu_s: of the server, for 10,000 */
};

static struct cost run(struct load *d, struct sender *senders, size_t total)
{
    d->begun = d->bad = 0;
    d->left = d->total = total;
    d->latency_ms.n = 0;
    double cpu_s = bench_cpu_s(d->pid);
    int64_t start_ns = bench_now_ns();
    for (size_t i = 0; i < LINKS; i++)
        send_next(&senders[i]);
    client_run_until_zero(d->client, &d->left);
    double took_s = (double)(bench_now_ns() - start_ns) / 1e9;
    cpu_s = bench_cpu_s(d->pid) - cpu_s;
    if (d->bad)
        bench_fail("%zu of %zu answers were not 200", d->bad, total);
    return (struct cost){cpu_s * WIDE / (double)total, (double)total / took_s,
                         bench_quantile(&d->latency_ms, 0.5), bench_quantile(&d->latency_ms, 0.99)};
}

/* ---- the reference: the same bytes into one table ---- */

static void must(sqlite3 *db, bool ok)
{
    if (!ok)
        bench_fail("reference database: %s", sqlite3_errmsg(db));
}

static double own_cpu_s(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static double sqlite_cost(const char *dir, struct fleet *f, size_t total)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/reference.db", dir);
    unlink(path);
    sqlite3 *db = NULL;
    sqlite3_stmt *insert = NULL;
    must(db, sqlite3_open(path, &db) == SQLITE_OK);
    must(db, sqlite3_exec(
                 db,
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 4000;"
                 "CREATE TABLE reports (id INTEGER PRIMARY KEY, machine INTEGER, seq INTEGER, report TEXT)",
                 NULL, NULL, NULL) == SQLITE_OK);
    must(db, sqlite3_prepare_v2(db, "INSERT INTO reports (machine, seq, report) VALUES (?, ?, ?)", -1,
                                &insert, NULL) == SQLITE_OK);
    struct buf body;
    buf_init(&body, 4096);
    struct machine scratch = {.fleet = f};
    fleet_report(f, &scratch, &body);
    double cpu_s = own_cpu_s();
    for (size_t i = 0; i < total; i++) {
        if (i % BATCH == 0)
            must(db, sqlite3_exec(db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_bind_int64(insert, 1, (sqlite3_int64)(i % f->count));
        sqlite3_bind_int64(insert, 2, (sqlite3_int64)i);
        sqlite3_bind_text(insert, 3, body.p, (int)body.n, SQLITE_STATIC);
        must(db, sqlite3_step(insert) == SQLITE_DONE);
        sqlite3_reset(insert);
        if (i % BATCH == BATCH - 1 || i + 1 == total)
            must(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
    }
    cpu_s = own_cpu_s() - cpu_s;
    buf_free(&body);
    sqlite3_finalize(insert);
    sqlite3_close(db);
    unlink(path);
    return cpu_s * WIDE / (double)total;
}

/* ---- rounds ---- */

struct rounds {
    struct bench_samples report, per_s, p50, p99, tls, sqlite, raw, raw_per_s;
};

static double median(struct bench_samples *s)
{
    return bench_quantile(s, 0.5);
}

static struct sender *connect_all(struct load *d)
{
    struct sender *senders = mem_zalloc(LINKS * sizeof *senders);
    for (size_t i = 0; i < LINKS; i++)
        senders[i] = (struct sender){.load = d, .link = link_new(d->client), .number = i};
    return senders;
}

static void print(struct rounds *r, bool raw)
{
    double value = median(&r->report), tls = median(&r->tls), sqlite = median(&r->sqlite), sum = tls + sqlite;
    bench_row("CPU-s per 10,000 durable reports over TLS", bench_text("%.2f", value), "<= 0.45",
              bench_text("%.2f (SQLite alone %.2f + answers without a report %.2f)", sum, sqlite, tls),
              bench_text("%.1f", value / sum));
    if (raw)
        bench_row("  the same beside bare epoll + OpenSSL + SQLite", bench_text("%.2f", value), "",
                  bench_text("%.2f, %.0f/s", median(&r->raw), median(&r->raw_per_s)),
                  bench_text("%.1f", value / median(&r->raw)));
    bench_row("  reports a second, 64 connections", bench_text("%.0f", median(&r->per_s)), "", "", "");
    bench_row("  report to answer, p50 / p99 ms", bench_text("%.1f / %.1f", median(&r->p50), median(&r->p99)),
              "", "", "");
}

int main(int argc, char **argv)
{
    const char *url = NULL, *ca = NULL, *path = NULL, *dir = NULL, *raw_url = "";
    int64_t pid = 0, raw_pid = 0, machines = 1000, reports = 30000, rounds = 3, answers = 30000;
    const struct bench_option options[] = {
        {"--url", &url, NULL, "https://HOST:PORT"},
        {"--ca", &ca, NULL, "FILE of the server's authority"},
        {"--fleet", &path, NULL, "FILE of bench_enrol"},
        {"--dir", &dir, NULL, "FOLDER for the reference database, on the server's disk"},
        {"--raw-url", &raw_url, NULL, "of bench_raw, same certificate"},
        {"--raw-pid", NULL, &raw_pid, "of bench_raw"},
        {"--pid", NULL, &pid, "of the server"},
        {"--machines", NULL, &machines, "that report (1000)"},
        {"--reports", NULL, &reports, "in each round (30000)"},
        {"--answers", NULL, &answers, "without a report, for comparison, in each round (30000)"},
        {"--rounds", NULL, &rounds, "(3); medians are printed"},
    };
    bench_options(options, sizeof options / sizeof *options, argc, argv);
    struct fleet *f = fleet_load(path, (size_t)machines);
    struct load report = {.client = client_new(url, ca), .fleet = f, .pid = pid}, health = report,
                raw = report;
    health.fleet = NULL;
    struct sender *report_senders = connect_all(&report), *health_senders = connect_all(&health),
                  *raw_senders = NULL;
    for (size_t i = 0; i < LINKS; i++)
        health_senders[i].link = report_senders[i].link;
    if (*raw_url) {
        raw.client = client_new(raw_url, ca);
        raw.pid = raw_pid;
        raw_senders = connect_all(&raw);
    }
    struct buf body;
    buf_init(&body, 4096);
    fleet_report(f, &f->machines[0], &body);
    f->machines[0].seq = 0;
    bench_say("reports: %zu bytes of JSON each, %lld machines, %d connections, %lld a round", body.n,
              (long long)machines, LINKS, (long long)reports);
    buf_free(&body);
    run(&report, report_senders, (size_t)machines + LINKS); /* every machine's first sync and first failure */
    if (raw_senders)
        run(&raw, raw_senders, LINKS);
    struct rounds r = {0};
    for (int64_t i = 0; i < rounds; i++) {
        struct cost tls = run(&health, health_senders, (size_t)answers),
                    cost = run(&report, report_senders, (size_t)reports);
        double sqlite = sqlite_cost(dir, f, (size_t)reports);
        bench_add(&r.tls, tls.cpu_s);
        bench_add(&r.report, cost.cpu_s);
        bench_add(&r.per_s, cost.per_s);
        bench_add(&r.p50, cost.p50_ms);
        bench_add(&r.p99, cost.p99_ms);
        bench_add(&r.sqlite, sqlite);
        bench_say(
            "round %d: report %.3f CPU-s, %.0f/s, p50 %.1f p99 %.1f ms; healthz %.3f, %.0f/s; SQLite %.3f",
            (int)i + 1, cost.cpu_s, cost.per_s, cost.p50_ms, cost.p99_ms, tls.cpu_s, tls.per_s, sqlite);
        if (!raw_senders)
            continue;
        struct cost bare = run(&raw, raw_senders, (size_t)reports);
        bench_add(&r.raw, bare.cpu_s);
        bench_add(&r.raw_per_s, bare.per_s);
        bench_say("         bare %.3f CPU-s, %.0f/s, p50 %.1f p99 %.1f ms", bare.cpu_s, bare.per_s,
                  bare.p50_ms, bare.p99_ms);
    }
    print(&r, raw_senders != NULL);
    return 0;
}
