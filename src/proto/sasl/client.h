/* proto/sasl/client.h - the client's side of a sign-in, as far as SMTP, IMAP and POP3 do the same: the mechanisms, the lines that carry
 * a credential, and what is said to a challenge. Which command asks for them is each protocol's own. */
#ifndef PROTO_SASL_CLIENT_H
#define PROTO_SASL_CLIENT_H

#include "base/bytes.h"
#include "base/secret.h"

/* SASL_COMMAND: no mechanism, but the protocol's own command for name and password (LOGIN of IMAP, USER and PASS of POP3). */
enum sasl_mechanism { SASL_NONE, SASL_XOAUTH2, SASL_OAUTHBEARER, SASL_PLAIN, SASL_LOGIN, SASL_COMMAND };

enum { SASL_CLEAR_LIMIT = 24 * 1024 }; /* of a credential's clear bytes; Entra's tokens are 1 to 4 KiB */

const char *sasl_name(enum sasl_mechanism m); /* "XOAUTH2"; "" for none and SASL_COMMAND */
/* A continuation after the answer carries the reason of a refusal; each mechanism has its own word to hear on: an empty line for
 * XOAUTH2, ^A for OAUTHBEARER (RFC 7628 3.2.3), else a cancellation. */
const char *sasl_to_challenge(enum sasl_mechanism m);

/* The base64 of `clear` and CRLF: a line as it goes out; given. */
struct secret *sasl_line(struct bytes clear);
/* `prefix`, `clear` as it is, and CRLF, for commands; given. */
struct secret *sasl_command_line(const char *prefix, struct bytes clear);
/* The line with the one secret answer of the mechanism (LOGIN's is the password); given. `host` and `port` as dialled, for
 * OAUTHBEARER; NULL: not told. NULL: too long, or the mechanism can't carry it. Not for SASL_COMMAND. */
struct secret *sasl_answer(enum sasl_mechanism m, const char *host, uint16_t port, const char *user,
                           struct bytes secret);

/* What servers put into a challenge is often JSON in base64, never promised to be; it is kept for people to read. */
void sasl_challenge_text(struct bytes challenge, char *out, size_t size /* at most 1024 */);

#endif
