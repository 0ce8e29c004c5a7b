#include "accounts.h"

#include <sodium.h>

enum { PASSES = 2, MEMORY_BYTES = 64 << 20 };

_Static_assert(PASSWORD_HASH_MAX >= crypto_pwhash_STRBYTES, "a hash fits");

bool password_hash(const char *password, char out[PASSWORD_HASH_MAX], struct err *e)
{
    if (strlen(password) < PASSWORD_MIN)
        return err_set(e, ERR_INVALID, "password: at least %d characters are needed", PASSWORD_MIN);
    if (sodium_init() < 0 || crypto_pwhash_str(out, password, strlen(password), PASSES, MEMORY_BYTES) != 0)
        return err_set(e, ERR_INTERNAL, "password: no memory for the hash (64 MiB)");
    return true;
}

bool password_matches(const char *hash, const char *password)
{
    return sodium_init() >= 0 && crypto_pwhash_str_verify(hash, password, strlen(password)) == 0;
}
