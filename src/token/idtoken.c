/* token/idtoken.c - checked by OpenSSL directly, with every text decoded by our own strict functions first. */
#include "token/idtoken.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/secret.h"
#include "base/text.h"
#include "object/object.h"

#define SKEW_S 300
#define JWT_LIMIT 32768
#define KEY_BYTES_MAX 1024 /* RSA of 8192 bits */
#define KEY_BITS_MIN 2048

static bool refuse(struct fault *why, const char *text)
{
    return fault_set(why, FAULT_REJECT, "grant.id-token", "the id_token was not believed: %s", text);
}

static json_t *decode_part(struct bytes part)
{
    size_t room = part.size + 4, size = 0;
    uint8_t *plain = mem_alloc(room);
    json_t *json = NULL;
    if (base64url_decode(part, plain, room, &size))
        json = json_loadb((const char *)plain, size, JSON_REJECT_DUPLICATES, NULL);
    secret_wipe(plain, room);
    free(plain);
    return json;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static bool is_listed(const json_t *list, const char *text)
{
    const json_t *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        if (text_equal(json_string_value(item), text))
            return true;
    }
    return false;
}

/* The key may only be an RSA one for signatures, whatever else the document holds under this kid. */
static const json_t *key_of(const json_t *jwks, const char *kid)
{
    const json_t *key;
    size_t i;
    json_array_foreach(json_object_get(jwks, "keys"), i, key)
    {
        const char *use = text_of(key, "use");
        if (text_equal(text_of(key, "kid"), kid) && text_equal(text_of(key, "kty"), "RSA") &&
            (use[0] == '\0' || text_equal(use, "sig")))
            return key;
    }
    return NULL;
}

static bool decode_number(const json_t *key, const char *name, uint8_t out[KEY_BYTES_MAX], size_t *size)
{
    return base64url_decode(bytes_of(text_of(key, name)), out, KEY_BYTES_MAX, size) && *size > 0;
}

static bool add_number(OSSL_PARAM_BLD *params, const char *name, const uint8_t *data, size_t size, BIGNUM **number)
{
    *number = BN_bin2bn(data, (int)size, NULL);
    return *number && OSSL_PARAM_BLD_push_BN(params, name, *number);
}

static EVP_PKEY *make_key(OSSL_PARAM_BLD *params)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *list = OSSL_PARAM_BLD_to_param(params);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (!list || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, list) <= 0)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(list);
    return key;
}

/* Only n and e are read: whatever else stands in a fetched key has no say. NULL: not an RSA key worth believing. */
static EVP_PKEY *import_key(const json_t *json)
{
    uint8_t n[KEY_BYTES_MAX], e[KEY_BYTES_MAX];
    size_t n_size, e_size;
    BIGNUM *modulus = NULL, *exponent = NULL;
    EVP_PKEY *key = NULL;
    if (!decode_number(json, "n", n, &n_size) || !decode_number(json, "e", e, &e_size))
        return NULL;
    OSSL_PARAM_BLD *params = OSSL_PARAM_BLD_new();
    if (params && add_number(params, OSSL_PKEY_PARAM_RSA_N, n, n_size, &modulus) &&
        add_number(params, OSSL_PKEY_PARAM_RSA_E, e, e_size, &exponent))
        key = make_key(params);
    OSSL_PARAM_BLD_free(params);
    BN_free(modulus);
    BN_free(exponent);
    if (key && EVP_PKEY_get_bits(key) >= KEY_BITS_MIN)
        return key;
    EVP_PKEY_free(key);
    return NULL;
}

static bool is_signed(struct bytes text, struct bytes signature, const json_t *json)
{
    uint8_t plain[KEY_BYTES_MAX];
    size_t size;
    EVP_PKEY *key = import_key(json);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = key && md && base64url_decode(signature, plain, sizeof plain, &size) &&
              EVP_DigestVerifyInit(md, NULL, EVP_sha256(), NULL, key) == 1 &&
              EVP_DigestVerify(md, plain, size, text.data, text.size) == 1;
    EVP_MD_CTX_free(md);
    EVP_PKEY_free(key);
    ERR_clear_error();
    return ok;
}

struct jwt {
    struct bytes header, claims, signature;
    struct bytes signed_text; /* header and claims with the dot between */
};

static bool split(struct bytes text, struct jwt *out)
{
    size_t first = bytes_find(text, BYTES_LIT("."));
    struct bytes rest = first == SIZE_MAX ? BYTES_NONE : bytes_slice(text, first + 1, text.size);
    size_t second = bytes_find(rest, BYTES_LIT("."));
    if (text.size > JWT_LIMIT || second == SIZE_MAX)
        return false;
    out->header = bytes_slice(text, 0, first);
    out->claims = bytes_slice(rest, 0, second);
    out->signature = bytes_slice(rest, second + 1, rest.size);
    out->signed_text = bytes_slice(text, 0, first + 1 + second);
    return true;
}

static bool check_signature(const struct jwt *jwt, const json_t *jwks, bool *is_key_unknown, struct fault *why)
{
    json_t *json = decode_part(jwt->header);
    const char *alg = text_of(json, "alg"), *kid = text_of(json, "kid");
    const json_t *key = key_of(jwks, kid);
    bool ok = false;
    /* The algorithm is ours to choose, never the token's: no "none", no HMAC under a public key. */
    if (!text_equal(alg, "RS256"))
        refuse(why, "its algorithm is not RS256");
    else if (json_object_get(json, "crit"))
        refuse(why, "its header demands an extension that is not known here");
    else if (!key)
        *is_key_unknown = !refuse(why, "it is signed with a key that the provider does not publish");
    else if (!is_signed(jwt->signed_text, jwt->signature, key))
        refuse(why, "its signature is wrong");
    else
        ok = true;
    json_decref(json);
    return ok;
}

