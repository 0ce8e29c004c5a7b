/* Private to transport: what curl's outcome of a request means. */
#ifndef FLEETMEND_HTTP_RESULT_H
#define FLEETMEND_HTTP_RESULT_H

#include "http_client.h"

#include <curl/curl.h>

/* Which failure this is; `text` is what curl wrote into the error buffer. */
enum http_failure http_result_failure(CURLcode code, long verify_result, const char *text);

#endif
