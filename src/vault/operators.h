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

/* `is_ok`, or a fault: AUTH (name and password do not belong together), RETRY (throttled, with the time; or busy). Lent for the call. */
struct operator_verdict {
    bool is_ok;
    const char *name; /* in lower case */
    struct fault why;
};
typedef void operator_done_fn(void *ctx, uint64_t tag, const struct operator_verdict *v);

/* Both lent for life. Reads the stored hashes. */
struct operators *operators_new(struct guesses *guesses, struct vault *v, struct fault *why);
void operators_free(struct operators *all); /* takes NULL; open questions are dropped */
/* `done` runs once, maybe inside, not after guesses_forget_asker(). */
void operators_check(struct operators *all, const char *name, struct bytes password, const char *host,
                     operator_done_fn *done, void *ctx, uint64_t tag);
/* Refused when it is too short, too long, too common or made of the name: "operator.password". */
bool operators_set_password(struct operators *all, const char *name, struct bytes password, struct fault *why);
bool operators_forget(struct operators *all, const char *name, struct fault *why); /* missing is done */
bool operators_has_password(const struct operators *all, const char *name);
typedef void operator_name_fn(void *ctx, const char *name);
void operators_each(const struct operators *all, operator_name_fn *each, void *ctx); /* those with a password */

/* vault/weak.c: one of those that everybody tries first, or close to one? For tests. */
bool password_is_common(struct bytes password);

#endif
