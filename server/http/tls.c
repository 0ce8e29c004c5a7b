#include "tls.h"

#include <openssl/err.h>

/* The newest reason OpenSSL has; its queue is per thread and empty afterwards. */
static const char *reason(void)
{
    unsigned long code = ERR_peek_last_error();
    const char *text = code ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return text ? text : "unknown reason";
}

/* A client that offers only other protocols (h2 alone, or a cross-protocol trick) is told so in the
 * handshake. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in,
                           unsigned in_n, void *arg)
{
    (void)ssl, (void)arg;
    static const unsigned char http_1_1[] = "\x08http/1.1";
    int r = SSL_select_next_proto((unsigned char **)(uintptr_t)out, out_n, http_1_1, sizeof http_1_1 - 1, in,
                                  in_n);
    return r == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool set_policy(SSL_CTX *c)
{
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_COMPRESSION |
                               SSL_OP_NO_TICKET | SSL_OP_IGNORE_UNEXPECTED_EOF);
    /* RELEASE_BUFFERS gives 32 kB back while a long poll waits. */
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_ENABLE_PARTIAL_WRITE);
    /* Agents stay connected: resumption would save next to nothing and cost memory. */
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    /* CBC with SHA-256 is for an RSA certificate and Windows 7, which has no GCM for it. */
    return SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) && SSL_CTX_set_num_tickets(c, 0) &&
           SSL_CTX_set1_groups_list(c, "X25519:P-256") &&
           SSL_CTX_set_cipher_list(c, "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!SHA1:!aNULL");
}

SSL_CTX *tls_context_new(const char *cert_file, const char *key_file, tls_info_fn *info, struct err *e)
{
    ERR_clear_error();
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c || !set_policy(c)) {
        err_set(e, ERR_INTERNAL, "TLS: %s", reason());
        goto fail;
    }
    if (SSL_CTX_use_certificate_chain_file(c, cert_file) != 1) {
        err_set(e, ERR_INVALID, "certificate %s: %s", cert_file, reason());
        goto fail;
    }
    if (SSL_CTX_use_PrivateKey_file(c, key_file, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(c) != 1) {
        err_set(e, ERR_INVALID, "private key %s: %s", key_file, reason());
        goto fail;
    }
    SSL_CTX_set_info_callback(c, info);
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
    return c;
fail:
    SSL_CTX_free(c);
    return NULL;
}
