/* The simulated Windows on disk: lines of `name value`, so that the agent's death or a restart changes nothing in it. */
#include "sim_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define STATE_FILE "windows.state"

enum { STATE_MAX_BYTES = 16 * 1024, LINE_BYTES = 200 };

static void put_backups(const struct sim_machine *m, struct buf *out)
{
    for (int i = 0; i < SIM_BACKUPS_MAX; i++) {
        const struct sim_backup *b = &m->backups[i];
        if (b->used)
            buf_printf(out, "backup %d %d %" PRId64 " %s\n", (int)b->place, b->healthy, b->size_bytes, b->tag);
    }
}

void sim_state_save(struct sim_machine *m)
{
    struct buf out;
    buf_init(&out, STATE_MAX_BYTES);
    buf_printf(&out, "clock_offset_ms %" PRId64 "\nhealed %d\nsilent %d\nlog_identity %" PRId64 "\nattempts %" PRId64 "\n",
               m->clock_offset_ms, m->healed, m->silent, m->log_identity, m->attempts);
    for (int s = 0; s < SERVICE_COUNT; s++)
        buf_printf(&out, "service %d %d %d %d\n", s, (int)m->services[s].info.state, (int)m->services[s].info.start,
                   m->services[s].info.delayed);
    for (int p = 0; p < PLACE_COUNT; p++)
        buf_printf(&out, "place %d %d %" PRId64 " %" PRId64 "\n", p, m->places[p].exists, m->places[p].size_bytes,
                   m->places[p].changed_ms);
    put_backups(m, &out);
    sim_store_replace(m->windows_files, STATE_FILE, buf_slice(&out), NULL);
    buf_free(&out);
}

/* Up to four numbers behind the name; what is left of the line is text. */
struct words {
    int64_t n[4];
    const char *text;
};

static void words_read(const char *p, struct words *w)
{
    *w = (struct words){.text = ""};
    for (int i = 0; i < 4 && *p == ' '; i++) {
        char *end;
        long long v = strtoll(p + 1, &end, 10);
        if (end == p + 1 || (*end && *end != ' '))
            break;
        w->n[i] = v;
        p = end;
        w->text = *p == ' ' ? p + 1 : "";
    }
}

static bool read_service(struct sim_machine *m, const struct words *w)
{
    if (w->n[0] < 0 || w->n[0] >= SERVICE_COUNT)
        return false;
    struct service_info *info = &m->services[w->n[0]].info;
    *info = (struct service_info){(enum service_state)w->n[1], (enum service_start)w->n[2], w->n[3] != 0};
    return true;
}

static bool read_place(struct sim_machine *m, const struct words *w)
{
    if (w->n[0] < 0 || w->n[0] >= PLACE_COUNT)
        return false;
    m->places[w->n[0]] = (struct sim_place){w->n[1] != 0, w->n[2], w->n[3]};
    return true;
}

static bool read_backup(struct sim_machine *m, const char *line)
{
    int place, healthy;
    int64_t size;
    char tag[SIM_TAG_MAX];
    if (sscanf(line, " %d %d %" SCNd64 " %47s", &place, &healthy, &size, tag) != 4 || place < 0 || place >= PLACE_COUNT)
        return false;
    for (int i = 0; i < SIM_BACKUPS_MAX; i++)
        if (!m->backups[i].used) {
            m->backups[i] = (struct sim_backup){
                .used = true, .healthy = healthy != 0, .place = (enum machine_place)place, .size_bytes = size};
            snprintf(m->backups[i].tag, sizeof m->backups[i].tag, "%s", tag);
            return true;
        }
    return false;
}

static bool read_line(struct sim_machine *m, const char *line)
{
    size_t n = strcspn(line, " ");
    struct slice name = slice_make(line, n);
    struct words w;
    words_read(line + n, &w);
    if (slice_eqz(name, "service"))
        return read_service(m, &w);
    if (slice_eqz(name, "place"))
        return read_place(m, &w);
    if (slice_eqz(name, "backup"))
        return read_backup(m, line + n);
    const struct {
        const char *name;
        int64_t *number;
        bool *yes;
    } singles[] = {
        {"clock_offset_ms", &m->clock_offset_ms, NULL}, {"healed", NULL, &m->healed}, {"silent", NULL, &m->silent},
        {"log_identity", &m->log_identity, NULL},       {"attempts", &m->attempts, NULL},
    };
    for (size_t i = 0; i < sizeof singles / sizeof *singles; i++)
        if (slice_eqz(name, singles[i].name)) {
            if (singles[i].number)
                *singles[i].number = w.n[0];
            else
                *singles[i].yes = w.n[0] != 0;
            return true;
        }
    return false;
}

bool sim_state_load(struct sim_machine *m, struct err *e)
{
    struct buf text;
    bool ok = true;
    buf_init(&text, STATE_MAX_BYTES);
    enum machine_status status = sim_store_read(m->windows_files, STATE_FILE, &text, e);
    if (status == MACHINE_FAILED || status == MACHINE_DENIED)
        ok = false;
    const char *p = buf_text(&text);
    while (ok && *p) {
        char line[LINE_BYTES];
        size_t n = strcspn(p, "\n");
        snprintf(line, sizeof line, "%.*s", (int)n, p);
        ok = read_line(m, line) || err_set(e, ERR_INVALID, "%s: can't be read at \"%.40s\"", STATE_FILE, line);
        p += n + (p[n] == '\n');
    }
    buf_free(&text);
    return ok;
}
