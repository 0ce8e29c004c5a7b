/* The server's small certificate authority: made by init, used again to renew the server's certificate.
 *
 * P-256 keys everywhere: Windows 7's Schannel has AES-GCM only with ECDSA. The key of the server's
 * certificate stays the same over renewals, so that pins hold. Private keys are files of mode 0600. */
#ifndef FLEETMEND_PKI_H
#define FLEETMEND_PKI_H

#include "crypto.h"
#include "err.h"

enum { PKI_NAMES_MAX = 16 };

struct pki_names {
    char dns[PKI_NAMES_MAX][256];
    int dns_count;
    char ip[PKI_NAMES_MAX][64];
    int ip_count;
};

/* A name or an address, once. */
void pki_names_add(struct pki_names *, const char *host);

/* Makes DIR/ca.key and DIR/ca.pem, valid for 20 years. ERR_CONFLICT when they exist. */
bool pki_make_ca(const char *dir, const char *common_name, struct err *e);
/* Makes DIR/server.key unless it exists, and DIR/server.pem for these names, valid for two years from
 * yesterday. */
bool pki_make_server(const char *dir, const struct pki_names *names, struct err *e);
/* "sha256//..." of the certificate's public key. */
bool pki_pin(const char *pem_file, char out[PIN_TEXT_MAX], struct err *e);
/* Seconds until it expires, negative when it has. */
bool pki_seconds_left(const char *pem_file, int64_t *seconds, struct err *e);

#endif
