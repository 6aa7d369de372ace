/* msg/admin_msg.h - the admin role asks queue, vault and relay; each request is a verb and a JSON object, bounded and answered once.
 *
 * Verbs and their JSON are listed in doc/internal-api.md next to the HTTP paths they serve. `secret` travels apart from the
 * JSON so that no JSON text ever holds one. The pair admin-queue also carries EDGE_SUBMIT/EDGE_SUBMIT_DONE (msg/edge_queue.h)
 * and msg/directory_msg.h. */
#ifndef MSG_ADMIN_MSG_H
#define MSG_ADMIN_MSG_H

#include "msg/channel.h"
#include "msg/directory_msg.h"

enum {
    ADMIN_ASK = 500, /* admin > other */
    ADMIN_ANSWER,    /* other > admin; once per tag */
    ADMIN_PROGRESS,  /* other > admin: a step of long work (mailbox test, device sign-in), before the answer */
    ADMIN_CANCEL,    /* admin > other: the asker went away */
};

#define MSG_ADMIN_ASK(F, L) \
    F(U64, tag, 0) \
    F(TEXT, verb, 64) \
    F(TEXT, json, 2097152) /* an object, or "" */ \
    F(SECRET, secret, 65536)
MSG_STRUCT(admin_ask, MSG_ADMIN_ASK);

#define MSG_ADMIN_ANSWER(F, L) \
    F(U64, tag, 0) \
    F(U32, status, 0)        /* as HTTP: 200, 201, 202, 400, 404, 409, 422 (refused with a finding), 503 */ \
    F(TEXT, json, 3145728)   /* the result; or {"title","detail","findings":[..]} */ \
    F(SECRET, secret, 65536) /* a new app password, shown once */ \
    F(FD, fd, 0)             /* a message's body to read */
MSG_STRUCT(admin_answer, MSG_ADMIN_ANSWER);

#define MSG_ADMIN_PROGRESS(F, L) F(U64, tag, 0) F(TEXT, json, 65536)
MSG_STRUCT(admin_progress, MSG_ADMIN_PROGRESS);

#define MSG_ADMIN_CANCEL(F, L) F(U64, tag, 0)
MSG_STRUCT(admin_cancel, MSG_ADMIN_CANCEL);

/* The rows of either side; NULL for what it sends. */
#define ADMIN_ROWS(heard_ask, heard_answer, heard_progress, heard_cancel) \
    CHANNEL_ROW(ADMIN_ASK, admin_ask, heard_ask), CHANNEL_ROW(ADMIN_ANSWER, admin_answer, heard_answer), \
        CHANNEL_ROW(ADMIN_PROGRESS, admin_progress, heard_progress), \
        CHANNEL_ROW(ADMIN_CANCEL, admin_cancel, heard_cancel)

#endif
