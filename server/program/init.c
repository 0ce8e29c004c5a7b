/* `init`: everything a server needs, made in a folder beside and put in place by one rename: all of it or
 * nothing. */
#include "program.h"

#include "files.h"
#include "json.h"
#include "mem.h"
#include "pki.h"
#include "text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FIRST_TOKEN_DAYS = 30, ALL_ROLES = 4 | 8 | 16 | 32 };

struct init {
    const char *data, *listen, *agent_listen, *url, *admin, *password_file;
    bool lab, json;
    char work[DATA_PATH_MAX];
    struct settings settings;
    struct pki_names names;
    char order_pin[PIN_TEXT_MAX], enroll_token[65];
};

static bool check_names(struct init *in, struct err *e)
{
    char host[256], name[256] = "";
    int port;
    if (!address_split(in->listen, host, &port, e))
        return err_wrap(e, "--listen");
    if (in->agent_listen && !address_split(in->agent_listen, host, &port, e))
        return err_wrap(e, "--agent-listen");
    address_split(in->listen, host, &port, NULL);
    settings_default(&in->settings);
    snprintf(in->settings.listen, SETTING_TEXT_MAX, "%s", in->listen);
    snprintf(in->settings.agent_listen, SETTING_TEXT_MAX, "%s", in->agent_listen ? in->agent_listen : "");
    if (in->url)
        snprintf(in->settings.url, SETTING_TEXT_MAX, "%s", in->url);
    else
        default_url(host, port, in->settings.url);
    size_t n = strlen(in->settings.url);
    while (n && in->settings.url[n - 1] == '/')
        in->settings.url[--n] = '\0';
    if (in->lab) {
        in->settings.lab = true;
        in->settings.soak_min = 0;
        in->settings.pace = false;
    }
    pki_names_add(&in->names, "localhost");
    if (gethostname(name, sizeof name) == 0)
        pki_names_add(&in->names, name);
    if (strcmp(host, "0.0.0.0") != 0 && strcmp(host, "::") != 0)
        pki_names_add(&in->names, host);
    if (!url_host(in->settings.url, host, e))
        return false;
    pki_names_add(&in->names, host);
    return true;
}

