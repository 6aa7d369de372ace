/* msg/edge_queue.h - the edge hands accepted mail over; the admin role does the same for `postern send` and the API.
 * The queue role answers SUBMIT_DONE only after the commit is on disk. Also carries msg/directory_msg.h. */
#ifndef MSG_EDGE_QUEUE_H
#define MSG_EDGE_QUEUE_H

#include "base/envelope.h"
#include "msg/codec.h"
#include "msg/directory_msg.h"

enum {
    EDGE_SUBMIT = 1,  /* edge > queue */
    EDGE_SUBMIT_DONE, /* queue > edge */
    EDGE_QUEUE_STATE, /* queue > edge: may mail be accepted at all? */
};

#define EDGE_BODY_INLINE 65536 /* larger bodies travel as a descriptor */
#define EDGE_RECIPIENTS 1000

#define MSG_SUBMIT_RECIPIENT(F, L) \
    F(TEXT, address, 1024) \
    F(U32, notify, 0)    /* enum envelope_notify, 0: not given */ \
    F(TEXT, orcpt, 1024) /* "rfc822;a@b" in xtext, or "" */
MSG_STRUCT(submit_recipient, MSG_SUBMIT_RECIPIENT);

#define MSG_SUBMIT(F, L) \
    F(U64, tag, 0) \
    F(TEXT, app, 256)     /* "key:NAME" : by a key of the API; "" : a local program */ \
    F(TEXT, mailbox, 320) /* the way out */ \
    F(TEXT, sender, 1024) /* "" : null reverse-path */ \
    F(TEXT, peer, 128) \
    F(TEXT, session, 64) /* the log's session id */ \
    F(BOOL, is_8bit, 0) \
    F(BOOL, is_smtputf8, 0) \
    F(U32, ret, 0) /* enum envelope_ret */ \
    F(TEXT, envid, 512) \
    F(TEXT, message_id, 1024) /* "" : the queue looks for itself, for the subject too */ \
    F(TEXT, subject, 1024)    /* decoded and cut */ \
    F(TEXT, repeat_of, 320)   /* whose repeat_key it is */ \
    F(TEXT, repeat_key, 256)  /* a send with the same key is the same send; "" : none */ \
    F(TEXT, digest, 65)       /* of what was sent with the key */ \
    F(U64, size, 0)           /* of the whole message */ \
    L(submit_recipient, recipients, EDGE_RECIPIENTS) \
    F(BYTES, body, EDGE_BODY_INLINE) /* the message, CRLF line ends, not dot-stuffed; empty when it is in fd */ \
    F(FD, fd, 0)                     /* an unnamed file in the spool directory (O_TMPFILE), positioned anywhere */
MSG_STRUCT(submit, MSG_SUBMIT);

#define MSG_SUBMIT_DONE(F, L) \
    F(U64, tag, 0) \
    F(U64, id, 0)           /* the message's id; 0: refused */ \
    F(BOOL, is_repeated, 0) /* the id is what the first send with this key became */ \
    F(U32, kind, 0)         /* enum fault_kind: RETRY and LOCAL are 4xx, REJECT is 5xx */ \
    F(TEXT, enhanced, 16)   /* "4.3.1", "" to choose by kind */ \
    F(TEXT, finding, 48) \
    F(TEXT, text, 512)
MSG_STRUCT(submit_done, MSG_SUBMIT_DONE);

#define MSG_QUEUE_STATE(F, L) \
    F(BOOL, is_open, 0) \
    F(TEXT, why, 512) /* disk nearly full, store down: said to clients at MAIL with 452 4.3.1 */
MSG_STRUCT(queue_state, MSG_QUEUE_STATE);

#endif
