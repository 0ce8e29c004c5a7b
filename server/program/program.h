/* The parts of the server program. */
#ifndef FLEETMEND_PROGRAM_H
#define FLEETMEND_PROGRAM_H

#include "fleet.h"
#include "settings.h"

enum { DATA_PATH_MAX = 4096 };

/* ---- keys: DIR/keys ---- */
bool keys_make(const char *dir, struct err *e);
/* Fills order_key, order_spki and ticket_key of the fleet. */
bool keys_load(const char *dir, struct fleet *f, struct err *e);
void keys_order_pin(const struct fleet *f, char out[PIN_TEXT_MAX]);

/* ---- names and addresses ---- */
/* "HOST:PORT" or "[::1]:PORT" taken apart. */
bool address_split(const char *text, char host[256], int *port, struct err *e);
/* The URL that is meant when none is given. */
void default_url(const char *host, int port, char out[SETTING_TEXT_MAX]);
bool url_host(const char *url, char host[256], struct err *e);

/* ---- commands: argv without the program's name; they return the exit status ---- */
int command_init(int argc, char **argv);
int command_serve(int argc, char **argv);
/* clock accept, user add, token, check: by the running server's control socket, else with the lock. */
int command_control(int argc, char **argv);
int command_backup(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_migrate(int argc, char **argv);

/* One command line option with a value: --name value. */
struct option_row {
    const char *name;
    const char **value; /* NULL: a switch */
    bool *on;
    bool required;
    const char *help;
};
/* Unknown options and missing values are usage errors; operands go to rest (at most max). */
bool options_parse(const struct option_row *rows, size_t n, int argc, char **argv, const char **rest, int max,
                   int *count, struct err *e);

/* What a running server and a stopped one both can do: one request object in, one JSON answer out. */
bool control_run(struct fleet *f, struct store *s, const struct json *request, struct buf *out,
                 struct err *e);

struct control;
/* Serves DIR/control.sock on a thread of its own; only the same user and root may speak there. */
struct control *control_start(const char *dir, struct fleet *f, struct err *e);
void control_stop(struct control *);

#endif
