/* What can be done on the host: by the running server over its socket, else here with the folder's lock. */
#include "program.h"

#include "files.h"
#include "mem.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 64 * 1024 };

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static const char *text_of(const struct json *request, const char *key, struct arena *a)
{
    struct slice s;
    return json_string(json_get(request, key), &s) ? arena_strndup(a, s.p, s.n) : "";
}

static void put_one(struct buf *out, const char *key, const char *value)
{
    struct json_writer w = {.out = out};
    json_begin(&w, '{');
    json_member_string(&w, key, value);
    json_end(&w, '}');
}

/* Raising the signed time epoch lets agents lower the floor they keep for the server's time. */
static bool clock_accept(struct fleet *f, struct store *s, const struct json *q, struct arena *a,
                         struct buf *out, struct err *e)
{
    (void)q;
    (void)a;
    char epoch[24], clock[24];
    int64_t now = clock_wall_ms(&clock_system);
    const char *stored;
    if (!store_meta_get(s, a, "time_epoch", &stored, e))
        return false;
    snprintf(epoch, sizeof epoch, "%" PRId64, (int64_t)strtoll(stored, NULL, 10) + 1);
    snprintf(clock, sizeof clock, "%" PRId64, now);
    if (!store_meta_set(s, "time_epoch", epoch, e) || !store_meta_set(s, "clock", clock, e) ||
        !store_audit_add(s, now, "host", "clock.accept", epoch, "{}", e))
        return false;
    if (f) {
        f->time_epoch = strtoll(epoch, NULL, 10);
        f->clock_doubtful = false;
    }
    put_one(out, "time_epoch", epoch);
    return true;
}

static bool user_add(struct fleet *f, struct store *s, const struct json *q, struct arena *a, struct buf *out,
                     struct err *e)
{
    char hash[PASSWORD_HASH_MAX];
    struct user_row u = {
        .name = text_of(q, "name", a), .password_hash = hash, .created_ms = clock_wall_ms(&clock_system)};
    if (!roles_parse(text_of(q, "roles", a), &u.roles, e) ||
        !password_hash(text_of(q, "password", a), hash, e))
        return false;
    if (!u.name[0])
        return err_set(e, ERR_INVALID, "--name is empty");
    if (!store_user_add(s, &u, &u.id, e) ||
        !store_audit_add(s, u.created_ms, "host", "user.add", u.name, "{}", e))
        return e->kind == ERR_CONFLICT ? err_set(e, ERR_CONFLICT, "there is a user %s already", u.name)
                                       : false;
    if (f)
        accounts_put_user(f->accounts, &u);
    put_one(out, "user", u.name);
    return true;
}

static bool enroll_token(struct fleet *f, struct store *s, const struct json *q, struct arena *a,
                         struct buf *out, struct err *e)
{
    (void)f;
    char secret[65], digest[65], id[33];
    int64_t now = clock_wall_ms(&clock_system);
    random_hex(32, secret);
    random_hex(16, id);
    sha256_hex(slice_of(secret), digest);
    struct enroll_token_row t = {.id = id,
                                 .sha256 = digest,
                                 .name = text_of(q, "name", a),
                                 .tags = "",
                                 .created_ms = now,
                                 .expires_ms = now + 30 * DAY_MS};
    if (!store_enroll_token_add(s, &t, e) ||
        !store_audit_add(s, now, "host", "token.create_enroll", id, "{}", e))
        return false;
    put_one(out, "enroll_token", secret);
    return true;
}

static bool check(struct fleet *f, struct store *s, const struct json *q, struct arena *a, struct buf *out,
                  struct err *e)
{
    (void)f;
    (void)q;
    (void)a;
    int64_t rows = 0;
    if (!store_audit_verify(s, &rows, e))
        return false;
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, rows);
    put_one(out, "audit_rows_verified", text);
    return true;
}

static const struct {
    const char *name, *help;
    bool (*run)(struct fleet *, struct store *, const struct json *, struct arena *, struct buf *,
                struct err *);
} commands[] = {
    {"clock accept", "the server's clock is right again: sign orders and time as before", clock_accept},
    {"user add", "--name NAME --roles viewer,operator,approver,admin --password-file F", user_add},
    {"token", "[--name NAME]: a new enrolment token, 30 days, unlimited uses", enroll_token},
    {"check", "verifies the audit chain", check},
};

