/* sandbox/entra_rules.h - Entra's rules that need no state: redirect URIs, PKCE, scopes and resources. */
#ifndef SANDBOX_ENTRA_RULES_H
#define SANDBOX_ENTRA_RULES_H

#include "base/arena.h"
#include "sandbox/tenant.h"

/* Does `asked` match the registered URI? Exact, except that for localhost and 127.0.0.1 over http the port does not count,
 * and that an empty path is "/". */
bool entra_redirect_matches(const char *registered, const char *asked);
/* The client's matching redirect, or NULL. */
const struct client_redirect *entra_redirect_find(const struct client *c, const char *asked);
/* Scheme, host and port of a URI, for a Content-Security-Policy: the bytes of `uri` up to its path. */
struct bytes entra_redirect_origin(const char *uri);

/* RFC 7636, 4.1: 43 to 128 unreserved characters. */
bool entra_pkce_is_valid(const char *text);
/* `method` is "S256", or "plain" (also when it was left out). */
bool entra_pkce_matches(const char *method, const char *challenge, const char *verifier);

#define ENTRA_SCOPES_MAX 32

struct entra_resource {
    const char *app_id, *name;
    const char *uris[4];
    const char *delegated[16];
};

struct entra_scope {
    const struct entra_resource *resource; /* NULL: nobody knows it */
    const char *uri;                       /* the spelling that was used, "https://outlook.office.com" */
    const char *name;                      /* "SMTP.Send", ".default" */
    bool is_known;                         /* a permission of that resource */
};

struct entra_scopes {
    struct entra_scope items[ENTRA_SCOPES_MAX];
    size_t count;
    bool openid, profile, email, offline;
    bool is_too_many;
};

/* Splits a `scope` parameter; bare names are Microsoft Graph's. Texts are the arena's. */
void entra_scopes_parse(const char *text, struct arena *arena, struct entra_scopes *out);

enum entra_scopes_use { ENTRA_AT_AUTHORIZE, ENTRA_AT_TOKEN, ENTRA_AT_REFRESH, ENTRA_AT_DEVICE };
/* Checks the set as a whole (3.3): 0, or the AADSTS number of what is wrong, and the offending text. */
unsigned entra_scopes_check(const struct entra_scopes *s, enum entra_scopes_use use, const char **offending);
/* Is the name a permission of that resource? */
bool entra_resource_has(const struct entra_resource *r, const char *name);

#endif
