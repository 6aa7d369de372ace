/* route/route.h - who may send as whom, with which identity, by which way out.
 *
 * Pure: a directory and names in, a decision out. The same rules hold for every way in (SMTP, API, sendmail). Microsoft would find
 * a wrong sender only after DATA, and throttles a mailbox that tries often; so it is found here, with the fix in the refusal.
 *
 *   - An app may send as the address, the aliases and the shared addresses of its mailboxes. The mailbox that owns the sender
 *     is the way out; of several, the one picked at sign-in.
 *   - The null sender is always allowed and stays null: its way out is the picked mailbox.
 *   - `force_sender` replaces every other sender, in envelope and From. `any_sender` leaves the judgement to the provider.
 *   - A paused mailbox takes mail: pausing holds what goes out, not what comes in.
 *
 * Refusals are FAULT_REJECT with id "route.sender" (this identity is not allowed; 550 5.7.1) or "route.header" (the From field
 * can't be judged; 550 5.7.1), and FAULT_CONFIG with "route.mailbox" or "mailbox.protocol" (there is no way out now; 451 4.3.5). */
#ifndef ROUTE_ROUTE_H
#define ROUTE_ROUTE_H

#include "base/arena.h"
#include "base/fault.h"
#include "object/directory.h"
#include "proto/mime/header.h"

struct route {
    const char *mailbox; /* address of the way out */
    const char *sender;  /* for the envelope; "" : null */
    const char *from;    /* rewrite the From field to this address; "" : leave it */
    bool any_sender;
    uint64_t size_limit; /* of the mailbox, in bytes; 0: none is known */
};

/* `picked` is the mailbox chosen at sign-in; "" : the app's first. The route's texts live in `arena`. */
bool route_app(const struct directory *d, const char *app, const char *picked, const char *sender, struct arena *arena,
               struct route *out, struct fault *why);

/* The same rules for a key of the API that is limited to some mailboxes; `who` is "key:NAME", for the texts. */
bool route_limited(const struct directory *d, const char *who, const char *const *mailboxes, size_t mailboxes_count,
                   const char *picked, const char *sender, struct arena *arena, struct route *out, struct fault *why);

/* For programs on this machine that call sendmail: the mailbox that owns the sender; else `fallback` (the setting
 * sendmail.mailbox); else the only mailbox there is. Without an owner the sender is no address that a provider knows ("root@host"):
 * envelope and From are then rewritten to the mailbox's own address. */
bool route_local(const struct directory *d, const char *fallback, const char *sender, struct arena *arena,
                 struct route *out, struct fault *why);

/* Once the header section is there: may this From leave by this route? A message without any From field passes, as it claims
 * nobody's identity. `app` is for the text; "" : a local program. */
bool route_header(const struct directory *d, const char *app, const struct route *r, const struct mime_header *h,
                  struct fault *why);

/* The name to sign in with at the provider (lent by `m`). The holder of the sign-in may be another than the mailbox: a delegate of a
 * shared one. Exchange takes the shared mailbox's address for IMAP and POP3, and the delegate's own for SMTP; an application signs in as
 * the mailbox; a password belongs to the one who has it. */
const char *route_identity(const struct mailbox *m, uint32_t protocol);

#endif