bool control_run(struct fleet *f, struct store *s, const struct json *request, struct buf *out, struct err *e)
{
    struct arena a = {0};
    const char *name = text_of(request, "command", &a);
    bool ok = false, found = false;
    for (size_t i = 0; i < sizeof commands / sizeof *commands && !found; i++)
        if ((found = strcmp(commands[i].name, name) == 0))
            ok = commands[i].run(f, s, request, &a, out, e);
    if (!found)
        err_set(e, ERR_INVALID, "unknown command \"%.40s\"", name);
    arena_free(&a);
    return ok;
}

/* ---- the client's side ---- */

static int connect_server(const char *dir)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int n = snprintf(address.sun_path, sizeof address.sun_path, "%s/control.sock", dir);
    int fd = n < (int)sizeof address.sun_path ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool ask_server(int fd, struct slice request, struct buf *answer, struct err *e)
{
    char chunk[4096];
    ssize_t n;
    if (send(fd, request.p, request.n, MSG_NOSIGNAL) != (ssize_t)request.n ||
        send(fd, "\n", 1, MSG_NOSIGNAL) != 1)
        return err_set(e, ERR_IO, "control socket: %s", strerror(errno));
    while ((n = read(fd, chunk, sizeof chunk)) > 0)
        buf_append(answer, chunk, (size_t)n);
    struct json *j = json_parse(buf_slice(answer), e);
    struct slice text;
    bool failed = j && json_string(json_get(j, "error"), &text);
    if (failed)
        err_set(e, ERR_INVALID, "%.*s", SLICE_ARG(text));
    json_free(j);
    return j && !failed;
}

static bool do_it_here(const char *dir, struct slice request, struct buf *answer, struct err *e)
{
    char conf[DATA_PATH_MAX], url[DATA_PATH_MAX];
    struct settings settings;
    snprintf(conf, sizeof conf, "%s/server.conf", dir);
    if (!settings_load(conf, &settings, e) || !folder_lock(dir, e))
        return false;
    snprintf(url, sizeof url, "sqlite:%s/fleetmend.db", dir);
    struct store *s = store_open(url, DB_WRITER, e);
    struct json *j = json_parse(request, e);
    bool ok = s && j && db_begin(store_db(s), e);
    if (ok) {
        ok = control_run(NULL, s, j, answer, e);
        if (ok)
            ok = db_commit(store_db(s), e);
        else
            db_rollback(store_db(s));
    }
    json_free(j);
    store_close(s);
    return ok;
}

static bool build_request(const char *command, const char *name, const char *roles, const char *password_file,
                          struct buf *out, struct err *e)
{
    struct json_writer w = {.out = out};
    struct buf password;
    buf_init(&password, 1024);
    bool ok = !password_file || file_load_secret(password_file, &password, e);
    json_begin(&w, '{');
    json_member_string(&w, "command", command);
    json_member_string(&w, "name", name);
    json_member_string(&w, "roles", roles);
    json_member_string(&w, "password", buf_text(&password));
    json_end(&w, '}');
    buf_free(&password);
    return ok;
}

int command_control(int argc, char **argv)
{
    const char *data = NULL, *name = "", *roles = "viewer", *password_file = NULL, *words[3];
    const struct option_row rows[] = {{"--data", &data, NULL, true, "the server's folder"},
                                      {"--name", &name, NULL, false, ""},
                                      {"--roles", &roles, NULL, false, ""},
                                      {"--password-file", &password_file, NULL, false, ""}};
    struct err e = {0};
    int n = 0;
    char command[100] = "";
    if (!options_parse(rows, 4, argc, argv, words, 3, &n, &e)) {
        fprintf(stderr, "fleetmend-server: %s\n", e.text);
        return 2;
    }
    for (int i = 0; i < n; i++)
        snprintf(command + strlen(command), sizeof command - strlen(command), "%s%.40s", i ? " " : "",
                 words[i]);
    struct buf request, answer;
    buf_init(&request, ANSWER_MAX);
    buf_init(&answer, ANSWER_MAX);
    int fd = connect_server(data);
    bool ok = build_request(command, name, roles, password_file, &request, &e) &&
              (fd >= 0 ? ask_server(fd, buf_slice(&request), &answer, &e)
                       : do_it_here(data, buf_slice(&request), &answer, &e));
    if (fd >= 0)
        close(fd);
    if (ok)
        printf("%.*s%s", SLICE_ARG(buf_slice(&answer)), fd >= 0 ? "" : "\n");
    else
        fprintf(stderr, "fleetmend-server %s: %s\n", command, e.text);
    if (request.p)
        mem_wipe(request.p, request.n);
    buf_free(&request);
    buf_free(&answer);
    return ok ? 0 : e.kind == ERR_INVALID ? 2 : 1;
}
