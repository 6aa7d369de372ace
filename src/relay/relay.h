/* relay/relay.h - take one message, deliver it once, say what became of each recipient.
 *
 * Knows the way to the upstream server and nobody else's business: no schedule, no store, no refresh token. A credential is asked
 * of the vault for each new connection, after TLS is verified and never before, and used for nothing else. Connections
 * are kept for the next message of the same mailbox. The host's functions may be called from inside any call here. */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include "loop/loop.h"
#include "msg/admin_msg.h"
#include "msg/directory_msg.h"
#include "msg/queue_relay.h"
#include "msg/token_msg.h"
#include "net/resolve.h"

struct relay;

struct relay_host { /* messages are lent for the call */
    /* False: the vault can't be asked now; relay_vault_up() will tell when it can. */
    bool (*ask_token)(void *ctx, const struct token_ask *ask);
    void (*attempt_done)(void *ctx, const struct attempt_done *done);
    void (*progress)(void *ctx, const struct admin_progress *step);
    void (*answer)(void *ctx, const struct admin_answer *answer);
    void (*stopped)(void *ctx); /* after relay_stop(): nothing is under way any more */
};

/* `hostname` is copied, `host` too; loop and resolver are lent for life. */
struct relay *relay_new(struct loop *l, struct resolver *r, const char *hostname, const struct relay_host *host,
                        void *ctx);
void relay_free(struct relay *r); /* attempts under way are dropped without a word; takes NULL */
void relay_set_hostname(struct relay *r, const char *hostname);

/* The queue's keeper of objects came up (again): forget all, it sends everything. */
void relay_directory_reset(struct relay *r);
void relay_directory_object(struct relay *r, const struct directory_object *o);

/* One transaction; answered once by attempt_done. The descriptor is taken, everything else copied. */
void relay_attempt(struct relay *r, const struct attempt *a);
/* Nobody waits for the answers any more. What has not been sent whole is given up, so that it is not delivered twice. */
void relay_queue_down(struct relay *r);

void relay_token(struct relay *r, const struct token_answer *t);
void relay_vault_up(struct relay *r); /* asks again what was not answered */

/* "mailbox.test": steps by progress(), then answer(). */
void relay_admin_ask(struct relay *r, const struct admin_ask *ask);
void relay_admin_cancel(struct relay *r, uint64_t tag);
void relay_admin_down(struct relay *r);

/* Takes nothing new, gives what is under way ten seconds, then calls stopped(). */
void relay_stop(struct relay *r);

#endif
