/* Which dependent services were stopped with which: kept in the agent's folder, because a crash between stop
 * and start must not leave a service down that nobody else remembers. */
#include "log.h"
#include "mem.h"
#include "parts.h"

static const char file_name[] = "dependents";

void service_memory_save(struct machine_windows *m)
{
    struct buf out;
    struct err e = {0};
    buf_init(&out, 256 * 1024);
    for (int s = 0; s < SERVICE_COUNT; s++)
        for (int i = 0; i < m->memory[s].dependent_count; i++) {
            buf_printf(&out, "%s\t", machine_service_name((enum machine_service)s));
            wide_append(&out, m->memory[s].dependents[i], wcslen(m->memory[s].dependents[i]));
            buf_putc(&out, '\n');
        }
    enum machine_status status = out.n > 0 ? windows_file_replace(m, file_name, buf_slice(&out), &e)
                                           : windows_file_remove(m, file_name, &e);
    if (status != MACHINE_OK)
        log_warn("service.dependents_not_saved error=%s", e.text);
    buf_free(&out);
}

static void line_take(struct machine_windows *m, char *line)
{
    char *tab = strchr(line, '\t');
    if (!tab)
        return;
    *tab = '\0';
    for (int s = 0; s < SERVICE_COUNT; s++) {
        struct service_memory *memory = &m->memory[s];
        if (strcmp(machine_service_name((enum machine_service)s), line) != 0 ||
            memory->dependent_count == DEPENDENTS_MAX)
            continue;
        wchar_t *name = wide_from_utf8(tab + 1);
        if (wcslen(name) < SERVICE_NAME_MAX)
            wcscpy_s(memory->dependents[memory->dependent_count++], SERVICE_NAME_MAX, name);
        mem_free(name);
    }
}

void service_memory_load(struct machine_windows *m)
{
    struct buf in;
    buf_init(&in, 256 * 1024);
    if (windows_file_read(m, file_name, &in, NULL) == MACHINE_OK && in.n > 0) {
        for (char *line = in.p, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
            *end = '\0';
            line_take(m, line);
        }
    }
    buf_free(&in);
}
