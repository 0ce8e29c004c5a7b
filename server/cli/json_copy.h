/* Parsed JSON written out again. */
#ifndef FLEETMEND_JSON_COPY_H
#define FLEETMEND_JSON_COPY_H

#include "json.h"

#include <stdio.h>

void json_copy(struct json_writer *, const struct json *);
/* Prints a whole document and a line end. What a terminal might obey is written as \u00XX: the same value to
 * a program, harmless to a person. */
void json_print(FILE *to, struct slice document);

#endif
