#include "http_result.h"

/* What OpenSSL's chain check ends with, from its x509_vfy.h. It reports a missing or unknown issuer before it looks
 * at any date, so a date here means that the chain does lead to a trusted CA. */
enum { X509_CERT_NOT_YET_VALID = 9, X509_CERT_HAS_EXPIRED = 10 };

/* What curl writes for Schannel. With a CA given, curl judges the chain itself and names the worst of: revoked,
 * partial chain, untrusted root, time; so time comes last and means that the chain is known. Without one, Windows
 * ends the handshake with its own number, which curl prints by name. */
static const char *const time_words[] = {"CERT_TRUST_IS_NOT_TIME_VALID", "SEC_E_CERT_EXPIRED"};

static bool is_about_time(long verify_result, const char *text)
{
    for (size_t i = 0; i < sizeof time_words / sizeof *time_words; i++)
        if (strstr(text, time_words[i]))
            return true;
    return verify_result == X509_CERT_NOT_YET_VALID || verify_result == X509_CERT_HAS_EXPIRED;
}

enum http_failure http_result_failure(CURLcode code, long verify_result, const char *text)
{
    switch (code) {
    case CURLE_OK:
        return HTTP_ANSWERED;
    case CURLE_PEER_FAILED_VERIFICATION:
        return is_about_time(verify_result, text) ? HTTP_CERT_TIME : HTTP_CERT_WRONG;
    case CURLE_SSL_CONNECT_ERROR:
        /* Schannel only; OpenSSL ends here for other reasons than the certificate, with a verify result of no meaning. */
        return is_about_time(0, text) ? HTTP_CERT_TIME : HTTP_UNREACHABLE;
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
        return HTTP_CERT_WRONG;
    default:
        return HTTP_UNREACHABLE;
    }
}
