/* token/owner.h - a link for the owner of a mailbox, who is nobody here: whoever has it may sign in that one mailbox.
 *
 * At most one per mailbox: a new one makes the older worthless. The vault keeps a hash of its token and its end, so it outlives a
 * restart. It is over once anybody's sign-in for the mailbox is stored; until then it may be opened again and again. */
#ifndef TOKEN_OWNER_H
#define TOKEN_OWNER_H

#include "token/tokens.h"

#define OWNER_LINK_MS (7 * 24 * 3600 * 1000LL)

/* The token, to be shown once; given. `ends_ms`: wall clock. NULL with a fault. */
struct secret *owner_link_new(struct tokens *t, const char *address, int64_t *ends_ms, struct fault *why);
/* The mailbox that the token is for; lent by the directory. NULL with the fault "owner.link", which says nothing of what there is. */
const struct mailbox *owner_link_find(struct tokens *t, struct bytes token, int64_t *ends_ms, struct fault *why);
void owner_link_end(struct tokens *t, const char *address);

#endif
