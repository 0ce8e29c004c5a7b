/* Settings: policy first, then the command line over it. */
#include "command_list.h"

#include "mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CA_MAX_BYTES = 256 * 1024, TAGS_MAX = (int)(sizeof((struct agent_config *)0)->tags / sizeof(char *)) };

static bool file_read_stdio(const char *path, struct buf *out, struct err *e)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    char part[4096];
    for (size_t n; (n = fread(part, 1, sizeof part, f)) > 0;)
        buf_append(out, part, n);
    bool bad = ferror(f) != 0;
    fclose(f);
    if (bad)
        return err_set(e, ERR_IO, "%s: can't be read", path);
    return buf_check(out, path, e);
}

static void list_clear(char **list, int *count)
{
    for (int i = 0; i < *count; i++) {
        mem_free(list[i]);
        list[i] = NULL;
    }
    *count = 0;
}

/* What the command line gives replaces the whole list. */
static bool take_list(const struct args *a, const char *flag, char **list, int *count, int max, struct err *e)
{
    if (!args_has(a, flag))
        return true;
    list_clear(list, count);
    for (const char *v; (v = args_nth(a, flag, *count));) {
        if (*count == max)
            return err_set(e, ERR_INVALID, "--%s: at most %d", flag, max);
        list[(*count)++] = mem_strdup(v);
    }
    return true;
}

static void take_text(const struct args *a, const char *flag, char **field)
{
    const char *v = args_get(a, flag);
    if (!v)
        return;
    mem_free(*field);
    *field = mem_strdup(v);
}

static bool take_ca(struct program *p, struct err *e)
{
    const char *path = args_get(&p->args, "ca");
    struct buf pem;
    if (!path)
        return true;
    buf_init(&pem, CA_MAX_BYTES);
    bool ok = (p->platform->file_read ? p->platform->file_read : file_read_stdio)(path, &pem, e);
    if (ok) {
        mem_free(p->config.ca_pem);
        p->config.ca_pem = buf_take(&pem);
    }
    buf_free(&pem);
    return ok || err_wrap(e, "--ca");
}

bool program_config(struct program *p, struct err *e)
{
    struct agent_config *c = &p->config;
    if (p->platform->config_read && !p->platform->config_read(c, e))
        return false;
    take_text(&p->args, "token", &c->enroll_token);
    take_text(&p->args, "proxy", &c->proxy);
    return take_list(&p->args, "server", c->server_urls, &c->server_count, CONFIG_LIST_MAX, e) &&
           take_list(&p->args, "order-key", c->order_keys, &c->order_key_count, CONFIG_LIST_MAX, e) &&
           take_list(&p->args, "tls-pin", c->tls_pins, &c->tls_pin_count, CONFIG_LIST_MAX, e) &&
           take_list(&p->args, "tag", c->tags, &c->tag_count, TAGS_MAX, e) && take_ca(p, e) &&
           agent_config_check(c, e);
}

const char *program_state_dir(const struct program *p, struct err *e)
{
    const char *dir = args_get(&p->args, "state");
    if (!dir || !dir[0])
        dir = p->platform->default_state_dir;
    if (!dir)
        err_set(e, ERR_INVALID, "--state DIR is missing: where the agent keeps its state");
    return dir;
}
