/* store/store.h - what must survive a power cut: objects, messages and what became of them. The only SQL in the tree hides behind it.
 *
 * Writes happen between store_begin() and store_commit(). A commit that returned true is on disk, bodies included (but for
 * soft ones); one that returned false left nothing behind, and so does store_rollback(). After any false inside a transaction roll back. Everything
 * blocks for as long as the disk does. Texts given are lent for the call; texts returned live in the arena that was given.
 * Times are milliseconds since 1970 UTC. Faults are FAULT_LOCAL with id "store.full", "store.io", "store.corrupt",
 * "store.busy", "store.newer", "store.foreign" or "store.permission"; nothing is ever deleted to get around one.
 *
 * Bodies of up to STORE_BODY_INLINE bytes stay in the database, larger ones are files {state}/spool/<id>. Mail that came in is the
 * matter of store/inbound.h. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

#define STORE_BODY_INLINE 262144
#define STORE_ATTEMPTS_KEPT 12 /* per message: the first and the newest */

struct store;

/* Opens or makes {state}/postern.db and {state}/spool. One process at a time: a second one is refused. */
struct store *store_open(const char *state, struct fault *why);
void store_close(struct store *s); /* rolls back; takes NULL */

bool store_begin(struct store *s, struct fault *why); /* inside a transaction: true, nothing happens */
/* Begins a transaction whose commit does not wait for the disk: it survives the death of this process, but not of the machine
 * until the next ordinary commit or checkpoint. For what may happen twice after a power cut, and for nothing promised. */
bool store_begin_soft(struct store *s, struct fault *why);
bool store_commit(struct store *s, struct fault *why);
void store_rollback(struct store *s);
bool store_is_writing(const struct store *s);
/* Moves the log's pages into the database file, which takes a while: `is_idle` says that nobody waits. Otherwise only a log
 * grown past its bound is moved. Outside transactions. */
void store_checkpoint(struct store *s, bool is_idle);
/* Changes something small and commits it: is the store writable again? */
bool store_probe(struct store *s, struct fault *why);

/* --- objects: JSON texts under kind and key; what they mean is object/'s matter --- */

typedef bool store_object_fn(void *ctx, uint32_t kind, const char *key, const char *json); /* false stops */
bool store_object_each(struct store *s, store_object_fn *each, void *ctx, struct fault *why);
bool store_object_put(struct store *s, uint32_t kind, const char *key, const char *json, struct fault *why);
bool store_object_remove(struct store *s, uint32_t kind, const char *key, struct fault *why);
uint64_t store_object_version(struct store *s); /* counts every change */

/* --- messages --- */

enum store_state { STORE_OPEN, STORE_DELIVERED, STORE_BOUNCED, STORE_PARTIAL, STORE_EXPIRED, STORE_REMOVED };
enum store_recipient_state {
    STORE_R_WAITING,
    STORE_R_DELIVERED,
    STORE_R_BOUNCED,
    STORE_R_EXPIRED,
    STORE_R_REMOVED,
    STORE_R_STATES,
};
enum store_flag {
    STORE_8BIT = 1,
    STORE_SMTPUTF8 = 2,
    STORE_DSN = 4,      /* a report of ours: never reported on */
    STORE_SPOOLED = 8,  /* the body is a file; set by the store */
    STORE_HELD = 16,    /* a person said hold */
    STORE_NOTICED = 32, /* the delay notice was written */
};

struct store_message {
    uint64_t id; /* below 2^63 */
    const char *mailbox, *app, *sender, *peer, *session, *envid;
    uint32_t ret, flags;
    uint64_t size;
    int64_t accepted, expires, next_attempt;
    const char *message_id; /* with its angle brackets; "" : unknown */
    const char *subject;    /* decoded, cut; "" : none or unknown */
    enum store_state state;
    int64_t finished; /* 0: open */
    uint32_t attempts;
};

struct store_recipient {
    uint32_t number; /* place in the message, from 0 */
    const char *address, *orcpt;
    uint32_t notify;
    enum store_recipient_state state;
    uint32_t attempts;
    int64_t next_attempt;
    uint32_t code; /* of the last answer, with its texts */
    const char *enhanced, *last, *finding;
};

struct store_attempt {
    uint32_t number; /* counts up in its message */
    int64_t time;
    const char *host, *outcome, *dialogue;
};

uint64_t store_message_last_id(struct store *s); /* the highest ever kept, 0 if none */
/* The body is `body`, or `fd` (taken in every case) when that is not -1: a regular file of exactly m->size bytes, best without a
 * name and in the spool directory (then it is linked, else copied). Small ones are read into the database.
 * A fault "store.body" (the descriptor is not what was promised) leaves the transaction as it was. */
bool store_message_add(struct store *s, const struct store_message *m, const struct store_recipient *r, size_t count,
                       struct bytes body, int fd, struct fault *why);
/* Writes state, flags, expires, next_attempt, finished and attempts. A message that is no longer open loses its body. */
bool store_message_put(struct store *s, const struct store_message *m, struct fault *why);
/* Writes all but address, notify and orcpt. */
bool store_recipient_put(struct store *s, uint64_t id, const struct store_recipient *r, struct fault *why);
bool store_attempt_add(struct store *s, uint64_t id, const struct store_attempt *a, struct fault *why);

