/* store/inbound.h - mail that came in: which folders are watched, what was seen there and what became of it, and bodies that are
 * kept for a while. Part of store/store.h: its transactions, faults and ownership hold here too.
 *
 * A place is a folder of a mailbox as an endpoint knows it; its items go with it. Bodies of up to STORE_BODY_INLINE bytes stay in the
 * database, larger ones are files {state}/inbound/<id>. */
#ifndef STORE_INBOUND_H
#define STORE_INBOUND_H

#include "store/store.h"

/* As enum inbox_state and INBOX_BODY of msg/queue_inbox.h, whose message is one of these rows. */
enum store_inbound_state {
    STORE_I_WAITING,
    STORE_I_HANDED,
    STORE_I_DONE,
    STORE_I_SKIPPED,
    STORE_I_PARKED,
    STORE_I_REMOVED,
    STORE_I_STATES,
};
#define STORE_I_BODY 8 /* flag: its body is kept; set by the store */
static inline bool store_inbound_is_open(uint32_t state)
{
    return state == STORE_I_WAITING || state == STORE_I_HANDED || state == STORE_I_PARKED;
}

struct store_place {
    const char *endpoint, *mailbox, *folder;
    uint32_t protocol;
    uint64_t uidvalidity, floor;
    int64_t began;
};

struct store_item {
    uint64_t id; /* below 2^63 */
    const char *endpoint, *mailbox, *folder;
    uint64_t uidvalidity, uid;
    const char *uidl, *fingerprint, *message_id;
    uint32_t state, flags, attempts;
    int64_t received, seen, next, finished;
    uint64_t size;
    const char *sender, *recipients, *subject, *in_reply_to;
    uint64_t queued; /* the message of ours that it answers or reports on; 0: none */
    const char *last, *finding;
    int64_t keep_until;
};

/* New, or its numbers changed. Key: endpoint, mailbox and folder. */
bool store_place_put(struct store *s, const struct store_place *p, struct fault *why);
/* Forgets a place, or all of an endpoint, at once for every reader; its items are taken away by store_inbound_prune(). */
bool store_place_remove(struct store *s, const struct store_place *p /* its key */, struct fault *why);
bool store_place_remove_all(struct store *s, const char *endpoint, struct fault *why);
typedef void store_place_fn(void *ctx, const struct store_place *p);
bool store_place_each(struct store *s, store_place_fn *each, void *ctx, struct fault *why);

/* New, or changed (all but endpoint, mailbox and folder; `queued` 0 leaves what is known). `fd` (taken in every case; -1: the
 * body stays as it is) is a body to keep until keep_until, a regular file of any size; keep_until 0 lets go of one that is
 * kept. What a person removed is not put back to waiting or parked. Faults beside those of the store: FAULT_REJECT
 * "inbound.no-place", and "store.body" for a descriptor that is no such file; both leave the transaction as it was. */
bool store_item_put(struct store *s, const struct store_item *i, int fd, struct fault *why);
/* False with FAULT_REJECT where there is none. */
bool store_item_get(struct store *s, uint64_t id, struct arena *arena, struct store_item *out, struct fault *why);
/* The kept body in the arena, or a new read-only descriptor (given; else -1). FAULT_REJECT "inbound.no-body" where none is kept. */
bool store_item_body(struct store *s, uint64_t id, struct arena *arena, struct bytes *body, int *fd, struct fault *why);
uint64_t store_item_last_id(struct store *s); /* the highest ever kept, 0 if none */

typedef void store_item_each_fn(void *ctx, const struct store_item *i);
/* Those that are not finished, oldest first. */
bool store_item_each_open(struct store *s, store_item_each_fn *each, void *ctx, struct fault *why);
/* Finished ones that a look at the folder has to pass over: of the place's uidvalidity, from its floor on. */
typedef void store_item_key_fn(void *ctx, uint64_t id, uint64_t uid, const char *uidl);
bool store_item_each_known(struct store *s, const struct store_place *p, store_item_key_fn *each, void *ctx,
                           struct fault *why);

/* Had this endpoint such an item before? Empty texts match all, but not both may be empty. A fingerprint counts in this place, a
 * Message-ID alone in every place of the endpoint. Skipped items count by fingerprint, not by Message-ID. */
bool store_item_was_seen(struct store *s, const struct store_place *p /* its key */, const char *fingerprint,
                         const char *message_id, bool *is_known, struct fault *why);

/* As store_message_each(): newest first, with a bound on what is looked at. */
struct store_item_filter {
    uint64_t before;
    const char *endpoint, *mailbox; /* "" : any */
    int64_t since;                  /* first seen */
    bool only_open, only_kept;
    int state; /* of enum store_inbound_state, -1: any */
    size_t scan_max;
};
typedef bool store_item_list_fn(void *ctx, const struct store_item *i);
bool store_item_each(struct store *s, const struct store_item_filter *filter, store_item_list_fn *each, void *ctx,
                     uint64_t *stopped_at, struct fault *why);
/* How many are open, by endpoint and state. */
typedef void store_item_count_fn(void *ctx, const char *endpoint, uint32_t state, uint64_t count);
bool store_item_count(struct store *s, store_item_count_fn *each, void *ctx, struct fault *why);

/* One bounded step: bodies past their time, items of places that are gone, and finished items below the floor whose end lies
 * before `before`. `cursor` (0 at first) is where the search goes on next time; `*is_more`: worth another step soon. */
bool store_inbound_prune(struct store *s, int64_t now, int64_t before, size_t max, uint64_t *cursor, bool *is_more,
                         struct fault *why);
/* Removes body files that no item owns and that are older than `grace_ms`. */
void store_inbound_tidy(struct store *s, int64_t grace_ms);

/* --- what came back for our own mail --- */

/* The newest message of ours that has this Message-ID; 0: none. Messages become findable by store_message_index(), or by being
 * looked for here. Inside a transaction, or not. */
bool store_message_by_id(struct store *s, const char *message_id, uint64_t *id, struct fault *why);
/* Makes at most `max` more messages findable; a transaction is open. */
bool store_message_index(struct store *s, size_t max, bool *is_more, struct fault *why);

#define STORE_BOUNCES_MOST 2000 /* per message; more are not kept */
struct store_bounce {
    const char *recipient;
    int64_t time;
    const char *action, *status, *diagnostic, *host;
};
/* The newest word on a recipient counts, but a delay does not take back a failure. */
bool store_bounce_put(struct store *s, uint64_t message, const struct store_bounce *b, struct fault *why);
typedef void store_bounce_fn(void *ctx, const struct store_bounce *b);
bool store_bounce_each(struct store *s, uint64_t message, store_bounce_fn *each, void *ctx, struct fault *why);

#endif
