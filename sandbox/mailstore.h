/* sandbox/mailstore.h - the mail that arrived: DIR/mail/N.eml has its bytes, a line of DIR/mail/index.jsonl what is known of it.
 *
 * The list is kept in memory too. Messages stand in folders of mailboxes (mailboxes.h); the index has a line for each change
 * of those as well. A message that left every folder stays in the list: what arrived, arrived. */
#ifndef SANDBOX_MAILSTORE_H
#define SANDBOX_MAILSTORE_H

#include <jansson.h>

#include "base/bytes.h"
#include "base/fault.h"
#include "loop/loop.h"
#include "sandbox/mailboxes.h"

struct mailstore;
struct mail_draft;

/* Takes in what an earlier run left in `dir`. */
struct mailstore *mailstore_open(struct loop *loop /* lent */, const char *dir, struct fault *why);
void mailstore_close(struct mailstore *s); /* takes NULL */

struct mail_draft *mail_draft_new(struct mailstore *s);
void mail_draft_free(struct mail_draft *d); /* takes NULL; nothing is kept */
/* False: the disk refused. */
bool mail_draft_add(struct mail_draft *d, struct bytes data);
uint64_t mail_draft_size(const struct mail_draft *d);
/* The header block as far as it has arrived (at most 64 KiB), lent. */
struct bytes mail_draft_header(const struct mail_draft *d);
/* Puts another header in front of, or in the place of, the one with that name: for what Exchange rewrites. `line` ends with
 * CRLF; NULL only takes the old one out. Only while the message is small enough to be in memory (256 KiB); else false. */
bool mail_draft_set_header(struct mail_draft *d, const char *name, const char *line);

/* Keeps the message; adds id, received, size, sha256, subject and message_id to `facts`, and `folders` (an array of
 * {mailbox, folder, flags?}) gets UIDs. `received` may be there already (INTERNALDATE). The draft is gone afterwards. Returns the id, or 0 with a fault. */
uint64_t mailstore_keep(struct mailstore *s, struct mail_draft *d /* taken */, json_t *facts /* taken */,
                        struct fault *why);

json_t *mailstore_list(const struct mailstore *s, uint64_t after_id, size_t limit); /* given */
json_t *mailstore_get(const struct mailstore *s, uint64_t id);                      /* lent; NULL: none */
bool mailstore_raw(const struct mailstore *s, uint64_t id, struct buf *out);
/* The message as a file in memory, given: unmap it. False: the file is gone. */
bool mailstore_map(const struct mailstore *s, uint64_t id, struct bytes *out);
void mailstore_unmap(struct bytes *message); /* harmless on one that is not mapped */
struct mailboxes *mailstore_boxes(struct mailstore *s);
size_t mailstore_count(const struct mailstore *s);
void mailstore_clear(struct mailstore *s);

#endif
