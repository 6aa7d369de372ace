/* token/verbs.h - what the admin role may ask of the vault (doc/internal-api.md): secrets go in, and never come out again. */
#ifndef TOKEN_VERBS_H
#define TOKEN_VERBS_H

#include "msg/admin_msg.h"
#include "token/authorize.h"
#include "vault/keys.h"
#include "vault/login.h"
#include "vault/operators.h"

struct verbs;

struct verbs_parts { /* lent for life */
    struct loop *loop;
    struct vault *vault;
    struct directory *directory;
    struct tokens *tokens;
    struct guesses *guesses;
    struct login *login;
    struct operators *operators;
    struct keys *keys;
};

/* The answer is lent for the call. Once per ask, maybe inside verbs_ask(); not after a cancel. */
typedef void verbs_answer_fn(void *ctx, const struct admin_answer *answer);

/* One per admin channel. */
struct verbs *verbs_new(const struct verbs_parts *parts, verbs_answer_fn *answer, void *ctx);
void verbs_free(struct verbs *v); /* takes NULL; what is under way goes on, its answers are dropped */
void verbs_ask(struct verbs *v, const struct admin_ask *ask);
void verbs_cancel(struct verbs *v, uint64_t tag);

#endif