/* False with FAULT_REJECT where there is no such message. */
bool store_message_get(struct store *s, uint64_t id, struct arena *arena, struct store_message *out, struct fault *why);
/* In order of number; all of them, or those waiting with next_attempt <= due (at most `max`). */
bool store_recipient_list(struct store *s, uint64_t id, struct arena *arena, struct store_recipient **out,
                          size_t *count, struct fault *why);
bool store_recipient_due(struct store *s, uint64_t id, int64_t due, size_t max, struct arena *arena,
                         struct store_recipient **out, size_t *count, struct fault *why);
bool store_attempt_list(struct store *s, uint64_t id, struct arena *arena, struct store_attempt **out, size_t *count,
                        struct fault *why);
/* The body in the arena, or a new read-only descriptor (given; else -1). */
bool store_body_get(struct store *s, uint64_t id, struct arena *arena, struct bytes *body, int *fd, struct fault *why);
/* The earliest next_attempt of the waiting recipients; 0 if none waits. */
bool store_message_next(struct store *s, uint64_t id, int64_t *next, struct fault *why);
/* Makes every waiting recipient due at `due`. */
bool store_recipient_due_all(struct store *s, uint64_t id, int64_t due, struct fault *why);

/* Every open message with what a schedule needs, oldest first. */
struct store_open_message {
    struct store_message message;        /* texts: mailbox and app only */
    uint32_t recipients[STORE_R_STATES]; /* how many in each state */
};
typedef void store_open_fn(void *ctx, const struct store_open_message *m);
bool store_open_each(struct store *s, store_open_fn *each, void *ctx, struct fault *why);

/* Newest first, from below `before` (0: the newest). Empty texts match all; sender, recipient and subject match any part, without case;
 * `any` is part of one of these, or how an id begins.
 * At most `scan_max` messages are looked at, because mail waits meanwhile; `stopped_at` is then the last of them, to go on
 * `before`, and 0 if there are no more. `each` returns false to stop before that message. */
struct store_filter {
    uint64_t before;
    const char *mailbox, *sender, *recipient, *subject, *any;
    const char *app;              /* NULL: all */
    const char *const *mailboxes; /* only of these; beside `mailbox` */
    size_t mailboxes_count;       /* 0: all */
    int64_t since, until;         /* accepted from this time, and before that (0: now) */
    bool only_open;
    int state; /* of enum store_state, -1: any */
    size_t scan_max;
};
typedef bool store_message_fn(void *ctx, const struct store_message *m);
bool store_message_each(struct store *s, const struct store_filter *filter, store_message_fn *each, void *ctx,
                        uint64_t *stopped_at, struct fault *why);

/* Forgets at most `max` messages that were finished before `before`. */
bool store_history_prune(struct store *s, int64_t before, size_t max, size_t *removed, struct fault *why);
/* Removes spool files that no open message owns and that are older than `grace_ms`; part of coming back from a crash. */
void store_spool_tidy(struct store *s, int64_t grace_ms);

/* --- sends that are known again by their key --- */

struct store_send {
    const char *sender, *key; /* whose key; together they are one send */
    const char *digest;       /* of what was sent */
    uint64_t message;
    int64_t time;
};
/* `out->message` is 0 where there is none; texts live in `arena`. */
bool store_send_find(struct store *s, const char *sender, const char *key, struct arena *arena, struct store_send *out,
                     struct fault *why);
bool store_send_put(struct store *s, const struct store_send *send, struct fault *why);
bool store_send_prune(struct store *s, int64_t before, struct fault *why);

/* --- counters --- */

/* Recipients accepted upstream, in slots of time whose length is the caller's. */
typedef void store_sent_fn(void *ctx, const char *mailbox, int64_t slot, uint32_t recipients);
bool store_sent_each(struct store *s, int64_t since_slot, store_sent_fn *each, void *ctx, struct fault *why);
bool store_sent_add(struct store *s, const char *mailbox, int64_t slot, uint32_t recipients, struct fault *why);
bool store_sent_prune(struct store *s, int64_t before_slot, struct fault *why);

/* What passed through a mailbox in one hour (counted since 1970). Written as it stands, so that writing twice counts once. */
struct store_hour {
    const char *mailbox;
    int64_t hour;
    uint32_t accepted, delivered, failed, received;
};
typedef void store_hour_fn(void *ctx, const struct store_hour *h);
bool store_hour_each(struct store *s, int64_t since_hour, store_hour_fn *each, void *ctx, struct fault *why);
bool store_hour_put(struct store *s, const struct store_hour *h, struct fault *why);
bool store_hour_prune(struct store *s, int64_t before_hour, struct fault *why);

/* Small numbers with names ("accepted_total"). */
uint64_t store_fact_get(struct store *s, const char *name);
bool store_fact_put(struct store *s, const char *name, uint64_t value, struct fault *why);

/* Names of dropped files already taken in, so that each is taken once. */
bool store_drop_find(struct store *s, const char *name, bool *is_known, struct fault *why);
bool store_drop_add(struct store *s, const char *name, int64_t time, struct fault *why);
bool store_drop_prune(struct store *s, int64_t before, struct fault *why);

#endif
