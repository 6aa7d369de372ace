/* proto/front/watch.h - a signed-in session passing by: octets go through as they are, except what must not leak.
 *
 * The engine looks at line starts only and steps over literals (IMAP), messages (POP3) and everything of no concern, at the speed
 * of memchr(). It never holds back more than WATCH_HOLD octets, and none once a line is known to be of no concern.
 *
 * What it changes, server to client:
 *   IMAP  untagged and bracketed CAPABILITY: without STARTTLS, LOGINDISABLED, COMPRESS=, AUTH=, SASL-IR, UNAUTHENTICATE, and what the provider
 *         offers but does not keep (IMAP4rev2 and ENABLE at Exchange Online, where `without` says so)
 *   POP3  the list that answers CAPA: without STLS, SASL and USER
 *   SMTP  the reply to EHLO: without STARTTLS and AUTH
 * What it tells (each at most once a session): the ends of sessions and refusals that have a finding: BYE with AccessTokenExpired,
 * "authenticated but not connected", throttling, SMTP 421 and 5.7.x.
 * A session that can't be followed any more (COMPRESS, a message sent before 354, 65,536 commands under way) passes unchanged, and is
 * never between.
 * What it remembers: whether the client is in IDLE or in the middle of a command, so that a farewell may be put in. */
#ifndef PROTO_FRONT_WATCH_H
#define PROTO_FRONT_WATCH_H

#include "base/bytes.h"
#include "proto/front/front.h"

#define WATCH_HOLD 8192 /* a line of concern that is longer passes unchanged */

struct watch;

enum watch_event {
    WATCH_TOKEN_EXPIRED, /* IMAP BYE at the token's end: the vault may renew it now */
    WATCH_NOT_CONNECTED, /* "User is authenticated but not connected" */
    WATCH_THROTTLED,     /* the server's wish to be left alone */
    WATCH_BYE,           /* any other end that the server announced: BYE, 421, -ERR with close */
    WATCH_REFUSED,       /* SMTP: a reply over 499 that is about the mailbox or sender, not about a recipient */
    WATCH_SIGNED_OUT,    /* the client said LOGOUT or QUIT: the end of the connection is in order */
};

struct watch_host {
    /* Goes to the client; lent. */
    void (*to_client)(void *ctx, struct bytes out);
    void (*event)(void *ctx, enum watch_event what, struct bytes line /* without its end, cut at 1,000 */);
};

struct watch *watch_new(enum front_protocol p,
                        const char *without /* names parted by blanks, "X=" for all that begin so; copied */,
                        const struct watch_host *host /* copied */, void *ctx);
void watch_free(struct watch *w); /* takes NULL */
/* Upstream's octets: all are used; to_client() runs with pieces of `in` or of what was held, in order. */
void watch_from_server(struct watch *w, struct bytes in);
/* The client's octets, before they go upstream unchanged; the first are those that front_feed() left. POP3 and SMTP can't tell
 * answers apart without them. */
void watch_from_client(struct watch *w, struct bytes in);
/* Both sides are between commands as far as can be seen, and nothing is held: a line of ours may be put in. */
bool watch_is_between(const struct watch *w);
/* The server's side alone: the client is in the middle of no answer, though one may be due. A farewell may stand there if upstream is
 * gone; what is held goes with it. */
bool watch_is_at_start(const struct watch *w);
/* The server's capability list made fit, for front_accept() and front_policy: names parted by blanks (IMAP) or lines (POP3, SMTP); cut to
 * what `size` holds. */
void watch_capabilities(enum front_protocol p, const char *list, const char *without, char *out, size_t size);

#endif
