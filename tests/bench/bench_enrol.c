/* Makes the fleet the other programs speak for, and says what enrolling costs the server. */
#include "bench_fleet.h"
#include "bench_measure.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    enum { LINKS = 64 };
    const char *url = NULL, *ca = NULL, *token = NULL, *out = NULL;
    int64_t pid = 0, machines = 10000;
    const struct bench_option options[] = {
        {"--url", &url, NULL, "https://HOST:PORT"},   {"--ca", &ca, NULL, "FILE of the server's authority"},
        {"--token", &token, NULL, "enrolment token"}, {"--out", &out, NULL, "FILE for the machines' tickets"},
        {"--pid", NULL, &pid, "of the server"},       {"--machines", NULL, &machines, "how many (10000)"},
    };
    bench_options(options, sizeof options / sizeof *options, argc, argv);
    struct client *c = client_new(url, ca);
    double cpu_s = bench_cpu_s(pid);
    int64_t start_ns = bench_now_ns();
    struct fleet *f = fleet_enrol(c, token, (size_t)machines, LINKS);
    double took_s = (double)(bench_now_ns() - start_ns) / 1e9;
    cpu_s = bench_cpu_s(pid) - cpu_s;
    fleet_save(f, out);
    bench_row("enrolment of a machine: time, enroll, session",
              bench_text("%.2f CPU-ms, %.0f/s", cpu_s * 1e3 / (double)machines, (double)machines / took_s),
              "", "", "");
    fleet_free(f);
    client_free(c);
    return 0;
}
