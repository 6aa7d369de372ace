/* queue/inbound.h - the memory of the inbox role, kept by the queue: msg/queue_inbox.h seen from the store's side.
 *
 * Promise: `saved` says ok only when the change is on disk; changes of one turn share one commit with the mail of that turn. An
 * endpoint that is removed takes its places and items along, and nothing of them is taken in afterwards. */
#ifndef QUEUE_INBOUND_H
#define QUEUE_INBOUND_H

#include "msg/queue_inbox.h"
#include "queue/queue.h"

/* What the inbox has to be told when its channel opened: places, items that are not finished, known keys, and at last RECALLED.
 * Each message is lent for the call. */
struct queue_recall {
    void (*place)(void *ctx, const struct inbox_place *m);
    void (*item)(void *ctx, const struct inbox_item *m);
    void (*known)(void *ctx, const struct inbox_known *m);
    void (*recalled)(void *ctx, const struct inbox_recalled *m);
};
/* False with the fault: the store can't be read. Nothing may be watched then. */
bool queue_inbox_recall(struct queue *q, const struct queue_recall *recall, void *ctx, struct fault *why);

/* `m` is lent, m->fd taken. `saved` runs exactly once, never from inside (unless queue_inbox_forget() was called before). */
typedef void queue_saved_fn(void *ctx, const struct inbox_saved *m);
void queue_inbox_place(struct queue *q, const struct inbox_place *m, queue_saved_fn *saved, void *ctx);
void queue_inbox_item(struct queue *q, const struct inbox_item *m, queue_saved_fn *saved, void *ctx);
void queue_inbox_forget(struct queue *q, void *ctx); /* whoever `ctx` is, it gets no more answers */

/* The answer is complete on return; its bytes are those of `known`. */
void queue_inbox_lookup(struct queue *q, const struct inbox_lookup_ask *m, uint8_t known[INBOX_LOOKUP_MAX],
                        struct inbox_lookup_answer *answer);
/* Somebody reports on mail that was sent from here. Shown with the message, and an event; nothing is sent for it. */
void queue_inbox_bounced(struct queue *q, const struct inbox_bounced *m);

#endif
