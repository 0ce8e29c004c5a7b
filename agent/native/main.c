/* fleetmend-agent on Linux. */
#include "native.h"

#include <signal.h>

static struct host *volatile signalled;

static void on_signal(int signal)
{
    (void)signal;
    if (signalled)
        host_stop(signalled);
}

static void stop_by(struct host *host)
{
    signalled = host;
    struct sigaction action = {.sa_handler = host ? on_signal : SIG_DFL};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static const struct program_platform platform = {
    .about = "The Fleetmend agent over a simulated Windows: for tests and demonstrations. What it reports and repairs\n"
             "is simulated; `scan` reads real logs.",
    .notice = "the Windows it works on is simulated",
    .flags = simulated_flags,
    .machine_flags = simulated_flag_names,
    .state_lock = state_lock,
    .machine_open = simulated_open,
    .machine_close = simulated_close,
    .stop_by = stop_by,
};

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    return agent_main(argc, argv, &platform);
}
