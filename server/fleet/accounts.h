/* Who may do what: users and tokens in memory, so that no request needs the database to be recognised.
 *
 * Tokens are random; only their SHA-256 is kept. What a token may do is its scope within what its owner may
 * do now. Thread-safe. */
#ifndef FLEETMEND_ACCOUNTS_H
#define FLEETMEND_ACCOUNTS_H

#include "store.h"

struct actor {
    int64_t user_id;
    char name[64];
    unsigned roles; /* set of enum role (message.h) */
    char token[65]; /* id of the token used */
};

struct accounts;

struct accounts *accounts_new(void);
void accounts_free(struct accounts *);
bool accounts_load(struct accounts *, struct store *, int64_t now_ms, struct err *e);
void accounts_put_user(struct accounts *, const struct user_row *);
void accounts_put_token(struct accounts *, const struct token_row *);
void accounts_drop_token(struct accounts *, const char *id);
/* ERR_DENIED: unknown, expired, or its owner is disabled. */
bool accounts_check(struct accounts *, const char *secret, int64_t now_ms, struct actor *out, struct err *e);

/* "viewer,operator": the words of a set; unknown words, and none at all, are ERR_INVALID. */
bool roles_parse(const char *words, unsigned *roles, struct err *e);
void roles_print(unsigned roles, char out[64]);

/* argon2id, 64 MiB, two passes: about a tenth of a second. */
enum { PASSWORD_HASH_MAX = 128, PASSWORD_MIN = 8 };
bool password_hash(const char *password, char out[PASSWORD_HASH_MAX], struct err *e);
bool password_matches(const char *hash, const char *password);

#endif
