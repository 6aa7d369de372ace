/* msg/ask.h - questions to another role: each is answered once, fails with its role, or runs out of time.
 *
 * Questions of one kind all have the same patience and are mostly answered in the order of asking, so a list is both the clock
 * and the index. Who asks says with each question who hears its end, so askers of several rooms can share a line. */
#ifndef MSG_ASK_H
#define MSG_ASK_H

#include "loop/loop.h"

struct ask;
enum ask_failure { ASK_LATE, ASK_PEER_LOST };

/* One of the two runs, once, unless ask_forget() came first. */
struct ask_kind {
    void (*answered)(struct ask *a, const void *message); /* lent for the call */
    void (*failed)(struct ask *a, enum ask_failure how);
};

struct asks {
    struct loop *loop;
    struct list pending;
    struct loop_timer clock;
    int64_t patience_ms;
    uint64_t last_tag;
};

/* Embedded in the asker; all zero before its first use. */
struct ask {
    struct list node;
    const struct ask_kind *kind;
    uint64_t tag; /* 0: nothing is asked */
    int64_t due_ms;
};

void asks_init(struct asks *q, struct loop *l, int64_t patience_ms);
void asks_fini(struct asks *q);
uint64_t ask_begin(struct asks *q, struct ask *a, const struct ask_kind *kind); /* returns the tag to send */
void ask_forget(struct ask *a);                                                 /* harmless when nothing is asked */
/* False: too late, or never asked. */
bool asks_answer(struct asks *q, uint64_t tag, const void *message);
void asks_fail_all(struct asks *q); /* the peer is gone */

#endif
