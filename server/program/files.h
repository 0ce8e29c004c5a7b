/* Files of the data folder: small, whole, and on disk when a call returns. */
#ifndef FLEETMEND_FILES_H
#define FLEETMEND_FILES_H

#include "buf.h"

bool file_load(const char *path, struct buf *out, struct err *e);
/* A new file (ERR_CONFLICT when it exists) with this mode, synced with its folder. */
bool file_create(const char *path, struct slice content, unsigned mode, struct err *e);
bool folder_make(const char *path, unsigned mode, struct err *e);
/* Cuts one trailing newline (LF or CRLF). */
bool file_load_secret(const char *path, struct buf *out, struct err *e);
/* Takes DIR/lock; the descriptor is kept until the process ends. ERR_CONFLICT when another process has it. */
bool folder_lock(const char *dir, struct err *e);

#endif
