/* msg/token_msg.h - "what do I sign in with for this mailbox?", asked of the vault by relay, edge (for its bridges) and inbox. */
#ifndef MSG_TOKEN_MSG_H
#define MSG_TOKEN_MSG_H

#include "msg/codec.h"

enum {
    TOKEN_ASK = 700, /* relay, edge, inbox > vault; beside the pair's own messages */
    TOKEN_ANSWER,    /* vault > the asker */
    TOKEN_TROUBLE,   /* asker > vault: what came behind a good sign-in */
};

#define MSG_TOKEN_ASK(F, L) \
    F(U64, tag, 0) \
    F(TEXT, mailbox, 320) \
    F(U32, protocol, 0)  /* one of enum object_protocol: decides the scope */ \
    F(U64, refused, 0)   /* serial of a token that the server just refused: renew unless already newer; 0: none */ \
    F(BOOL, is_fresh, 0) /* a token that is due for renewal will not do: wait for the new one, while there is hope */
MSG_STRUCT(token_ask, MSG_TOKEN_ASK);

#define MSG_TOKEN_ANSWER(F, L) \
    F(U64, tag, 0) \
    F(BOOL, is_ok, 0) \
    F(U32, sasl, 0)    /* enum object_sasl: which kind of credential this is (XOAUTH2 also stands for OAUTHBEARER) */ \
    F(TEXT, user, 320) /* for SASL */ \
    F(SECRET, secret, 16384) /* access token or password */ \
    F(U64, serial, 0)        /* counts up with every new token of this grant */ \
    F(I64, expires_ms, 0)    /* wall clock; 0: never */ \
    F(U32, kind, 0)          /* enum fault_kind when not ok */ \
    F(U32, retry_after_s, 0) \
    F(TEXT, id, 48) \
    F(TEXT, text, 512)
MSG_STRUCT(token_answer, MSG_TOKEN_ANSWER);

/* "User is authenticated but not connected" and its like. Shown on the mailbox until a session that can read says that it is over. */
#define MSG_TOKEN_TROUBLE(F, L) \
    F(TEXT, mailbox, 320) \
    F(U32, protocol, 0) \
    F(TEXT, id, 48) /* finding; "" : it can be read */ \
    F(TEXT, text, 512)
MSG_STRUCT(token_trouble, MSG_TOKEN_TROUBLE);

#endif
