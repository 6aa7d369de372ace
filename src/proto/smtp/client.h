/* proto/smtp/client.h - the other side: an SMTP submission (or LMTP, RFC 2033) client as a pure engine, a table of what we say and what we do with
 * what we heard. One engine per connection; many transactions, one after the other.
 *
 * The credential is asked for only when it may be sent: after TLS where TLS is set, and when the server offers the mechanism (PLAIN
 * and LOGIN stand in for each other). It goes out in a line of its own (send_secret) and is wiped with the answer. */
#ifndef PROTO_SMTP_CLIENT_H
#define PROTO_SMTP_CLIENT_H

#include "base/bytes.h"
#include "base/fault.h"
#include "proto/smtp/server.h" /* struct smtp_envelope */

struct smtp_client;

enum smtp_client_tls { SMTP_CLIENT_NO_TLS, SMTP_CLIENT_STARTTLS, SMTP_CLIENT_IMPLICIT };
enum smtp_client_sasl {
    SMTP_CLIENT_NO_AUTH,
    SMTP_CLIENT_XOAUTH2,
    SMTP_CLIENT_OAUTHBEARER,
    SMTP_CLIENT_PLAIN,
    SMTP_CLIENT_LOGIN
};

struct smtp_client_options {
    const char *helo; /* our host name */
    const char *host; /* theirs, for OAUTHBEARER */
    uint16_t port;
    enum smtp_client_tls tls;
    enum smtp_client_sasl sasl;
    bool initial_response; /* false: two steps; command lines stay within 512 octets */
    bool is_lmtp;          /* LHLO, and each accepted recipient is answered for after the final dot */
};

struct smtp_reply {
    int code;
    char enhanced[16]; /* "" if none */
    const char *text;  /* lines joined with '\n', codes removed; lent for the call */
};

struct smtp_client_caps {
    bool starttls, pipelining, size, eightbit, smtputf8, dsn, chunking, enhanced;
    bool auth_xoauth2, auth_oauthbearer, auth_plain, auth_login;
    uint64_t size_limit; /* 0: not told */
};

struct smtp_client_host {
    void (*send)(void *ctx, struct bytes out);
    void (*send_secret)(void *ctx, struct bytes out); /* the recorder masks it */
    void (*start_tls)(void *ctx);                     /* then smtp_client_tls_done() */
    /* EHLO (after TLS) is done and sign-in comes next: answer with smtp_client_credential(). Not called with SMTP_CLIENT_NO_AUTH. */
    void (*want_credential)(void *ctx);
    void (*ready)(void *ctx); /* signed in, or a transaction ended: a new one may begin */
    /* Sign-in refused. `challenge` is what the server sent as a continuation after the token, decoded ("" none). Then
     * smtp_client_credential() may try once more on this connection, or smtp_client_quit() leaves. */
    void (*auth_refused)(void *ctx, const struct smtp_reply *reply, const char *challenge);
    /* Refused (code over 299): nothing else of the transaction is reported, `ready` follows. */
    void (*sender_answer)(void *ctx, const struct smtp_reply *reply);
    void (*recipient_answer)(void *ctx, size_t index, const struct smtp_reply *reply);
    /* 354 heard: give the body by smtp_client_body() until smtp_client_body_end(); at least one recipient was accepted. */
    void (*want_body)(void *ctx);
    /* The message's answer. `when` is "data" (before the body) or "body" (after the final dot). Not called if no recipient was accepted. */
    void (*message_answer)(void *ctx, const char *when, const struct smtp_reply *reply);
    /* LMTP only, where it must be there: instead of the answer after the final dot, one for each accepted recipient, in order. */
    void (*stored_answer)(void *ctx, size_t index, const struct smtp_reply *reply);
    /* Any other refusal or breach of protocol: the connection is of no further use. `when`: connect, starttls, auth, mail, rcpt, data,
     * body, idle. A 421 at any step comes here and concerns whatever has no answer yet. `reply` is NULL if it was no reply that broke
     * it off. Ids: smtp.starttls-missing, smtp.starttls-refused, smtp.auth-missing, smtp.not-smtp, smtp.injection, smtp.breach,
     * smtp.credential-unusable, smtp.address-unusable; "" where the reply says it all. */
    void (*failed)(void *ctx, const char *when, const struct smtp_reply *reply, const struct fault *why);
};

/* The host is copied. The client is not to be freed inside a callback: end of turn. */
struct smtp_client *smtp_client_new(const struct smtp_client_options *options /* lent */,
                                    const struct smtp_client_host *host, void *ctx);
void smtp_client_free(struct smtp_client *c);
/* Uses everything. Reply lines over 2,000 octets or 200 lines a reply are a breach of protocol. */
void smtp_client_feed(struct smtp_client *c, struct bytes in);
void smtp_client_tls_done(struct smtp_client *c);
void smtp_client_credential(struct smtp_client *c, const char *user, struct bytes secret);
const struct smtp_client_caps *smtp_client_caps(const struct smtp_client *c);
/* In state ready. The envelope is lent until `ready`, `failed` or free. What the server can't carry (8-bit, SMTPUTF8, size) must be
 * decided before, from caps. DSN parameters are sent if offered. */
void smtp_client_mail(struct smtp_client *c, const struct smtp_envelope *env);
/* Clear bytes with CRLF line ends; dots are stuffed here. */
void smtp_client_body(struct smtp_client *c, struct bytes chunk);
void smtp_client_body_end(struct smtp_client *c); /* adds a missing final CRLF, then the dot */
void smtp_client_quit(struct smtp_client *c);
/* The step, for faults when a connection is lost: connect, starttls, auth, mail, rcpt, data, body, idle. */
const char *smtp_client_when(const struct smtp_client *c);
/* The final dot was given out and no answer came yet. */
bool smtp_client_is_uncertain(const struct smtp_client *c);

#endif
