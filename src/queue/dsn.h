/* queue/dsn.h - reports for a sender: RFC 3464 inside RFC 6522, with words for people in front. Pure: facts in, a message out. */
#ifndef QUEUE_DSN_H
#define QUEUE_DSN_H

#include <jansson.h>

#include "base/bytes.h"
#include "queue/queue_private.h"

struct dsn_recipient {
    const char *address, *orcpt, *enhanced, *last;
    uint32_t code;
    const json_t *finding; /* as finding_json() makes them, or NULL */
};

struct dsn {
    enum report_kind kind;
    uint64_t id; /* of the message reported on */
    uint64_t report_id;
    const char *hostname; /* ours */
    const char *from;     /* the mailbox: it may only send as itself */
    const char *to;       /* the sender */
    const char *host;     /* who answered, or "" */
    const char *envid;
    int64_t arrived, now, last_attempt, expires; /* 0: not known */
    bool is_utf8, is_8bit;
    bool is_expired; /* given up for its age, not for an answer */
    const struct dsn_recipient *recipients;
    size_t count;
    struct bytes original; /* whole, or its header */
    bool is_whole;
};

#define DSN_SIZE_LIMIT (1u << 20)

/* CRLF line ends. `out` needs a limit of at least DSN_SIZE_LIMIT. False if it would be larger. */
bool dsn_compose(const struct dsn *d, struct buf *out);

/* The status code of a recipient (RFC 3463): the server's own where it gave a fitting one. */
void dsn_status(enum report_kind kind, bool is_expired, uint32_t code, const char *enhanced, char *out, size_t size);
/* Decodes xtext (RFC 3461 4); what is not printable ASCII becomes '?'. */
void dsn_xtext(const char *in, char *out, size_t size);

#endif
