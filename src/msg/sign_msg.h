/* msg/sign_msg.h - signatures with keys that never leave the vault: what an endpoint's webhook carries, and links to raw mail. */
#ifndef MSG_SIGN_MSG_H
#define MSG_SIGN_MSG_H

#include "msg/codec.h"

enum {
    SIGN_ASK = 720, /* inbox > vault; the admin role can only ask whether a link's signature is right ("link.check") */
    SIGN_ANSWER,    /* vault > inbox */
};

/* HMAC-SHA256 of `text`, by the key of that name: "endpoint/NAME" (made with the endpoint, shown once) or "link" (made when first
 * needed, shown to nobody). The vault adds nothing to the text; whoever asks makes sure that texts of two uses can't be alike. */
#define MSG_SIGN_ASK(F, L) F(U64, tag, 0) F(TEXT, key, 300) F(TEXT, text, 2048)
MSG_STRUCT(sign_ask, MSG_SIGN_ASK);

#define MSG_SIGN_ANSWER(F, L) \
    F(U64, tag, 0) F(BOOL, is_ok, 0) F(TEXT, signature, 80) /* 64 hex digits */ F(TEXT, id, 48) F(TEXT, text, 512)
MSG_STRUCT(sign_answer, MSG_SIGN_ANSWER);

#endif