/* A tenant in the issuer's path, as Entra writes it, must be the one that the token itself claims. */
static bool is_tenant_of(const char *issuer, const char *tid)
{
    for (const char *at = strchr(issuer, '/'); at; at = strchr(at, '/')) {
        at++;
        if (strcspn(at, "/") == 36 && strspn(at, "0123456789abcdefABCDEF-") == 36)
            return tid[0] == '\0' || (strlen(tid) == 36 && strncasecmp(at, tid, 36) == 0);
    }
    return true;
}

static bool is_issuer(const char *expected, const char *issuer, const char *tid)
{
    const char *hole = strstr(expected, "{tenantid}");
    if (!hole) /* Google may leave the scheme away, and says so */
        return is_tenant_of(issuer, tid) && (text_equal(expected, issuer) || (strncmp(expected, "https://", 8) == 0 &&
                                                                              text_equal(expected + 8, issuer)));
    size_t before = (size_t)(hole - expected), size = strlen(tid);
    if (size == 0 || strspn(tid, "0123456789abcdefABCDEF-") != size)
        return false;
    return strncmp(issuer, expected, before) == 0 && strncmp(issuer + before, tid, size) == 0 &&
           text_equal(issuer + before + size, hole + strlen("{tenantid}"));
}

static bool is_audience(const json_t *claims, const char *client_id)
{
    const json_t *aud = json_object_get(claims, "aud");
    if (json_is_string(aud))
        return text_equal(json_string_value(aud), client_id);
    const char *azp = text_of(claims, "azp");
    return is_listed(aud, client_id) && (json_array_size(aud) == 1 || text_equal(azp, client_id));
}

static bool check_claims(const json_t *claims, const struct idtoken_expected *e, struct fault *why)
{
    const json_t *exp = json_object_get(claims, "exp"), *nbf = json_object_get(claims, "nbf");
    if (!is_issuer(e->issuer, text_of(claims, "iss"), text_of(claims, "tid")))
        return refuse(why, "its issuer is not the provider's");
    if (!is_audience(claims, e->client_id))
        return refuse(why, "it was made for another application");
    if (e->nonce && !text_equal(text_of(claims, "nonce"), e->nonce))
        return refuse(why, "its nonce is not the one of this sign-in");
    if (!json_is_number(exp) || json_number_value(exp) + SKEW_S <= (double)e->now_s)
        return refuse(why, "it has expired (is this machine's clock right?)");
    if (nbf && (!json_is_number(nbf) || json_number_value(nbf) - SKEW_S > (double)e->now_s))
        return refuse(why, "it is not valid yet (is this machine's clock right?)");
    return true;
}

/* Over 200 groups, Entra leaves the claim out and says so in _claim_names, or in hasgroups. */
static void take_groups(const json_t *claims, struct arena *arena, struct idtoken_claims *out)
{
    const json_t *groups = json_object_get(claims, "groups"), *group;
    size_t i, count = json_array_size(groups);
    out->groups = arena_array(arena, count ? count : 1, sizeof *out->groups);
    out->groups_count = 0;
    json_array_foreach(groups, i, group)
    {
        if (json_is_string(group))
            out->groups[out->groups_count++] = arena_strdup(arena, json_string_value(group));
    }
    out->has_more_groups = json_object_get(json_object_get(claims, "_claim_names"), "groups") != NULL ||
                           json_is_true(json_object_get(claims, "hasgroups"));
}

static void take_claims(const json_t *claims, struct arena *arena, struct idtoken_claims *out)
{
    out->preferred_username = arena_strdup(arena, text_of(claims, "preferred_username"));
    out->upn = arena_strdup(arena, text_of(claims, "upn"));
    out->email = arena_strdup(arena, text_of(claims, "email"));
    out->unique_name = arena_strdup(arena, text_of(claims, "unique_name"));
    out->tid = arena_strdup(arena, text_of(claims, "tid"));
    out->oid = arena_strdup(arena, text_of(claims, "oid"));
    take_groups(claims, arena, out);
}

bool idtoken_verify(struct bytes text, const json_t *jwks, const struct idtoken_expected *expected, struct arena *arena,
                    struct idtoken_claims *claims, bool *is_key_unknown, struct fault *why)
{
    struct jwt jwt;
    *is_key_unknown = false;
    if (!split(text, &jwt))
        return refuse(why, "it is not a signed JWT");
    if (!check_signature(&jwt, jwks, is_key_unknown, why))
        return false;
    json_t *json = decode_part(jwt.claims);
    bool ok = json_is_object(json) ? check_claims(json, expected, why) : refuse(why, "it holds no claims");
    if (ok)
        take_claims(json, arena, claims);
    json_decref(json);
    return ok;
}

const char *idtoken_user(const struct idtoken_claims *c)
{
    const char *const names[] = { c->preferred_username, c->upn, c->email, c->unique_name };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i][0] != '\0')
            return names[i];
    }
    return "";
}

bool idtoken_is_user(const struct idtoken_claims *c, const char *address)
{
    return object_address_equal(c->preferred_username, address) || object_address_equal(c->upn, address) ||
           object_address_equal(c->email, address) || object_address_equal(c->unique_name, address);
}
