/* A vault, a directory with a tenant's worth of objects, a virtual loop and a scripted transport. */
#ifndef TESTS_TOKEN_WORLD_H
#define TESTS_TOKEN_WORLD_H

#include <openssl/evp.h>

#include "fake_http.h"
#include "token/authorize.h"
#include "token/tokens.h"

#define TENANT "11111111-2222-3333-4444-555555555555"
#define CLIENT "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define ISSUER "https://login.microsoftonline.com/" TENANT "/v2.0"
#define TOKEN_URL "https://login.microsoftonline.com/" TENANT "/oauth2/v2.0/token"

struct world {
    char state[64];
    struct loop *loop;
    struct vault *vault;
    struct directory *directory;
    struct fake_http *http;
    struct tokens *tokens;
    /* what tokens_state_fn said last, and how often */
    char said_mailbox[64], said_id[64];
    bool said_needs_person;
    unsigned said_count;
};

extern struct world w;

int world_set_up(void **unused);
int world_tear_down(void **unused);
void world_restart(void); /* the vault's process, as after a crash */
void world_object(enum object_kind kind, const char *json);
void world_store_secret(const char *kind, const char *name, const char *value);
/* A stored sign-in with this refresh token. */
void world_sign_in(const char *address, const char *refresh);
/* The refresh token in the sealed record; "" if there is none. Lent until the next call. */
const char *world_stored_refresh(const char *address);

struct heard {
    unsigned count;
    bool is_ok;
    char user[64], secret[16385];
    enum object_sasl sasl;
    uint64_t serial;
    struct fault why;
};
void world_ask(struct heard *h, const char *mailbox, uint32_t protocol, uint64_t refused);
void world_on_token(void *ctx, uint64_t tag, const struct token_reply *r);

/* An id_token signed with a test key; `claims` is JSON. `alg` goes into the header as it is. */
char *world_id_token(EVP_PKEY *key, const char *alg, const char *kid, const char *claims);
EVP_PKEY *world_key(int number); /* two RSA keys, made once */
char *world_jwks(EVP_PKEY *key, const char *kid);

#endif
