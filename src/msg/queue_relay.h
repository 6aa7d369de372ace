/* msg/queue_relay.h - one attempt: take this message, deliver it once, say what became of each recipient. */
#ifndef MSG_QUEUE_RELAY_H
#define MSG_QUEUE_RELAY_H

#include "msg/directory_msg.h"
#include "msg/edge_queue.h"

enum {
    RELAY_ATTEMPT = 1,  /* queue > relay. The queue keeps to the mailbox's limits: one attempt, one connection in use */
    RELAY_ATTEMPT_DONE, /* relay > queue */
};

#define RELAY_BODY_INLINE 262144 /* larger bodies travel as a descriptor */

#define MSG_ATTEMPT(F, L) \
    F(U64, tag, 0) \
    F(U64, id, 0) \
    F(TEXT, mailbox, 320) \
    F(TEXT, sender, 1024) \
    F(BOOL, is_8bit, 0) \
    F(BOOL, is_smtputf8, 0) \
    F(U32, ret, 0) \
    F(TEXT, envid, 512) \
    F(U64, size, 0) \
    L(submit_recipient, recipients, EDGE_RECIPIENTS) \
    F(BYTES, body, RELAY_BODY_INLINE) \
    F(FD, fd, 0) /* read-only; use pread */
MSG_STRUCT(attempt, MSG_ATTEMPT);

enum attempt_class {
    ATTEMPT_DELIVERED,
    ATTEMPT_RETRY,
    ATTEMPT_HOLD,
    ATTEMPT_BOUNCE,
    ATTEMPT_SPLIT /* not this time, at once again */
};

#define MSG_ATTEMPT_RESULT(F, L) \
    F(U32, class, 0) /* enum attempt_class */ \
    F(U32, code, 0)  /* 250, 550, ...; 0: no SMTP answer */ \
    F(TEXT, enhanced, 16) \
    F(TEXT, text, 1024) /* the server's own words, or the fault */ \
    F(TEXT, id, 48)     /* finding id */ \
    F(U32, retry_after_s, 0)
MSG_STRUCT(attempt_result, MSG_ATTEMPT_RESULT);

#define MSG_ATTEMPT_DONE(F, L) \
    F(U64, tag, 0) \
    L(attempt_result, results, EDGE_RECIPIENTS) /* one per recipient, in order */ \
    F(BOOL, is_mailbox_fault, 0) /* sign-in, connection or throttling: concerns every message of the mailbox */ \
    F(BOOL, is_uncertain, 0)     /* connection lost between the final dot and its answer */ \
    F(TEXT, host, 256)           /* who answered */ \
    F(BOOL, dsn_relayed, 0)      /* upstream offers DSN and took NOTIFY: success notices are its job */ \
    F(TEXT, dialogue, 16384)     /* the attempt's lines, secrets masked, cut in the middle */
MSG_STRUCT(attempt_done, MSG_ATTEMPT_DONE);

#endif
