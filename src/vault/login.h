/* vault/login.h - is this password an app's, and may the app come in this way?
 *
 * How a password is compared, and wrong ones are slowed, is guess.h's matter. Nothing here ever touches a token. */
#ifndef VAULT_LOGIN_H
#define VAULT_LOGIN_H

#include "object/directory.h"
#include "vault/guess.h"
#include "vault/vault.h"

struct login;

struct login_question {
    const char *user;      /* an app's name, "app%mailbox", or a mailbox address: then any app of that mailbox */
    struct bytes password; /* as typed */
    const char *host;      /* the client's address */
    uint32_t protocol;     /* one of enum object_protocol */
};

struct login_verdict {
    bool is_ok;
    const char *app, *mailbox; /* "" when refused */
    struct fault why;          /* AUTH or RETRY; safe to show to the client */
    uint32_t delay_ms;         /* tarpit: answer the client only after this long */
};
/* Lent for the call. Once per question, maybe inside login_check(). Must not call login_forget_asker(). */
typedef void login_done_fn(void *ctx, uint64_t tag, const struct login_verdict *v);

/* All lent for life. Reads the stored hashes. */
struct login *login_new(struct guesses *guesses, struct vault *v, struct directory *d, struct fault *why);
void login_free(struct login *l); /* takes NULL; open questions are dropped */
void login_check(struct login *l, const struct login_question *q, login_done_fn *done, void *ctx, uint64_t tag);
void login_forget_asker(struct login *l, const void *ctx);

/* Makes a new password for the app and stores its hash; the old one is good no more. Given, to be shown once. */
struct secret *login_new_password(struct login *l, const char *app, struct fault *why);
bool login_forget_app(struct login *l, const char *app, struct fault *why);
bool login_has_password(const struct login *l, const char *app);

#endif
