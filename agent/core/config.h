/* The agent's settings, from flags or from registry policy; plain data with one checker. */
#ifndef FLEETMEND_CONFIG_H
#define FLEETMEND_CONFIG_H

#include "err.h"
#include "slice.h"

enum { CONFIG_LIST_MAX = 8 };

enum tls_mode { TLS_MODE_CA, TLS_MODE_PIN, TLS_MODE_SYSTEM };

/* Strings are owned by the config; free with agent_config_free(). */
struct agent_config {
    char *server_urls[CONFIG_LIST_MAX]; /* "https://host[:port]", tried in order */
    int server_count;
    char *enroll_token;                /* NULL when none */
    char *order_keys[CONFIG_LIST_MAX]; /* pins "sha256//BASE64" from policy; none: pinned at enrolment */
    int order_key_count;
    char *ca_pem; /* PEM text; NULL: the system's store */
    char *tls_pins[CONFIG_LIST_MAX];
    int tls_pin_count;
    enum tls_mode tls_mode; /* CA when ca_pem is set, PIN when pins are, else SYSTEM */
    char *proxy;            /* "none", "system" or a URL; NULL: none */
    char *tags[20];
    int tag_count;
    bool allow_clock_step, allow_critical_roles, non_persistent;
};

/* Checks every field; the error names the flag or registry value and what is expected. Fills tls_mode. */
bool agent_config_check(struct agent_config *, struct err *e);
void agent_config_free(struct agent_config *);

#endif
