/* msg/queue_vault.h - objects to the vault; word of a mailbox's sign-in to the queue. Also carries msg/directory_msg.h. */
#ifndef MSG_QUEUE_VAULT_H
#define MSG_QUEUE_VAULT_H

#include "msg/directory_msg.h"

enum { VAULT_MAILBOX_STATE = 1 /* vault > queue, at start for each mailbox and at each change */ };

#define MSG_MAILBOX_STATE(F, L) \
    F(TEXT, mailbox, 320) \
    F(BOOL, needs_person, 0) /* hold its mail; false releases what was held for this */ \
    F(TEXT, id, 48)          /* finding id */ \
    F(TEXT, text, 512)
MSG_STRUCT(mailbox_state, MSG_MAILBOX_STATE);

#endif
