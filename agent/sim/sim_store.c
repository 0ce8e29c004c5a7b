#include "sim_store.h"

#include "sim_disk.h"

#include "mem.h"

#include <stdio.h>

enum { FILE_MAX_BYTES = 64 << 20, NAME_BYTES = 100 };

struct sim_file {
    char name[NAME_BYTES];
    struct buf data;
    size_t synced;
    struct sim_file *next;
};

struct sim_store {
    struct sim_disk *disk; /* NULL: in memory */
    struct sim_file *files;
    bool killed;
};

struct sim_store *sim_store_new(const char *dir)
{
    struct sim_store *s = mem_zalloc(sizeof *s);
    s->disk = dir ? sim_disk_new(dir) : NULL;
    return s;
}

static struct sim_file **place_of(struct sim_store *s, const char *name)
{
    struct sim_file **f = &s->files;
    while (*f && strcmp((*f)->name, name) != 0)
        f = &(*f)->next;
    return f;
}

static struct sim_file *find(struct sim_store *s, const char *name)
{
    return *place_of(s, name);
}

static struct sim_file *find_or_make(struct sim_store *s, const char *name)
{
    struct sim_file **place = place_of(s, name);
    if (*place)
        return *place;
    struct sim_file *f = mem_zalloc(sizeof *f);
    snprintf(f->name, sizeof f->name, "%s", name);
    buf_init(&f->data, FILE_MAX_BYTES);
    return *place = f;
}

static void drop(struct sim_file **place)
{
    struct sim_file *f = *place;
    *place = f->next;
    buf_free(&f->data);
    mem_free(f);
}

void sim_store_free(struct sim_store *s)
{
    if (!s)
        return;
    while (s->files)
        drop(&s->files);
    sim_disk_free(s->disk);
    mem_free(s);
}

static enum machine_status absent(const char *name, struct err *e)
{
    err_set(e, ERR_NOT_FOUND, "%s: no such file", name);
    return MACHINE_ABSENT;
}

static enum machine_status full(const char *name, struct err *e)
{
    err_set(e, ERR_LIMIT, "%s: too long", name);
    return MACHINE_FAILED;
}

enum machine_status sim_store_read(struct sim_store *s, const char *name, struct buf *out, struct err *e)
{
    if (s->disk)
        return sim_disk_read(s->disk, name, out, e);
    struct sim_file *f = find(s, name);
    if (!f)
        return absent(name, e);
    return buf_append_slice(out, buf_slice(&f->data)) ? MACHINE_OK : full(name, e);
}

enum machine_status sim_store_replace(struct sim_store *s, const char *name, struct slice content, struct err *e)
{
    if (s->disk)
        return sim_disk_replace(s->disk, name, content, e);
    if (s->killed)
        return MACHINE_OK;
    struct sim_file *f = find_or_make(s, name);
    buf_free(&f->data); /* gives memory back: thousands of machines */
    f->synced = content.n;
    return buf_append_slice(&f->data, content) ? MACHINE_OK : full(name, e);
}

enum machine_status sim_store_append(struct sim_store *s, const char *name, struct slice content, bool sync,
                                     struct err *e)
{
    if (s->disk)
        return sim_disk_append(s->disk, name, content, sync, e);
    if (s->killed)
        return MACHINE_OK;
    struct sim_file *f = find_or_make(s, name);
    if (!buf_append_slice(&f->data, content))
        return full(name, e);
    if (sync)
        f->synced = f->data.n;
    return MACHINE_OK;
}

enum machine_status sim_store_remove(struct sim_store *s, const char *name, struct err *e)
{
    if (s->disk)
        return sim_disk_remove(s->disk, name, e);
    struct sim_file **f = place_of(s, name);
    if (*f && !s->killed)
        drop(f);
    return MACHINE_OK;
}

enum machine_status sim_store_rename(struct sim_store *s, const char *from, const char *to, struct err *e)
{
    if (s->disk)
        return sim_disk_rename(s->disk, from, to, e);
    struct sim_file *f = find(s, from);
    if (!f)
        return absent(from, e);
    struct sim_file **old = place_of(s, to);
    if (*old)
        drop(old);
    snprintf(f->name, sizeof f->name, "%s", to);
    return MACHINE_OK;
}

int64_t sim_store_size(struct sim_store *s, const char *name)
{
    if (s->disk)
        return sim_disk_size(s->disk, name);
    struct sim_file *f = find(s, name);
    return f ? (int64_t)f->data.n : -1;
}

enum machine_status sim_store_read_at(struct sim_store *s, const char *name, int64_t offset, void *p, size_t n,
                                      size_t *got, struct err *e)
{
    if (s->disk)
        return sim_disk_read_at(s->disk, name, offset, p, n, got, e);
    struct sim_file *f = find(s, name);
    *got = 0;
    if (!f)
        return absent(name, e);
    if (offset < 0 || offset >= (int64_t)f->data.n)
        return MACHINE_OK;
    size_t left = f->data.n - (size_t)offset;
    *got = n < left ? n : left;
    memcpy(p, f->data.p + offset, *got);
    return MACHINE_OK;
}

void sim_store_kill(struct sim_store *s)
{
    s->killed = true;
}

void sim_store_revive(struct sim_store *s, size_t tail)
{
    s->killed = false;
    for (struct sim_file *f = s->files; f; f = f->next) {
        size_t lost = f->data.n - f->synced;
        f->data.n -= lost > tail ? lost - tail : 0;
        f->synced = f->data.n;
    }
}