static bool check_admin(const struct init *in, struct err *e)
{
    size_t n = strlen(in->admin);
    if (n < 1 || n > 60 ||
        strspn(in->admin, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@-") != n)
        return err_set(e, ERR_INVALID, "--admin: 1 to 60 of letters, digits and . _ @ -");
    return true;
}

static bool check_folder(const struct init *in, struct err *e)
{
    DIR *d = opendir(in->data);
    if (!d)
        return errno == ENOENT || err_set(e, ERR_IO, "%s: %s", in->data, strerror(errno));
    int entries = 0;
    while (readdir(d))
        entries++;
    closedir(d);
    return entries <= 2 ||
           err_set(e, ERR_CONFLICT, "%s is not empty: name a new folder for --data", in->data);
}

static bool add_first_rows(struct init *in, struct store *s, const char *hash, struct err *e)
{
    char digest[65], id[33], epoch[33];
    int64_t now = clock_wall_ms(&clock_system), user_id;
    random_hex(32, in->enroll_token);
    random_hex(16, id);
    random_hex(16, epoch);
    sha256_hex(slice_of(in->enroll_token), digest);
    struct user_row user = {.name = in->admin, .password_hash = hash, .roles = ALL_ROLES, .created_ms = now};
    struct enroll_token_row token = {.id = id,
                                     .sha256 = digest,
                                     .name = "first",
                                     .tags = "",
                                     .created_ms = now,
                                     .expires_ms = now + INT64_C(86400000) * FIRST_TOKEN_DAYS};
    return store_meta_set(s, "epoch", epoch, e) && store_meta_set(s, "time_epoch", "0", e) &&
           store_user_add(s, &user, &user_id, e) && store_enroll_token_add(s, &token, e) &&
           store_audit_add(s, now, "host", "server.init", in->admin, "{}", e);
}

static bool make_database(struct init *in, struct err *e)
{
    bool ok = false;
    char url[DATA_PATH_MAX + 40], hash[PASSWORD_HASH_MAX];
    struct buf password;
    struct store *s = NULL;
    buf_init(&password, 1024);
    if (!file_load_secret(in->password_file, &password, e)) {
        err_wrap(e, "--password-file");
        goto out;
    }
    if (!password_hash(buf_text(&password), hash, e)) {
        err_wrap(e, "--password-file %s", in->password_file);
        goto out;
    }
    snprintf(url, sizeof url, "sqlite:%s/fleetmend.db", in->work);
    if (!(s = store_open(url, DB_WRITER, e)) || !db_begin(store_db(s), e))
        goto out;
    ok = add_first_rows(in, s, hash, e);
    if (ok)
        ok = db_commit(store_db(s), e);
    else
        db_rollback(store_db(s));
out:
    store_close(s);
    if (password.p)
        mem_wipe(password.p, password.n);
    buf_free(&password);
    return ok;
}

static bool make_all(struct init *in, struct err *e)
{
    char path[DATA_PATH_MAX + 40];
    struct fleet f = {0};
    struct buf conf;
    buf_init(&conf, 16 * 1024);
    settings_print(&in->settings, &conf);
    snprintf(path, sizeof path, "%s/tls", in->work);
    bool ok = folder_make(in->work, 0700, e) && folder_make(path, 0755, e) &&
              pki_make_ca(path, "Fleetmend CA", e) && pki_make_server(path, &in->names, e);
    snprintf(path, sizeof path, "%s/keys", in->work);
    ok = ok && folder_make(path, 0700, e) && keys_make(in->work, e) && keys_load(in->work, &f, e);
    if (ok)
        keys_order_pin(&f, in->order_pin);
    sign_key_free(f.order_key);
    snprintf(path, sizeof path, "%s/server.conf", in->work);
    ok = ok && make_database(in, e) && file_create(path, buf_slice(&conf), 0644, e);
    buf_free(&conf);
    if (ok && rename(in->work, in->data) != 0)
        ok = err_set(e, ERR_IO, "%s: %s", in->data, strerror(errno));
    return ok;
}

/* Only what this run made: the folder's name is its own. */
static void remove_work(const char *dir)
{
    static const char *const names[] = {
        "tls/ca.key",      "tls/ca.pem",   "tls/server.key",   "tls/server.pem",   "keys/order.key",
        "keys/ticket.key", "fleetmend.db", "fleetmend.db-wal", "fleetmend.db-shm", "server.conf"};
    char path[DATA_PATH_MAX + 40];
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    static const char *const folders[] = {"tls", "keys", "."};
    for (size_t i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, folders[i]);
        rmdir(i == 2 ? dir : path);
    }
}

static void print_result(const struct init *in)
{
    char ca[DATA_PATH_MAX + 40], *real = realpath(in->data, NULL);
    snprintf(ca, sizeof ca, "%s/tls/ca.pem", real ? real : in->data);
    free(real);
    if (!in->json) {
        printf("Server made in %s\n\n  URL              %s\n  CA               %s\n  order key        %s\n"
               "  enrolment token  %s   (30 days)\n\nStart it:  fleetmend-server serve --data %s\n"
               "Log in:    fleetmend login %s --ca %s --user %s\n",
               in->data, in->settings.url, ca, in->order_pin, in->enroll_token, in->data, in->settings.url,
               ca, in->admin);
        return;
    }
    struct buf out;
    buf_init(&out, 16 * 1024);
    struct json_writer w = {.out = &out};
    json_begin(&w, '{');
    json_member_string(&w, "url", in->settings.url);
    json_member_string(&w, "ca", ca);
    json_member_string(&w, "order_key", in->order_pin);
    json_member_string(&w, "enroll_token", in->enroll_token);
    json_end(&w, '}');
    printf("%s\n", buf_text(&out));
    buf_free(&out);
}

int command_init(int argc, char **argv)
{
    struct init in = {.listen = "0.0.0.0:8443"};
    const struct option_row rows[] = {
        {"--data", &in.data, NULL, true, "the server's folder, new or empty"},
        {"--listen", &in.listen, NULL, false, "HOST:PORT, default 0.0.0.0:8443"},
        {"--agent-listen", &in.agent_listen, NULL, false, "HOST:PORT that serves agents alone"},
        {"--url", &in.url, NULL, false, "https://NAME[:PORT] by which agents and admins reach it"},
        {"--admin", &in.admin, NULL, true, "name of the first admin"},
        {"--password-file", &in.password_file, NULL, true, "file with the admin's password"},
        {"--lab", NULL, &in.lab, false, "no soak and no pace: demos and tests"},
        {"--json", NULL, &in.json, false, "print url, ca, order_key and enroll_token as JSON"},
    };
    struct err e = {0};
    int rest = 0;
    if (!options_parse(rows, sizeof rows / sizeof *rows, argc, argv, NULL, 0, &rest, &e) ||
        !check_names(&in, &e) || !check_admin(&in, &e)) {
        fprintf(stderr, "fleetmend-server init: %s\n", e.text);
        return 2;
    }
    snprintf(in.work, sizeof in.work, "%s.new-%ld", in.data, (long)getpid());
    bool ok = check_folder(&in, &e) && make_all(&in, &e);
    if (!ok) {
        remove_work(in.work);
        fprintf(stderr, "fleetmend-server init: %s; nothing was made\n", e.text);
        return e.kind == ERR_CONFLICT ? 5 : e.kind == ERR_INVALID ? 2 : 1;
    }
    print_result(&in);
    return 0;
}
