#include "command_list.h"

#include <stdio.h>

bool session_open(struct session *s, struct program *p, enum session_need need, struct err *e)
{
    const struct program_platform *platform = p->platform;
    *s = (struct session){.program = p};
    const char *dir = program_state_dir(p, e);
    if (!dir)
        return false;
    if (need == SESSION_SERVER && !program_config(p, e))
        return false;
    if (!platform->state_lock(dir, e))
        return false;
    if (platform->notice)
        fprintf(stderr, "fleetmend-agent: %s\n", platform->notice);
    s->machine = platform->machine_open(p, dir, e);
    if (!s->machine)
        return false;
    struct host_options o = {
        .machine = s->machine, .config = &p->config, .speed = p->speed, .offline = need == SESSION_OFFLINE};
    s->host = host_open(&o, e);
    if (!s->host) {
        session_close(s);
        return false;
    }
    if (platform->stop_by)
        platform->stop_by(s->host);
    return true;
}

void session_close(struct session *s)
{
    if (s->program->platform->stop_by)
        s->program->platform->stop_by(NULL);
    host_close(s->host);
    if (s->machine)
        s->program->platform->machine_close(s->machine);
    *s = (struct session){.program = s->program};
}
