#include "pki.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { CA_DAYS = 20 * 365, SERVER_DAYS = 2 * 365, PATH_BYTES = 4096 };

static bool ssl_fail(struct err *e, const char *what)
{
    char text[200];
    ERR_error_string_n(ERR_get_error(), text, sizeof text);
    return err_set(e, ERR_INTERNAL, "%s: %s", what, text);
}

void pki_names_add(struct pki_names *n, const char *host)
{
    unsigned char address[16];
    bool ip = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    int count = ip ? n->ip_count : n->dns_count;
    if (!*host || count == PKI_NAMES_MAX)
        return;
    for (int i = 0; i < count; i++)
        if (strcasecmp(ip ? n->ip[i] : n->dns[i], host) == 0)
            return;
    if (ip)
        snprintf(n->ip[n->ip_count++], sizeof n->ip[0], "%s", host);
    else
        snprintf(n->dns[n->dns_count++], sizeof n->dns[0], "%s", host);
}

/* A new file only, and its mode from the start: a private key is never readable by others for a moment. */
static FILE *create(const char *path, bool secret, bool replace, struct err *e)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (replace ? O_TRUNC : O_EXCL), secret ? 0600 : 0644);
    FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (!f)
        err_set(e, errno == EEXIST ? ERR_CONFLICT : ERR_IO, "%s: %s", path, strerror(errno));
    return f;
}

static bool finish(FILE *f, const char *path, bool ok, struct err *e)
{
    ok = ok && fflush(f) == 0 && fsync(fileno(f)) == 0;
    ok = fclose(f) == 0 && ok;
    return ok || err_set(e, ERR_IO, "%s: can't be written", path);
}

static bool save_key(const char *path, EVP_PKEY *key, struct err *e)
{
    FILE *f = create(path, true, false, e);
    return f && finish(f, path, PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL), e);
}

static EVP_PKEY *load_key(const char *path, struct err *e)
{
    FILE *f = fopen(path, "r");
    EVP_PKEY *key = f ? PEM_read_PrivateKey(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    if (!key)
        err_set(e, ERR_IO, "%s: %s", path, f ? "no private key in it" : strerror(errno));
    return key;
}

static X509 *load_cert(const char *path, struct err *e)
{
    FILE *f = fopen(path, "r");
    X509 *cert = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    if (f)
        fclose(f);
    if (!cert)
        err_set(e, ERR_IO, "%s: %s", path, f ? "no certificate in it" : strerror(errno));
    return cert;
}

static bool extend(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    X509_EXTENSION *x = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = x && X509_add_ext(cert, x, -1);
    X509_EXTENSION_free(x);
    return ok;
}

static X509 *new_cert(EVP_PKEY *key, const char *common_name, int days)
{
    unsigned char serial[16];
    X509 *cert = X509_new();
    BIGNUM *bn = RAND_bytes(serial, sizeof serial) == 1
                     ? (serial[0] &= 0x7F, BN_bin2bn(serial, sizeof serial, NULL))
                     : NULL;
    bool ok = cert && bn && X509_set_version(cert, X509_VERSION_3) &&
              BN_to_ASN1_INTEGER(bn, X509_get_serialNumber(cert)) &&
              X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
              X509_time_adj_ex(X509_getm_notAfter(cert), days, 0, NULL) && X509_set_pubkey(cert, key) &&
              X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_UTF8,
                                         (const unsigned char *)common_name, -1, -1, 0);
    BN_free(bn);
    if (ok)
        return cert;
    X509_free(cert);
    return NULL;
}

static void join(char out[PATH_BYTES], const char *dir, const char *name)
{
    snprintf(out, PATH_BYTES, "%s/%s", dir, name);
}

