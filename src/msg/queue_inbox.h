/* msg/queue_inbox.h - the inbox role and the keeper of its memory: which mail of a folder was seen, and what became of it.
 *
 * The queue role owns the store. After a channel opens it sends the directory, then every place and every item that is not
 * finished, with what else is known of the place, and INBOX_RECALLED last. Until then the inbox touches no mailbox. Changes by the
 * inbox are answered by INBOX_SAVED once they are on disk; only then does it act on them:
 *
 *   new item WAITING  -> saved -> handed over -> HANDED -> saved -> what `after` asks for -> DONE
 *
 * so a death between any two steps repeats at most the mail in hand and loses none. Also carries msg/directory_msg.h. */
#ifndef MSG_QUEUE_INBOX_H
#define MSG_QUEUE_INBOX_H

#include "msg/directory_msg.h"

enum {
    INBOX_PLACE = 300, /* both ways: inbox > queue to keep, queue > inbox at recall */
    INBOX_ITEM,        /* both ways; queue > inbox also when a person retries or removes one */
    INBOX_KNOWN,       /* queue > inbox at recall: UIDs (from the floor on) and UIDLs that are finished */
    INBOX_RECALLED,    /* queue > inbox: all was sent */
    INBOX_SAVED,       /* queue > inbox: the change with this tag is on disk, or could not be written */
    INBOX_LOOKUP_ASK, /* inbox > queue: which fingerprints did this place, which Message-IDs this endpoint have before? */
    INBOX_LOOKUP_ANSWER,
    INBOX_BOUNCED, /* inbox > queue: a report on mail that we sent came back; fire and forget */
};

enum inbox_state {
    INBOX_WAITING, /* to be handed over, at next_ms */
    INBOX_HANDED,  /* handed over; `after` is still to be done at the provider */
    INBOX_DONE,
    INBOX_SKIPPED, /* the filter did not want it, it was old, or a duplicate; kept only to be known */
    INBOX_PARKED,  /* patience or the endpoint's own word ended it: a person decides */
    INBOX_REMOVED, /* by a person */
    INBOX_STATES,
};

enum inbox_flag {
    INBOX_REPLY = 1,     /* it answers another message */
    INBOX_BOUNCE = 2,    /* a delivery report */
    INBOX_AUTOMATIC = 4, /* auto-submitted, or an auto-reply */
    INBOX_BODY = 8,      /* the store keeps its body (set by the store) */
};

/* A folder of a mailbox as an endpoint knows it. Key: endpoint, mailbox and folder. */
#define MSG_INBOX_PLACE(F, L) \
    F(U64, tag, 0) \
    F(TEXT, endpoint, 256) \
    F(TEXT, mailbox, 320) \
    F(TEXT, folder, 1024) \
    F(U32, protocol, 0)    /* OBJECT_IMAP or OBJECT_POP3 */ \
    F(U64, uidvalidity, 0) /* 0 with POP3 */ \
    /* UIDs below this were looked at: each is finished, or stands as an item that is sent at recall. With POP3: items with ids below
     * this are finished, and their mail is no longer on the server; 0 until the first look has ended. Only what lies below is ever forgotten. */ \
    F(U64, floor, 0) \
    F(I64, began_ms, 0)    /* wall clock of the first look: mail from before is old */ \
    F(BOOL, is_removed, 0) /* forget the place and its items; the endpoint is gone */
MSG_STRUCT(inbox_place, MSG_INBOX_PLACE);

