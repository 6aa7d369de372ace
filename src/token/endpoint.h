/* token/endpoint.h - where a registration's provider takes requests: from the provider's data, or from discovery.
 *
 * "{tenant}" in provider data becomes the registration's tenant. What the data leaves out comes from
 * {issuer}/.well-known/openid-configuration, which must speak for the same issuer (or, for a tenant given by name, for the same host:
 * there the document carries the tenant's id). */
#ifndef TOKEN_ENDPOINT_H
#define TOKEN_ENDPOINT_H

#include "object/object.h"
#include "token/document.h"

struct endpoints { /* texts are "" when there is no such endpoint */
    const char *authorize, *token, *device, *jwks;
    const char *issuer; /* as an id_token must name it; may hold {tenantid} */
};

enum endpoint_need {
    ENDPOINT_TOKEN,   /* authorize, token and device: without a request if the provider names them */
    ENDPOINT_SIGN_IN, /* also jwks, and the issuer in its final spelling */
};

/* `e` and `why` are lent; exactly one is not NULL. May run inside endpoints_get(). */
typedef void endpoints_done_fn(void *ctx, const struct endpoints *e, const struct fault *why);
void endpoints_get(struct documents *d, const struct provider *p, const char *tenant, struct bytes ca_pem,
                   enum endpoint_need need, endpoints_done_fn *done, void *ctx);

#endif
