/* The id_token, RS256 and version 2.0, and the lies that id-token.lie tells in it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/entra_private.h"

struct lie {
    const char *name, *claim, *value;
};

static const struct lie lies[] = {
    { "issuer", "iss", "https://login.elsewhere.example/11111111-aaaa-4444-8888-0123456789ab/v2.0" },
    { "audience", "aud", "99999999-9999-4999-8999-999999999999" },
    { "nonce", "nonce", "not-the-nonce-that-was-sent" },
    { "tenant", "tid", "33333333-cccc-4444-8888-0123456789ab" },
};

static void tell_lie(struct entra_call *c, const char *name, json_t *claims)
{
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        if (strcmp(lies[i].name, name) == 0)
            json_object_set_new(claims, lies[i].claim, json_string(lies[i].value));
    }
    if (strcmp(name, "expired") == 0)
        json_object_set_new(claims, "exp", json_integer(loop_wall_ms(c->sandbox->loop) / 1000 - 7200));
    if (strcmp(name, "user") == 0) {
        json_object_set_new(claims, "preferred_username", json_string("mallory@contoso.example"));
        json_object_set_new(claims, "email", json_string("mallory@contoso.example"));
    }
}

/* As an application's token configuration may ask for; past 200 groups the ids give way to a source to ask. */
static void add_groups(struct entra_call *c, const struct grant *g, json_t *claims)
{
    const char *text = switches_text(c->sandbox->switches, SWITCH_ID_TOKEN_GROUPS);
    if (strcmp(text, "none") == 0 || *text == '\0')
        return;
    if (strcmp(text, "overage") == 0) {
        json_object_set_new(claims, "_claim_names", json_pack("{s:s}", "groups", "src1"));
        json_object_set_new(claims, "_claim_sources",
                            json_pack("{s:{s:o}}", "src1", "endpoint",
                                      json_sprintf("https://graph.windows.net/%s/users/%s/getMemberObjects",
                                                   g->user->tenant->id, g->user->oid)));
        return;
    }
    json_t *groups = json_array();
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, ",");
        json_array_append_new(groups, json_stringn(at, size));
        at += size + (at[size] == ',');
    }
    json_object_set_new(claims, "groups", groups);
}

static json_t *make_claims(struct entra_call *c, const struct grant *g, const char *issuer, const char *audience)
{
    int64_t now_s = loop_wall_ms(c->sandbox->loop) / 1000;
    char id[32], subject[64];
    sandbox_random_text(id, 22);
    entra_subject(g->client, g->user->oid, subject);
    json_t *claims = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "aud", audience,
                               "iss", issuer, "iat", (json_int_t)(now_s - 300), "nbf", (json_int_t)(now_s - 300), "exp",
                               (json_int_t)(now_s + 3600), "name", g->user->name, "oid", g->user->oid,
                               "preferred_username", g->user->address, "email", g->user->address, "sub", subject, "tid",
                               g->user->tenant->id, "uti", id, "ver", "2.0");
    if (*g->nonce != 0)
        json_object_set_new(claims, "nonce", json_string(g->nonce));
    add_groups(c, g, claims);
    return claims;
}

/* The same claims under "alg":"none" and without a signature. */
static char *unsigned_token(struct entra_call *c, const json_t *claims)
{
    char *clear = json_dumps(claims, JSON_COMPACT);
    size_t room = base64_size(strlen(clear)) + 1;
    char *text = arena_alloc(c->rq->arena, room);
    base64url_encode(bytes_of(clear), text, room);
    free(clear);
    return arena_printf(c->rq->arena, "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.%s.", text);
}

char *entra_id_token(struct entra_call *c, const struct grant *g, const char *issuer, const char *audience)
{
    const char *lie = switches_take(c->sandbox->switches, SWITCH_ID_TOKEN_LIE);
    json_t *claims = make_claims(c, g, issuer, audience);
    tell_lie(c, lie, claims);
    struct buf token;
    buf_init(&token, 64 * 1024);
    entra_keyring_sign(c->sandbox->keyring, claims, &token);
    if (strcmp(lie, "signature") == 0) {
        uint8_t *in_signature = &token.data[token.size - 20];
        *in_signature = *in_signature == 'A' ? 'B' : 'A';
    }
    char *text = strcmp(lie, "alg-none") == 0 ? unsigned_token(c, claims) : arena_strdup(c->rq->arena, buf_str(&token));
    buf_fini(&token);
    json_decref(claims);
    return text;
}