/* One message at one endpoint. Key: id. The queue role keeps the newest and prunes finished ones below the floor by itself. */
#define MSG_INBOX_ITEM(F, L) \
    F(U64, tag, 0) \
    F(U64, id, 0) /* milliseconds since 1970 above a counter of 20 bits; made by the inbox */ \
    F(TEXT, endpoint, 256) \
    F(TEXT, mailbox, 320) \
    F(TEXT, folder, 1024) \
    F(U64, uidvalidity, 0) \
    F(U64, uid, 0)            /* 0 with POP3 */ \
    F(TEXT, uidl, 128)        /* "" with IMAP */ \
    F(TEXT, fingerprint, 64)  /* hex; the same message has the same one under any UID */ \
    F(TEXT, message_id, 1024) /* with its angle brackets; "" : none */ \
    F(U32, state, 0)          /* enum inbox_state */ \
    F(U32, flags, 0)          /* set of enum inbox_flag */ \
    F(U32, attempts, 0) \
    F(I64, received_ms, 0) /* by the provider (INTERNALDATE), else when it was seen */ \
    F(I64, seen_ms, 0)     /* when it was first seen here */ \
    F(I64, next_ms, 0)     /* WAITING: not before */ \
    F(I64, finished_ms, 0) /* 0: not yet */ \
    F(U64, size, 0) \
    F(TEXT, sender, 1024) \
    F(TEXT, recipients, 4096)  /* To and Cc, parted by ", " */ \
    F(TEXT, subject, 2048)     /* UTF-8 */ \
    F(TEXT, in_reply_to, 1024) /* the Message-ID it answers, or reports on; "" : none */ \
    F(U64, queued_id, 0)       /* set by the queue role: the message of ours that it answers or reports on; 0: none */ \
    F(TEXT, last, 1024)        /* words of the last outcome */ \
    F(TEXT, finding, 48) \
    F(I64, keep_until_ms, 0) /* how long the body is kept; 0: no body is kept */ \
    F(FD, fd, 0)             /* inbox > queue: the body to keep (a regular file, read from its start); -1: leave it */
MSG_STRUCT(inbox_item, MSG_INBOX_ITEM);

#define INBOX_KNOWN_MAX 2000
#define MSG_INBOX_KEY(F, L) F(U64, id, 0) F(U64, uid, 0) F(TEXT, uidl, 128) /* id: of the item */
MSG_STRUCT(inbox_key, MSG_INBOX_KEY);

#define MSG_INBOX_KNOWN(F, L) \
    F(TEXT, endpoint, 256) \
    F(TEXT, mailbox, 320) \
    F(TEXT, folder, 1024) L(inbox_key, keys, INBOX_KNOWN_MAX) /* several such messages may come */
MSG_STRUCT(inbox_known, MSG_INBOX_KNOWN);

#define MSG_INBOX_RECALLED(F, L) F(U64, last_id, 0) /* the highest item id ever kept */
MSG_STRUCT(inbox_recalled, MSG_INBOX_RECALLED);

#define MSG_INBOX_SAVED(F, L) \
    F(U64, tag, 0) \
    F(BOOL, is_ok, 0) \
    F(U64, queued_id, 0) /* for an item: as above */ \
    F(TEXT, text, 512)
MSG_STRUCT(inbox_saved, MSG_INBOX_SAVED);

#define INBOX_LOOKUP_MAX 500
#define MSG_INBOX_MARK(F, L) F(TEXT, fingerprint, 64) F(TEXT, message_id, 1024)
MSG_STRUCT(inbox_mark, MSG_INBOX_MARK);

/* Either text of a mark may be ""; what is there must match. A fingerprint counts in this place, a Message-ID in all of the
 * endpoint; SKIPPED ones count by fingerprint, and not by Message-ID. */
#define MSG_INBOX_LOOKUP_ASK(F, L) \
    F(U64, tag, 0) \
    F(TEXT, endpoint, 256) \
    F(TEXT, mailbox, 320) \
    F(TEXT, folder, 1024) L(inbox_mark, marks, INBOX_LOOKUP_MAX)
MSG_STRUCT(inbox_lookup_ask, MSG_INBOX_LOOKUP_ASK);

#define MSG_INBOX_LOOKUP_ANSWER(F, L) \
    F(U64, tag, 0) F(BOOL, is_ok, 0) F(BYTES, known, INBOX_LOOKUP_MAX) /* 1 or 0 each */
MSG_STRUCT(inbox_lookup_answer, MSG_INBOX_LOOKUP_ANSWER);

#define MSG_INBOX_BOUNCED(F, L) \
    F(TEXT, mailbox, 320) \
    F(TEXT, message_id, 1024) /* of the message that was reported on */ \
    F(TEXT, recipient, 1024) \
    F(TEXT, action, 16) /* failed, delayed, delivered, relayed, expanded */ \
    F(TEXT, status, 16) /* "5.1.1" */ \
    F(TEXT, diagnostic, 1024) \
    F(TEXT, host, 256) /* who says so */
MSG_STRUCT(inbox_bounced, MSG_INBOX_BOUNCED);

#endif
