/* token/scope.h - which permissions are asked for, and whether an answer holds them (Microsoft reference 3.1-3.3).
 *
 * A mail permission names its resource ("https://outlook.office.com/SMTP.Send") and one request names one resource only. */
#ifndef TOKEN_SCOPE_H
#define TOKEN_SCOPE_H

#include "base/arena.h"
#include "object/object.h"

/* The provider's permission for a protocol; with the app grant the one for all. "" if the provider has none. */
const char *scope_of(const struct provider *p, const struct mailbox *m, uint32_t protocol);
/* The first permission of the mailbox's protocols: the one that a sign-in is redeemed for and kept alive by. "" if there is none. */
const char *scope_home(const struct provider *p, const struct mailbox *m);
/* At /authorize and /devicecode: the permissions of the mailbox's protocols that share the first one's resource, and the common ones. */
char *scope_for_sign_in(const struct provider *p, const struct mailbox *m, struct arena *arena);
/* At redemption: `permission` and the common ones. At a refresh: `permission`, and offline_access if that is a common one. */
char *scope_for_redemption(const struct provider *p, const char *permission, struct arena *arena);
char *scope_for_refresh(const struct provider *p, const char *permission, struct arena *arena);

/* Does the space-separated list hold this one? The whole word, without case. */
bool scope_has_word(const char *list, const char *word);
/* Servers answer with other spellings of the resource: only the last path segment is compared, without case. An answer that names no
 * scope at all grants what was asked for (RFC 6749 5.1), and ".default" can't be compared. */
bool scope_is_granted(const char *granted, const char *permission);

#endif
