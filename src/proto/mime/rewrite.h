/* proto/mime/rewrite.h - the "forced sender": one pass over a streaming message that puts another address into its From.
 *
 * With `from`: the From field's address is replaced, its display name stays; further From fields go. The original From
 * becomes Reply-To if the message has none and it named somebody else. A Sender that names another address goes, for it
 * would contradict the new single From (RFC 5322 3.6.2). A missing From is added. A From that already says the right thing
 * stays as it is. A leading "From " line of a mailbox file goes. Where a stray line ended the header, an empty line is put
 * before it, so that nobody reads on and finds another From there.
 * With `date` and `message_id`: these fields are added if they are missing, as a submission server may (RFC 6409 8.2, 8.3).
 * Everything else, and everything after the header, goes through octet for octet. Added fields stand at the header's end.
 * Memory: the arena's, bounded by MIME_FIELD_LIMIT per field looked at. */
#ifndef PROTO_MIME_REWRITE_H
#define PROTO_MIME_REWRITE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

struct mime_rewrite;

struct mime_rewrite_plan {
    const char *from;       /* address; NULL or "": From and Sender stay */
    const char *date;       /* RFC 5322 date-time; NULL: not added */
    const char *message_id; /* "<left@right>"; NULL: not added */
};

/* False: the octets can't be kept; the message is given up, feed() returns false with the fault untouched. */
typedef bool mime_write_fn(void *ctx, struct bytes out /* lent for the call */);

/* The plan and its texts are lent until mime_rewrite_end(). */
struct mime_rewrite *mime_rewrite_new(struct arena *arena /* lent */, const struct mime_rewrite_plan *plan,
                                      mime_write_fn *write, void *ctx);
/* Refuses (REJECT) a header section over MIME_HEADER_LIMIT. */
bool mime_rewrite_feed(struct mime_rewrite *r, struct bytes in, struct fault *why);
bool mime_rewrite_end(struct mime_rewrite *r, struct fault *why);

#endif
