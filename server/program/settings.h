/* DIR/server.conf: `key = value` lines, # comments; the rows of one table. */
#ifndef FLEETMEND_SETTINGS_H
#define FLEETMEND_SETTINGS_H

#include "buf.h"

#include <stdint.h>

enum { SETTING_TEXT_MAX = 512 };

struct settings {
    char listen[SETTING_TEXT_MAX], agent_listen[SETTING_TEXT_MAX], url[SETTING_TEXT_MAX],
        database[SETTING_TEXT_MAX];
    int64_t loops, wait_s, class1_approval_above, job_days, silent_days, connections_max, soak_min;
    bool lab, pace;
};

void settings_default(struct settings *);
/* An unknown key, a key given twice or a bad value is ERR_INVALID with the line's number and what is allowed.
 */
bool settings_parse(struct slice text, struct settings *, struct err *e);
bool settings_load(const char *path, struct settings *, struct err *e);
/* The whole table with its help as comments. */
void settings_print(const struct settings *, struct buf *out);

#endif
