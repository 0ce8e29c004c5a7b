/* The TLS side of the listener: one context, shared by all loops. */
#ifndef FLEETMEND_HTTP_TLS_H
#define FLEETMEND_HTTP_TLS_H

#include "err.h"

#include <openssl/ssl.h>

/* OpenSSL's info callback: `where` has SSL_CB_HANDSHAKE_DONE when a handshake is complete. */
typedef void tls_info_fn(const SSL *, int where, int ret);

/* The error names the file and what OpenSSL says of it. */
SSL_CTX *tls_context_new(const char *cert_file, const char *key_file, tls_info_fn *info, struct err *e);

#endif
