/* msg/edge_vault.h - is this password an app's? Asked by the edge for every sign-in; answered from a cache in microseconds. */
#ifndef MSG_EDGE_VAULT_H
#define MSG_EDGE_VAULT_H

#include "msg/codec.h"

enum {
    EDGE_LOGIN_ASK = 1, /* edge > vault */
    EDGE_LOGIN_ANSWER,  /* vault > edge */
};

#define MSG_LOGIN_ASK(F, L) \
    F(U64, tag, 0) \
    F(TEXT, user, 640) /* as typed: an app's name, "app%mailbox", or a mailbox address */ \
    F(SECRET, password, 1024) \
    F(TEXT, host, 128)  /* the client's address */ \
    F(U32, protocol, 0) /* one of enum object_protocol */
MSG_STRUCT(login_ask, MSG_LOGIN_ASK);

#define MSG_LOGIN_ANSWER(F, L) \
    F(U64, tag, 0) \
    F(BOOL, is_ok, 0) \
    F(TEXT, app, 256) \
    F(TEXT, mailbox, 320) /* the one picked by the user name; never "" when ok */ \
    F(U32, kind, 0)       /* enum fault_kind when refused: AUTH 535, RETRY 454, ... */ \
    F(TEXT, id, 48) \
    F(TEXT, text, 512)  /* the cause, safe to show to the client: never says whether the app exists */ \
    F(U32, delay_ms, 0) /* tarpit: answer the client only after this long */
MSG_STRUCT(login_answer, MSG_LOGIN_ANSWER);

#endif
