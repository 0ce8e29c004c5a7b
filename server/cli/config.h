/* Where this user is logged in: one small JSON file, readable by him alone.
 *
 *   {"url": "https://fleet:8443", "ca": "-----BEGIN ...", "token": "...", "user": "...", "expires":
 * 1769846400000}
 *
 * The CA's text is copied into it, so the file it came from may go. FLEETMEND_URL, FLEETMEND_TOKEN and
 * FLEETMEND_CA (a file) stand above it, FLEETMEND_CONFIG names another file. A token goes only to the server
 * it was made by: with another URL in the environment, the file's token and CA are left alone. */
#ifndef FLEETMEND_CONFIG_H
#define FLEETMEND_CONFIG_H

#include "arena.h"
#include "buf.h"
#include "err.h"

#include <stdint.h>

struct config {
    const char *url, *ca, *token, *user; /* "" when not set */
    int64_t expires_ms;
};

/* The environment, given so that tests own it. NULL: not set. */
struct config_place {
    const char *url, *token, *ca_file, *config_file, *xdg_config_home, *home;
};

void config_place_look(struct config_place *);
/* The path of the file; ERR_UNAVAILABLE when neither HOME nor another place is known. */
const char *config_path(const struct config_place *, struct arena *, struct err *e);

/* What the file says. A missing file is an empty configuration. One that others may read is closed to them,
 * and *was_open says so. */
bool config_read(const char *path, struct arena *, struct config *out, bool *was_open, struct err *e);
/* Replaces the file in one step; mode 0600, a folder that had to be made 0700. */
bool config_write(const char *path, const struct config *, struct err *e);
/* The file, overridden by the environment: what a call to the server uses. */
bool config_effective(const struct config_place *, struct arena *, struct config *out, bool *was_open,
                      struct err *e);

/* "https://HOST[:PORT]" from what a person types: https:// may be left out, a slash at the end is dropped. */
bool config_url(const char *typed, struct arena *, const char **url, struct err *e);
/* The text of a PEM file with at least one certificate. */
bool config_ca(const char *path, struct arena *, const char **pem, struct err *e);
/* A whole small file; "-" is not special. */
bool config_slurp(const char *path, size_t max_bytes, struct buf *out, struct err *e);

#endif
