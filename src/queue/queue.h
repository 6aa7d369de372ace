/* queue/queue.h - accepted mail, kept until every recipient has an outcome: accept, schedule, pace, retry, give up, report.
 *
 * Promise: once `submitted` reports an id, the message survives power loss and the death of any process. Policy only: the store
 * keeps the bytes, the relay delivers, the host (a role, or a test) carries messages. Everything runs in the loop's thread;
 * submits and outcomes of one turn share one commit at its end.
 *
 * A mailbox's trouble is its own: a sign-in, connection or throttling fault rests the whole mailbox (one probe at a time), a
 * fault for a person holds it, and neither delays another mailbox or bounces anything before the message's lifetime ends. */
#ifndef QUEUE_QUEUE_H
#define QUEUE_QUEUE_H

#include "conf/conf.h"
#include "loop/loop.h"
#include "msg/admin_msg.h"
#include "msg/edge_queue.h"
#include "msg/queue_inbox.h"
#include "msg/queue_relay.h"
#include "msg/queue_vault.h"
#include "object/directory.h"

struct queue;

struct queue_host {
    /* Deliver this once; queue_attempt_done() answers, later. Lent for the call, `a->fd` too. Only called while a relay is up.
     * False: it can't be told to the relay, and there will be no answer. */
    bool (*attempt)(void *ctx, const struct attempt *a);
    size_t (*relay_pending)(void *ctx); /* bytes still on their way to the relay; may be NULL */
    /* To every peer with a directory. */
    void (*object_changed)(void *ctx, const struct directory_object *o);
    /* To every edge: accepting mail or not; also what queue_state() gives. The text is for clients and names no paths. */
    void (*state_changed)(void *ctx, const struct queue_state *state);
    /* To the inbox: a person wants this item tried again, or gone. May be NULL. */
    void (*item_changed)(void *ctx, const struct inbox_item *item);
};

/* Opens the store in conf->state, loads objects and the schedule. `conf`, `host` and `ctx` are lent for life. */
struct queue *queue_new(struct loop *l, const struct conf *conf, const struct queue_host *host, void *ctx,
                        struct fault *why);
void queue_free(struct queue *q); /* commits what is pending; takes NULL */
/* Starts no more attempts; `drained` runs (once, later) when none is in flight and all is committed, or after QUEUE_DRAIN_MS. */
#define QUEUE_DRAIN_MS 10000
typedef void queue_drained_fn(void *ctx);
void queue_drain(struct queue *q, queue_drained_fn *drained, void *ctx);
void queue_reload(struct queue *q, const struct conf *conf);
struct queue_state queue_state(const struct queue *q); /* texts lent until the next turn */

/* `m` is lent, m->fd taken. `submitted` runs exactly once, never from inside; with id 0 nothing was kept and `why` says why. A message
 * with a repeat_key is kept once within QUEUE_REPEAT_MS: the same again is answered with the first one's id (`is_repeated`), another
 * with the same key is refused ("api.idempotency"). */
#define QUEUE_REPEAT_MS (24 * 3600 * 1000)
typedef void queue_submitted_fn(void *ctx, uint64_t tag, uint64_t id, bool is_repeated, const struct fault *why);
void queue_submit(struct queue *q, const struct submit *m, queue_submitted_fn *submitted, void *ctx);
void queue_forget(struct queue *q, void *ctx); /* whoever `ctx` is, it gets no more answers */

void queue_relay_up(struct queue *q);
void queue_relay_down(struct queue *q); /* what was in flight is tried again */
void queue_attempt_done(struct queue *q, const struct attempt_done *done);
void queue_mailbox_state(struct queue *q, const struct mailbox_state *state); /* the vault's word */

/* Every stored object, for a peer that came up; built-in providers are in each directory already. */
typedef void queue_object_fn(void *ctx, const struct directory_object *o);
void queue_objects_each(struct queue *q, queue_object_fn *each, void *ctx);
uint64_t queue_objects_version(struct queue *q);

/* The verbs of doc/internal-api.md. `answer` is lent for the call (its descriptor too) and filled before this returns. */
typedef void queue_answer_fn(void *ctx, const struct admin_answer *answer);
void queue_ask(struct queue *q, const struct admin_ask *ask, queue_answer_fn *answered, void *ctx);

#endif
