/* Client assertions (reference 2.8; RFC 7523): signed by an uploaded certificate, about the client itself, for here and now. */
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "sandbox/entra_private.h"

#define SKEW_MS (5 * 60 * 1000)
#define LIFE_MAX_MS (24 * 60 * 60 * 1000)

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static bool check_signature(struct entra_call *c, const struct client *client, const struct entra_jwt *jwt)
{
    const char *alg = text_of(jwt->header, "alg");
    const char *sha256 = text_of(jwt->header, "x5t#S256");
    const char *thumbprint = *sha256 != 0 ? sha256 : text_of(jwt->header, "x5t");
    if (strcmp(alg, "PS256") != 0 && strcmp(alg, "RS256") != 0)
        return entra_refuse(&c->refusal, 700027, "Unsupported asymmetric signing algorithm", thumbprint,
                            client->client_id);
    X509 *x509 = entra_certificates_find(c->sandbox->certificates, client->client_id, thumbprint, *sha256 != 0);
    if (x509 == NULL && switches_is(c->sandbox->switches, SWITCH_CERTIFICATE_AUTO, "on"))
        return true;
    if (x509 == NULL)
        return entra_refuse(&c->refusal, 700027, "The key was not found.", thumbprint, client->client_id);
    EVP_PKEY *key = X509_get0_pubkey(x509);
    if (EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < 2048)
        return entra_refuse(&c->refusal, 700027, "Unsupported asymmetric signing algorithm", thumbprint,
                            client->client_id);
    if (!entra_jwt_verify(jwt, key, alg))
        return entra_refuse(&c->refusal, 700027,
                            "The key was found, but use of the key to verify the signature failed.", thumbprint,
                            client->client_id);
    return true;
}

static bool is_audience(struct entra_call *c, const char *audience)
{
    const char *base = c->sandbox->https_url;
    const char *names[] = { c->authority, c->tenant != NULL ? c->tenant->id : c->authority };
    for (size_t i = 0; i < 2; i++) {
        if (strcasecmp(audience, arena_printf(c->rq->arena, "%s/%s/oauth2/v2.0/token", base, names[i])) == 0 ||
            strcasecmp(audience, arena_printf(c->rq->arena, "%s/%s/v2.0", base, names[i])) == 0)
            return true;
    }
    return false;
}

static const char *time_text(struct entra_call *c, int64_t ms)
{
    char *text = arena_alloc(c->rq->arena, 32);
    sandbox_entra_time(ms, text);
    return text;
}

static bool check_times(struct entra_call *c, const json_t *claims)
{
    int64_t now = loop_wall_ms(c->sandbox->loop);
    int64_t until = json_integer_value(json_object_get(claims, "exp")) * 1000;
    const json_t *nbf = json_object_get(claims, "nbf");
    int64_t from = json_integer_value(nbf != NULL ? nbf : json_object_get(claims, "iat")) * 1000;
    bool is_now = until > now - SKEW_MS && from < now + SKEW_MS && until - now < LIFE_MAX_MS && until > from;
    return is_now || entra_refuse(&c->refusal, 700024, time_text(c, now), time_text(c, from), time_text(c, until));
}

static bool check_claims(struct entra_call *c, const struct client *client, const json_t *claims)
{
    const char *issuer = text_of(claims, "iss");
    const char *id = text_of(claims, "jti");
    if (strcmp(issuer, text_of(claims, "sub")) != 0)
        return entra_refuse(&c->refusal, 50048, NULL, NULL, NULL);
    if (strcasecmp(issuer, client->client_id) != 0)
        return entra_refuse(&c->refusal, 50027, NULL, NULL, NULL);
    if (!is_audience(c, text_of(claims, "aud"))) {
        entra_refuse(&c->refusal, 700023, text_of(claims, "aud"), NULL, NULL);
        c->refusal.error = "invalid_client";
        return false;
    }
    if (!check_times(c, claims))
        return false;
    int64_t until = json_integer_value(json_object_get(claims, "exp")) * 1000 + SKEW_MS;
    if (*id == 0 || grants_replayed(c->sandbox->grants, id, loop_wall_ms(c->sandbox->loop), until))
        return entra_refuse(&c->refusal, 50012, NULL, NULL, NULL);
    return true;
}

bool entra_assertion_check(struct entra_call *c, const struct client *client, const char *assertion)
{
    struct entra_jwt jwt;
    if (!entra_jwt_split(bytes_of(assertion), &jwt))
        return entra_refuse(&c->refusal, 50027, NULL, NULL, NULL);
    bool is_good = check_signature(c, client, &jwt) && check_claims(c, client, jwt.claims);
    if (c->refusal.row != NULL) { /* the texts must outlive the token */
        for (size_t i = 0; i < REFUSAL_ARGS; i++)
            c->refusal.args[i] = arena_strdup(c->rq->arena, c->refusal.args[i]);
    }
    entra_jwt_fini(&jwt);
    return is_good;
}
