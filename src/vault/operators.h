/* vault/operators.h - passwords of the console's operators: chosen by people, kept as hashes.
 *
 * Names are compared without case. Only the vault's records are looked at: whether there is still such an operator, and what that one
 * may do, stands in the objects. How a password is compared, and wrong ones are slowed, is guess.h's matter. */
#ifndef VAULT_OPERATORS_H
#define VAULT_OPERATORS_H

#include "vault/guess.h"
#include "vault/vault.h"

#define OPERATOR_PASSWORD_MIN 12 /* characters */
#define OPERATOR_PASSWORD_MAX 1024

struct operators;

/* `is_ok`, or a fault: AUTH (name and password do not belong together), RETRY (throttled, with the time; or busy), or
 * of setting one. Lent for the call. */
struct operator_verdict {
    bool is_ok;
    const char *name; /* in lower case */
    struct fault why;
};
typedef void operator_done_fn(void *ctx, uint64_t tag, const struct operator_verdict *v);

/* All lent for life. Reads the stored hashes. */
struct operators *operators_new(struct loop *l, struct guesses *guesses, struct vault *v, struct fault *why);
void operators_free(struct operators *all); /* takes NULL; open questions are dropped */
/* `done` runs once, maybe inside, not after guesses_forget_asker(). */
void operators_check(struct operators *all, const char *name, struct bytes password, const char *host,
                     operator_done_fn *done, void *ctx, uint64_t tag);
/* REJECT "operator.password" when it is too short, too long, too common or made of the name; RETRY "app.busy" when many wait. The hash
 * is made beside the loop. `done` runs once, maybe inside, not after operators_forget_asker(). */
void operators_set_password(struct operators *all, const char *name, struct bytes password, operator_done_fn *done,
                            void *ctx, uint64_t tag);
void operators_forget_asker(struct operators *all, const void *ctx); /* what it wanted to set is not set */
/* Missing is done. One that is being set just now is refused. */
bool operators_forget(struct operators *all, const char *name, struct fault *why);
bool operators_has_password(const struct operators *all, const char *name);
typedef void operator_name_fn(void *ctx, const char *name);
void operators_each(const struct operators *all, operator_name_fn *each, void *ctx); /* those with a password */

/* vault/weak.c: one of those that everybody tries first, or close to one? For tests. */
bool password_is_common(struct bytes password);

#endif
