/* Reading and replacing the configuration file. */
#include "config.h"

#include "json.h"
#include "mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONFIG_MAX_BYTES = 1 << 20 };

static bool read_all(int fd, const char *path, struct buf *out, struct err *e)
{
    char chunk[4096];
    for (;;) {
        ssize_t n = read(fd, chunk, sizeof chunk);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
        if (n == 0)
            break;
        buf_append(out, chunk, (size_t)n);
    }
    mem_wipe(chunk, sizeof chunk); /* it may have been a password */
    return buf_check(out, path, e);
}

bool config_slurp(const char *path, size_t max_bytes, struct buf *out, struct err *e)
{
    buf_init(out, max_bytes);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_set(e, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path, strerror(errno));
    bool ok = read_all(fd, path, out, e);
    close(fd);
    return ok;
}

static const char *text_of(const struct json *root, const char *key, struct arena *a)
{
    struct slice s;
    return json_string(json_get(root, key), &s) ? arena_strndup(a, s.p, s.n) : "";
}

static bool parse(const char *path, const struct buf *text, struct arena *a, struct config *out,
                  struct err *e)
{
    struct json *root = json_parse(buf_slice(text), e);
    if (!root)
        return err_wrap(e, "%s is damaged, remove it and log in again", path);
    out->url = text_of(root, "url", a);
    out->ca = text_of(root, "ca", a);
    out->token = text_of(root, "token", a);
    out->user = text_of(root, "user", a);
    json_int(json_get(root, "expires"), &out->expires_ms);
    json_free(root);
    return true;
}

bool config_read(const char *path, struct arena *a, struct config *out, bool *was_open, struct err *e)
{
    *out = (struct config){"", "", "", "", 0};
    *was_open = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    struct stat st;
    bool ok = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
    if (!ok)
        err_set(e, ERR_IO, "%s is not a file", path);
    else if (st.st_mode & 077) {
        *was_open = true;
        ok = fchmod(fd, 0600) == 0 ||
             err_set(e, ERR_DENIED, "%s can be read by others and can't be closed to them: %s", path,
                     strerror(errno));
    }
    struct buf text;
    buf_init(&text, CONFIG_MAX_BYTES);
    ok = ok && read_all(fd, path, &text, e) && parse(path, &text, a, out, e);
    if (text.p)
        mem_wipe(text.p, text.n);
    buf_free(&text);
    close(fd);
    return ok;
}

static bool make_folders(char *path, struct err *e)
{
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        int why = errno;
        if (!ok)
            err_set(e, ERR_IO, "can't make the folder %s: %s", path, strerror(why));
        *slash = '/';
        if (!ok)
            return false;
    }
    return true;
}

static void print_config(const struct config *c, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, "url", c->url);
    json_member_string(&w, "ca", c->ca);
    json_member_string(&w, "token", c->token);
    json_member_string(&w, "user", c->user);
    json_member_int(&w, "expires", c->expires_ms);
    json_end(&w, '}');
    buf_putc(out, '\n');
}

static bool write_all(int fd, struct slice s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return false;
        s = slice_make(s.p + n, s.n - (size_t)n);
    }
    return true;
}

static bool replace(const char *path, char *temporary, struct slice text, struct err *e)
{
    int fd = mkostemp(temporary, O_CLOEXEC); /* makes it 0600 */
    if (fd < 0)
        return err_set(e, ERR_IO, "%s: %s", temporary, strerror(errno));
    bool ok = write_all(fd, text) && fsync(fd) == 0;
    ok = close(fd) == 0 && ok;
    ok = ok && rename(temporary, path) == 0;
    if (!ok) {
        err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
        unlink(temporary);
    }
    return ok;
}

bool config_write(const char *path, const struct config *c, struct err *e)
{
    struct buf text, temporary;
    buf_init(&text, CONFIG_MAX_BYTES);
    buf_init(&temporary, 8192);
    print_config(c, &text);
    buf_printf(&temporary, "%s.XXXXXX", path);
    bool ok = buf_check(&text, "configuration", e) && buf_check(&temporary, "path", e) &&
              make_folders(temporary.p, e) && replace(path, temporary.p, buf_slice(&text), e);
    if (text.p)
        mem_wipe(text.p, text.n);
    buf_free(&text);
    buf_free(&temporary);
    return ok;
}
