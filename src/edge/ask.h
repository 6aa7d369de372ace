/* edge/ask.h - questions to another role: each is answered once, fails with its role, or runs out of time.
 *
 * Questions of one kind all have the same patience and are mostly answered in the order of asking, so a list is both the clock
 * and the index. */
#ifndef EDGE_ASK_H
#define EDGE_ASK_H

#include "loop/loop.h"

struct ask;
enum ask_failure { ASK_LATE, ASK_PEER_LOST };
typedef void ask_failed_fn(struct ask *a, enum ask_failure how);

struct asks {
    struct loop *loop;
    struct list pending;
    struct loop_timer clock;
    ask_failed_fn *failed;
    uint64_t last_tag;
};

/* Embedded in the asker. */
struct ask {
    struct list node;
    uint64_t tag; /* 0: nothing is asked */
    int64_t due_ms;
};

void asks_init(struct asks *q, struct loop *l, ask_failed_fn *failed);
void asks_fini(struct asks *q);
uint64_t ask_begin(struct asks *q, struct ask *a);      /* returns the tag to send */
void ask_forget(struct ask *a);                         /* harmless when nothing is asked */
struct ask *ask_answered(struct asks *q, uint64_t tag); /* forgets and returns it; NULL: too late, or never asked */
void asks_fail_all(struct asks *q);                     /* the peer is gone */

#endif
