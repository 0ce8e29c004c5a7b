/* Copies of the database: made while the server runs, put back while it does not. */
#include "program.h"

#include "files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int end(const char *command, bool ok, const struct err *e)
{
    if (!ok)
        fprintf(stderr, "fleetmend-server %s: %s\n", command, e->text);
    return ok                         ? 0
           : e->kind == ERR_INVALID   ? 2
           : e->kind == ERR_NOT_FOUND ? 3
           : e->kind == ERR_CONFLICT  ? 5
                                      : 1;
}

static bool check_folder(const char *dir, char path[DATA_PATH_MAX], struct err *e)
{
    snprintf(path, DATA_PATH_MAX, "%s/fleetmend.db", dir);
    return access(path, R_OK) == 0 || err_set(e, ERR_NOT_FOUND, "%s: %s", path, strerror(errno));
}

/* A reader copies a consistent state and disturbs nobody. */
static bool back_up(const char *dir, const char *to, struct err *e)
{
    char path[DATA_PATH_MAX], url[DATA_PATH_MAX + 10];
    if (!check_folder(dir, path, e))
        return false;
    if (access(to, F_OK) == 0)
        return err_set(e, ERR_CONFLICT, "%s exists: name a new file", to);
    snprintf(url, sizeof url, "sqlite:%s", path);
    struct store *s = store_open(url, DB_READER, e);
    bool ok = s && db_backup(store_db(s), to, e);
    store_close(s);
    return ok;
}

int command_backup(int argc, char **argv)
{
    const char *data = NULL, *to = NULL;
    const struct option_row rows[] = {{"--data", &data, NULL, true, "the server's folder"},
                                      {"--to", &to, NULL, true, "the new file"}};
    struct err e = {0};
    int n = 0;
    bool ok = options_parse(rows, 2, argc, argv, NULL, 0, &n, &e) && back_up(data, to, &e);
    if (ok)
        printf("backed up to %s\n", to);
    return end("backup", ok, &e);
}

/* A new epoch tells every agent that the server may know less than it said: they send again what it lacks. */
static bool mark_restored(const char *path, struct err *e)
{
    char url[DATA_PATH_MAX + 40], epoch[33];
    snprintf(url, sizeof url, "sqlite:%s", path);
    random_hex(16, epoch);
    struct store *s = store_open(url, DB_WRITER, e);
    bool ok = s && db_begin(store_db(s), e);
    if (ok) {
        ok = store_meta_set(s, "epoch", epoch, e) &&
             store_audit_add(s, clock_wall_ms(&clock_system), "host", "server.restore", epoch, "{}", e);
        if (ok)
            ok = db_commit(store_db(s), e);
        else
            db_rollback(store_db(s));
    }
    store_close(s);
    return ok;
}

static bool copy_file(const char *from, const char *to, struct err *e)
{
    char url[DATA_PATH_MAX + 10];
    snprintf(url, sizeof url, "sqlite:%s", from);
    struct store *s = store_open(url, DB_READER, e);
    bool ok = s && db_backup(store_db(s), to, e);
    store_close(s);
    return ok || err_wrap(e, "%s", from);
}

/* Closing the last writer folds the journal into the file, so that the file alone is the old state. */
static bool settle_old(const char *path, struct err *e)
{
    char url[DATA_PATH_MAX + 10];
    if (access(path, F_OK) != 0)
        return true;
    snprintf(url, sizeof url, "sqlite:%s", path);
    struct store *s = store_open(url, DB_WRITER, e);
    store_close(s);
    return s != NULL;
}

static bool restore(const char *dir, const char *from, char before[DATA_PATH_MAX + 60], struct err *e)
{
    char path[DATA_PATH_MAX], fresh[DATA_PATH_MAX + 20];
    snprintf(path, sizeof path, "%s/fleetmend.db", dir);
    snprintf(fresh, sizeof fresh, "%s/restoring.db", dir);
    snprintf(before, DATA_PATH_MAX + 60, "%s/before-restore-%" PRId64 ".db", dir,
             clock_wall_ms(&clock_system) / 1000);
    if (access(from, R_OK) != 0)
        return err_set(e, ERR_NOT_FOUND, "%s: %s", from, strerror(errno));
    if (!folder_lock(dir, e))
        return false;
    unlink(fresh); /* of a restore that was cut off */
    if (!copy_file(from, fresh, e) || !mark_restored(fresh, e) || !settle_old(path, e))
        return false;
    if (access(path, F_OK) == 0 && link(path, before) != 0)
        return err_set(e, ERR_IO, "%s: %s", before, strerror(errno));
    return rename(fresh, path) == 0 || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

int command_restore(int argc, char **argv)
{
    const char *data = NULL, *from = NULL;
    char before[DATA_PATH_MAX + 60];
    const struct option_row rows[] = {
        {"--data", &data, NULL, true, "the server's folder; no server may run there"},
        {"--from", &from, NULL, true, "a file made by backup"}};
    struct err e = {0};
    int n = 0;
    bool ok = options_parse(rows, 2, argc, argv, NULL, 0, &n, &e) && restore(data, from, before, &e);
    if (ok)
        printf("restored from %s; the database of before is %s\nagents send again what it lacks\n", from,
               before);
    return end("restore", ok, &e);
}

int command_migrate(int argc, char **argv)
{
    const char *data = NULL;
    char path[DATA_PATH_MAX];
    const struct option_row rows[] = {
        {"--data", &data, NULL, true, "the server's folder; no server may run there"}};
    struct err e = {0};
    int n = 0;
    bool ok = options_parse(rows, 1, argc, argv, NULL, 0, &n, &e) && check_folder(data, path, &e) &&
              folder_lock(data, &e) && settle_old(path, &e);
    if (ok)
        printf("the database has schema %d\n", STORE_SCHEMA);
    return end("migrate", ok, &e);
}
