/* inbox/inbox.h - watch the folders that endpoints name, remember what was seen, hand new mail over, then do what the endpoint asks for.
 *
 * Nothing is touched until the queue role has told what is remembered (msg/queue_inbox.h), and nothing is acted upon before it is
 * on disk there: a death between any two steps repeats at most the mail in hand and loses none. A credential is asked of
 * the vault for each new connection, after TLS is verified and never before. The host's functions may be called from inside any
 * call here. */
#ifndef INBOX_INBOX_H
#define INBOX_INBOX_H

#include "loop/loop.h"
#include "msg/admin_msg.h"
#include "msg/directory_msg.h"
#include "msg/queue_inbox.h"
#include "msg/queue_vault.h"
#include "msg/sign_msg.h"
#include "msg/token_msg.h"
#include "net/resolve.h"

struct inbox;

struct inbox_host { /* messages are lent for the call; false: that role can't be asked now */
    bool (*ask_token)(void *ctx, const struct token_ask *ask);
    bool (*sign)(void *ctx, const struct sign_ask *ask);
    bool (*place)(void *ctx, const struct inbox_place *m);
    bool (*item)(void *ctx, const struct inbox_item *m);
    bool (*lookup)(void *ctx, const struct inbox_lookup_ask *ask);
    bool (*bounced)(void *ctx, const struct inbox_bounced *report);
    void (*progress)(void *ctx, const struct admin_progress *step);
    void (*answer)(void *ctx, const struct admin_answer *answer);
    void (*stopped)(void *ctx); /* after inbox_stop(): nothing is under way any more */
};

struct inbox_settings {
    const char *hostname;
    const char *spool;    /* directory, for the unnamed files of messages on their way */
    const char *link_url; /* where links to raw messages lead, without a slash at its end; "" : there are none */
    int64_t idle_renew_ms, retry_first_ms, retry_max_ms;
    uint32_t connections; /* to one mailbox at one time */
    uint32_t at_once;     /* hand-overs to one webhook at one time */
};

/* The settings' texts are copied, `host` too; loop and resolver are lent for life. */
struct inbox *inbox_new(struct loop *l, struct resolver *r, const struct inbox_settings *settings,
                        const struct inbox_host *host, void *ctx);
void inbox_free(struct inbox *i); /* what is under way is dropped without a word; takes NULL */
void inbox_set(struct inbox *i, const struct inbox_settings *settings);

/* The keeper of objects and memory came up (again): forget all, it sends everything. Then objects, and inbox_directory_done(). */
void inbox_queue_up(struct inbox *i);
void inbox_queue_down(struct inbox *i);
void inbox_directory_object(struct inbox *i, const struct directory_object *o);
void inbox_directory_done(struct inbox *i);
/* Then what is remembered, and inbox_recalled(). A later item is one that a person changed. */
void inbox_place(struct inbox *i, const struct inbox_place *m);
void inbox_item(struct inbox *i, const struct inbox_item *m);
void inbox_known(struct inbox *i, const struct inbox_known *m);
void inbox_recalled(struct inbox *i, const struct inbox_recalled *m);
void inbox_saved(struct inbox *i, const struct inbox_saved *m);
void inbox_lookup_answer(struct inbox *i, const struct inbox_lookup_answer *m);

void inbox_token(struct inbox *i, const struct token_answer *t);
void inbox_signed(struct inbox *i, const struct sign_answer *s);
void inbox_vault_up(struct inbox *i);                                     /* asks again what was not answered */
void inbox_mailbox_state(struct inbox *i, const struct mailbox_state *m); /* it may be worth another try */

/* "endpoint.test", "mailbox.test" (steps by progress()), "inbox.state", "inbox.look"; see doc/internal-api.md. */
void inbox_admin_ask(struct inbox *i, const struct admin_ask *ask);
void inbox_admin_cancel(struct inbox *i, uint64_t tag);
void inbox_admin_down(struct inbox *i);

/* Takes nothing new, gives hand-overs under way ten seconds, then calls stopped(). */
void inbox_stop(struct inbox *i);

#endif
