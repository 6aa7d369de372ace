/* bridge/bridge.h - a program's live session with its mailbox: IMAP, POP3, or SMTP where each answer is the provider's own.
 *
 * The program signs in with its app's password. Then the provider is dialled, its certificate checked, and only then the mailbox's
 * credential is asked for and used. From there on octets pass both ways, changed only where proto/front/watch.h says so, until
 * either side ends.
 *
 *   - Nothing that the program said before its sign-in reaches the provider; what it sent right behind it is the first that does.
 *   - Memory is bounded: `buffer` each way and what one read brings, however slow a reader is; nothing while nothing moves.
 *   - A refusal is said in the protocol's own words, with the finding's cause; the log has the whole finding.
 *   - No session waits for ever: each step has a clock.
 *
 * Log events: session.open, login.*, bridge.*. */
#ifndef BRIDGE_BRIDGE_H
#define BRIDGE_BRIDGE_H

#include "conf/conf.h"
#include "loop/loop.h"
#include "msg/ask.h"
#include "msg/edge_vault.h"
#include "msg/token_msg.h"
#include "net/tls.h"
#include "object/directory.h"
#include "proto/front/front.h"

struct bridges; /* what all bridges of a process share */
struct bridge;  /* one session */

struct bridges_host {
    const struct directory *(*directory)(void *ctx); /* as it is now; lent until the loop's next turn */
    /* Fills in the tag and sends. The end comes by `kind`. False: the vault role is away. */
    bool (*ask_login)(void *ctx, struct login_ask *question, struct ask *a, const struct ask_kind *kind);
    bool (*ask_token)(void *ctx, struct token_ask *question, struct ask *a, const struct ask_kind *kind);
    void (*tell_trouble)(void *ctx, const struct token_trouble *t);
};

struct bridges_settings {
    unsigned sessions_per_app, sessions_per_mailbox;
};

struct bridges *bridges_new(struct loop *l, const struct bridges_host *host /* copied */, void *ctx);
void bridges_free(struct bridges *all); /* no bridge is left; takes NULL */
void bridges_set(struct bridges *all, const struct bridges_settings *settings);
void bridges_directory_changed(struct bridges *all);

/* What a listener offers. */
struct bridge_terms {
    enum front_protocol protocol;
    struct front_policy policy; /* `capabilities` is filled in here */
    enum conf_tls tls;
    struct tls_context *context; /* NULL without TLS */
    int64_t login_ms, idle_ms;
    size_t buffer;
};

struct bridge_client {
    const char *id;           /* of the session, for the log */
    const char *host;         /* the client's address */
    void (*ended)(void *ctx); /* once, when it is over; never from inside bridge_open() */
    void *ctx;
};

/* `fd` taken; `terms` and the client's texts lent until `ended`. */
struct bridge *bridge_open(struct bridges *all, const struct bridge_terms *terms, int fd,
                           const struct bridge_client *client);
/* Goodbye as soon as the protocol allows it. */
void bridge_stop(struct bridge *b);
void bridge_cut(struct bridge *b); /* at once; `ended` runs */

#endif