bool pki_make_ca(const char *dir, const char *common_name, struct err *e)
{
    char key_path[PATH_BYTES], cert_path[PATH_BYTES];
    join(key_path, dir, "ca.key");
    join(cert_path, dir, "ca.pem");
    bool ok = false;
    FILE *f = NULL;
    X509 *cert = NULL;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (!key || !(cert = new_cert(key, common_name, CA_DAYS)) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(cert)) ||
        !extend(cert, cert, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") ||
        !extend(cert, cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !extend(cert, cert, NID_subject_key_identifier, "hash") || !X509_sign(cert, key, EVP_sha256())) {
        ssl_fail(e, "certificate authority");
        goto out;
    }
    if (!save_key(key_path, key, e) || !(f = create(cert_path, false, false, e)))
        goto out;
    ok = finish(f, cert_path, PEM_write_X509(f, cert), e);
out:
    X509_free(cert);
    EVP_PKEY_free(key);
    return ok;
}

/* Names become part of a list separated by commas: none may bring one along. */
static bool check_names(const struct pki_names *n, struct err *e)
{
    if (!n->dns_count && !n->ip_count)
        return err_set(e, ERR_INVALID, "server certificate: it needs at least one name");
    for (int i = 0; i < n->dns_count; i++)
        if (n->dns[i][strspn(n->dns[i], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._")])
            return err_set(e, ERR_INVALID, "server certificate: \"%.60s\" is not a host name", n->dns[i]);
    return true;
}

static void alternative_names(const struct pki_names *n, char *out, size_t size)
{
    size_t used = 0;
    out[0] = '\0';
    for (int i = 0; i < n->dns_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%sDNS:%s", used ? "," : "", n->dns[i]);
    for (int i = 0; i < n->ip_count && used < size; i++)
        used += (size_t)snprintf(out + used, size - used, "%sIP:%s", used ? "," : "", n->ip[i]);
}

/* A second init or a renewal keeps the key. */
static EVP_PKEY *server_key(const char *path, struct err *e)
{
    if (access(path, F_OK) == 0)
        return load_key(path, e);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    if (key && save_key(path, key, e))
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

/* Renewal replaces the file in one step: a crash leaves the old certificate or the new one. */
static bool save_chain(const char *dir, X509 *cert, X509 *ca, struct err *e)
{
    char path[PATH_BYTES], fresh[PATH_BYTES];
    join(path, dir, "server.pem");
    join(fresh, dir, "server.pem.new");
    FILE *f = create(fresh, false, true, e);
    if (!f || !finish(f, fresh, PEM_write_X509(f, cert) && PEM_write_X509(f, ca), e))
        return false;
    return rename(fresh, path) == 0 || err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
}

bool pki_make_server(const char *dir, const struct pki_names *names, struct err *e)
{
    char path[PATH_BYTES], sans[8192];
    bool ok = false;
    X509 *cert = NULL, *ca = NULL;
    EVP_PKEY *key = NULL, *ca_key = NULL;
    if (!check_names(names, e))
        return false;
    alternative_names(names, sans, sizeof sans);
    join(path, dir, "ca.pem");
    if (!(ca = load_cert(path, e)))
        goto out;
    join(path, dir, "ca.key");
    if (!(ca_key = load_key(path, e)))
        goto out;
    join(path, dir, "server.key");
    if (!(key = server_key(path, e)))
        goto out;
    if (!(cert = new_cert(key, "Fleetmend server", SERVER_DAYS)) ||
        !X509_set_issuer_name(cert, X509_get_subject_name(ca)) ||
        !extend(cert, ca, NID_basic_constraints, "critical,CA:FALSE") ||
        !extend(cert, ca, NID_key_usage, "critical,digitalSignature") ||
        !extend(cert, ca, NID_ext_key_usage, "serverAuth") ||
        !extend(cert, ca, NID_authority_key_identifier, "keyid") ||
        !extend(cert, ca, NID_subject_alt_name, sans) || !X509_sign(cert, ca_key, EVP_sha256())) {
        ssl_fail(e, "server certificate");
        goto out;
    }
    ok = save_chain(dir, cert, ca, e);
out:
    X509_free(cert);
    X509_free(ca);
    EVP_PKEY_free(key);
    EVP_PKEY_free(ca_key);
    return ok;
}

bool pki_pin(const char *pem_file, char out[PIN_TEXT_MAX], struct err *e)
{
    X509 *cert = load_cert(pem_file, e);
    if (!cert)
        return false;
    unsigned char *der = NULL;
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    if (n > 0)
        pin_print(slice_make(der, (size_t)n), out);
    OPENSSL_free(der);
    X509_free(cert);
    return n > 0 || ssl_fail(e, pem_file);
}

bool pki_seconds_left(const char *pem_file, int64_t *seconds, struct err *e)
{
    X509 *cert = load_cert(pem_file, e);
    if (!cert)
        return false;
    int days = 0, rest = 0;
    bool ok = ASN1_TIME_diff(&days, &rest, NULL, X509_get0_notAfter(cert));
    *seconds = (int64_t)days * 86400 + rest;
    X509_free(cert);
    return ok || ssl_fail(e, pem_file);
}
