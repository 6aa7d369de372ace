/* proto/smtp/replies.h - reads an SMTP server's replies: several lines, codes, enhanced codes; strict where lax would be dangerous. */
#ifndef PROTO_SMTP_REPLIES_H
#define PROTO_SMTP_REPLIES_H

#include "base/bytes.h"
#include "proto/smtp/client.h"
#include "proto/smtp/lines.h"

#define SMTP_REPLY_LINE_LIMIT 2000
#define SMTP_REPLY_LINES_LIMIT 200

struct smtp_replies {
    struct smtp_lines lines;
    struct buf text;
    struct smtp_reply reply;
    unsigned count;     /* lines of the reply under way */
    const char *breach; /* what was wrong; nothing more can be read then */
    char seen[81];      /* the line that broke it off, made safe */
};

void smtp_replies_init(struct smtp_replies *r);
void smtp_replies_fini(struct smtp_replies *r);
/* Returns the octets used; *is_whole when r->reply is ready (lent until the next call). Look at `breach` afterwards. */
size_t smtp_replies_take(struct smtp_replies *r, struct bytes in, bool *is_whole);

#endif
