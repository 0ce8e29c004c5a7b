/* What a waiting machine costs the server: user memory and CPU of N idle long polls over TLS. Beside it, in
 * the same run, N idle connections of nginx with the same certificate. */
#include "bench_fleet.h"
#include "bench_measure.h"
#include "mem.h"

#include <stdio.h>

/* When each machine was heard is stored in the seconds after; only then the server has nothing to do. */
enum { SETTLE_MS = 3000, SEEN_STORED_MS = 6000 };

struct memory_cost {
    double private_kb, rss_kb; /* a connection */
};

static struct memory_cost cost_between(struct bench_memory before, struct bench_memory after, size_t n)
{
    return (struct memory_cost){(double)(after.private_kb - before.private_kb) / (double)n,
                                (double)(after.rss_kb - before.rss_kb) / (double)n};
}

struct gets {
    size_t left, bad;
};

static void on_get(void *ctx, struct link *l, const struct answer *a)
{
    struct gets *g = ctx;
    (void)l;
    g->left--;
    g->bad += a->status != 204 && a->status != 200;
}

/* One request on each connection, which then stays open. */
static struct memory_cost measure_nginx(const char *url, const char *ca, int64_t pid, size_t n)
{
    struct client *c = client_new(url, ca);
    struct bench_memory before = bench_memory_of(pid);
    struct gets g = {.left = n};
    for (size_t i = 0; i < n; i++)
        link_request(link_new(c), &(struct request){"GET", "/", NULL, slice_make(NULL, 0)}, on_get, &g);
    client_run_until_zero(c, &g.left);
    if (g.bad)
        bench_fail("nginx: %zu of %zu answers were not 204", g.bad, n);
    client_run_for(c, SETTLE_MS);
    struct memory_cost cost = cost_between(before, bench_memory_of(pid), n);
    client_free(c);
    return cost;
}

int main(int argc, char **argv)
{
    const char *url = NULL, *ca = NULL, *path = NULL, *nginx_url = "";
    int64_t pid = 0, nginx_pid = 0, machines = 10000, idle_s = 10;
    const struct bench_option options[] = {
        {"--url", &url, NULL, "https://HOST:PORT of a server just started"},
        {"--ca", &ca, NULL, "FILE of the server's authority"},
        {"--fleet", &path, NULL, "FILE of bench_enrol"},
        {"--nginx-url", &nginx_url, NULL, "https://HOST:PORT of nginx, same certificate"},
        {"--nginx-pid", NULL, &nginx_pid, "of the nginx that serves it"},
        {"--pid", NULL, &pid, "of the server"},
        {"--machines", NULL, &machines, "that wait (10000)"},
        {"--idle", NULL, &idle_s, "seconds of idling to measure CPU over (10)"},
    };
    bench_options(options, sizeof options / sizeof *options, argc, argv);
    bench_raise_files();
    size_t n = (size_t)machines;
    struct memory_cost nginx = {0};
    if (*nginx_url)
        nginx = measure_nginx(nginx_url, ca, nginx_pid, n);

    struct fleet *f = fleet_load(path, n);
    struct client *c = client_new(url, ca);
    struct bench_memory before = bench_memory_of(pid);
    double cpu_s = bench_cpu_s(pid);
    int64_t start_ns = bench_now_ns();
    fleet_park(f, c);
    double took_s = (double)(bench_now_ns() - start_ns) / 1e9;
    client_run_for(c, SETTLE_MS);
    struct memory_cost cost = cost_between(before, bench_memory_of(pid), n);
    double park_cpu_s = bench_cpu_s(pid) - cpu_s;
    client_run_for(c, SEEN_STORED_MS);
    cpu_s = bench_cpu_s(pid);
    client_run_for(c, idle_s * 1000);
    double idle_cpu = (bench_cpu_s(pid) - cpu_s) / (double)idle_s;
    if (f->failed)
        bench_fail("%zu polls failed", f->failed);

    bench_say("idle: %zu long polls; server before %lld kB private, %lld kB resident", n,
              (long long)before.private_kb, (long long)before.rss_kb);
    bench_row(bench_text("user memory per idle long poll at %zu, kB", n), bench_text("%.1f", cost.private_kb),
              "<= 18",
              *nginx_url ? bench_text("%.1f (nginx, idle)", nginx.private_kb) : "nginx is not installed",
              *nginx_url ? bench_text("%.2f", cost.private_kb / nginx.private_kb) : "");
    bench_row("  the same by resident size, kB", bench_text("%.1f", cost.rss_kb), "",
              *nginx_url ? bench_text("%.1f (nginx, idle)", nginx.rss_kb) : "",
              *nginx_url ? bench_text("%.2f", cost.rss_kb / nginx.rss_kb) : "");
    bench_row("  connecting and the first sync, CPU-ms a machine",
              bench_text("%.2f, %.0f/s", park_cpu_s * 1e3 / (double)n, (double)n / took_s), "<= 0.9", "", "");
    bench_row("  CPU of the server while all idle, % of a core", bench_text("%.1f", idle_cpu * 100),
              bench_text("<= %.1f", 8.0 * (double)n / 100000), "", "");
    client_free(c);
    fleet_free(f);
    return 0;
}
