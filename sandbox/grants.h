/* sandbox/grants.h - codes, device codes, refresh tokens, opaque access tokens, consents and revocations: what sign-ins left.
 *
 * Kept in memory until the sandbox ends. */
#ifndef SANDBOX_GRANTS_H
#define SANDBOX_GRANTS_H

#include <jansson.h>
#include <stdint.h>

#include "sandbox/tenant.h"

enum grant_kind { GRANT_CODE, GRANT_DEVICE, GRANT_REFRESH };

/* Texts are copied by grants_add() and never NULL afterwards. */
struct grant {
    enum grant_kind kind;
    const struct client *client;
    const struct user *user; /* NULL: a device code that nobody decided yet */
    const char *authority;   /* the tenant segment at which it was asked for */
    const char *scope, *nonce, *redirect_uri, *challenge, *method, *user_code;
    enum client_platform platform;
    int64_t issued_ms, used_ms, polled_ms;
    bool is_used, is_declined, is_offline; /* is_offline: the Google-like provider gives a refresh token */
    const char *key;                       /* filled in: the code or token */
};

struct grants;

struct grants *grants_new(void);
void grants_free(struct grants *g); /* takes NULL */

/* Copies `like`, gives it a key that begins with `prefix` and is `size` characters long. Lent for ever. */
struct grant *grants_add(struct grants *g, const struct grant *like, const char *prefix, size_t size);
/* NULL if there is none of that kind. */
struct grant *grants_find(const struct grants *g, enum grant_kind kind, const char *key);
struct grant *grants_find_user_code(const struct grants *g, const char *user_code); /* without case or dashes */

void grants_consent(struct grants *g, const char *client_id, const char *oid, const char *resource, const char *scope);
bool grants_has_consent(const struct grants *g, const char *client_id, const char *oid, const char *resource,
                        const char *scope);
/* `oid` NULL: everybody's. */
void grants_consent_remove(struct grants *g, const char *oid);

/* Refresh tokens issued before `now_ms` are dead for that user. `oid` NULL: for all. */
void grants_revoke(struct grants *g, const char *oid, int64_t now_ms);
int64_t grants_valid_from(const struct grants *g, const char *oid); /* 0: never revoked */

/* Opaque access tokens and what they stand for. */
void grants_opaque_add(struct grants *g, const char *token, json_t *claims /* taken */);
json_t *grants_opaque_find(const struct grants *g, const char *token); /* lent; or NULL */

/* Was this assertion id seen before `expires_ms` passed? Remembers it. */
bool grants_replayed(struct grants *g, const char *jti, int64_t now_ms, int64_t expires_ms);

#endif
