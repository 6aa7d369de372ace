/* proto/smtp/server.h - an SMTP submission server as a pure engine: bytes in, decisions out (RFC 5321, 6409, 4954, 3207, 1870,
 * 6152, 6531, 2920, 3030, 3461, 2034).
 *
 * No descriptor, clock or store: smtp_server_feed() takes what the client sent, `host` callbacks take decisions and bytes to
 * send. A decision that needs time (sign-in, storing) leaves the engine waiting: feed() uses no more bytes until the answer is
 * given (smtp_server_decided(), _auth_done(), _tls_done()), which may also happen inside the callback. An answer may raise the
 * next question at once, so ask smtp_server_is_waiting() again.
 *
 * What the engine decides alone: syntax and order of commands, line lengths, size, and that a message with a bare CR, a bare
 * LF or a NUL is refused after it was swallowed to its one true end (CRLF.CRLF, or BDAT LAST): nobody behind us shall be able to see
 * another end. Lines of a message may be of any length. */
#ifndef PROTO_SMTP_SERVER_H
#define PROTO_SMTP_SERVER_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/envelope.h"
#include "base/fault.h"

struct smtp_server;

#define SMTP_PATH_LIMIT 512    /* octets of an address; RFC 5321 4.5.3.1 asks for 256 at least */
#define SMTP_LOCAL_LIMIT 256   /* of its local part; 64 at least */
#define SMTP_DOMAIN_LIMIT 255  /* of its domain */
#define SMTP_COMMAND_LIMIT 512 /* of a command line with its CRLF; MAIL and RCPT: SMTP_ENVELOPE_LIMIT */
#define SMTP_ENVELOPE_LIMIT 2048
#define SMTP_AUTH_LIMIT 12288 /* of a line within AUTH, RFC 4954 4 */

/* Addresses are as the client wrote them, without the angle brackets and without a source route; syntax is checked. */
struct smtp_recipient {
    const char *address; /* "postmaster" may stand alone */
    unsigned notify;     /* set of enum envelope_notify; 0: not given */
    const char *orcpt;   /* "rfc822;..." still in xtext, as it goes on to the next server; "" : none */
};

struct smtp_envelope {
    const char *sender; /* "" : null */
    /* BODY=8BITMIME was said or, known at data_end(), octets over 127 came anyway. */
    bool is_8bit, is_smtputf8;
    uint64_t size; /* announced; 0: not */
    enum envelope_ret ret;
    const char *envid; /* still in xtext; "" : none */
    struct smtp_recipient *recipients;
    size_t recipients_count;
};

/* xtext (RFC 3461 4) to clear bytes, for DSNs; control characters become '?'. False: not xtext, or over out_size with its NUL. */
bool smtp_xtext_decode(const char *xtext, char *out, size_t out_size);

/* How a command was decided. code 0: accept with the engine's own text. */
struct smtp_verdict {
    int code;             /* 4xx, 5xx; 421 also ends the session */
    const char *enhanced; /* "5.7.1" */
    const char *text;     /* one line; made safe by the engine */
};

struct smtp_server_policy {
    const char *hostname;
    bool offers_starttls, offers_auth, needs_auth, needs_tls_for_auth;
    /* Announced with SIZE; 0: none. A message over it is refused; as much again is swallowed before its sender is cut off. */
    uint64_t size_limit;
    size_t recipients_limit; /* more get 452 4.5.3 */
    unsigned errors_limit;   /* so many refused commands end the session with 421; 0: never */
};

struct smtp_server_host {
    void (*send)(void *ctx, struct bytes out);
    /* 220 was sent: switch to TLS, then call smtp_server_tls_done(). Pending input is dropped as an attack by the connection. */
    void (*start_tls)(void *ctx);
    /* Answer with smtp_server_auth_done(). The password is lent for the call. */
    void (*auth)(void *ctx, const char *user, struct bytes password);
    /* Answer with smtp_server_decided(). */
    void (*mail)(void *ctx, const struct smtp_envelope *env);
    void (*rcpt)(void *ctx, const struct smtp_envelope *env, const struct smtp_recipient *rcpt); /* not yet in env */
    /* DATA or first BDAT: may refuse; answer with smtp_server_decided(). */
    void (*data_begin)(void *ctx, const struct smtp_envelope *env);
    /* Message bytes, dot-unstuffed, CRLF kept. Return false when the host can't keep them: the rest is swallowed and data_end()
     * still runs (with is_whole, so that the host says why). */
    bool (*data)(void *ctx, struct bytes chunk);
    /* The message arrived to its end (is_whole): answer with smtp_server_decided(); code 0 means stored, `text` becomes
     * "250 2.0.0 {text}". Not is_whole: too large, malformed (bare CR or LF, NUL), or the session ended; the engine refuses by itself. */
    void (*data_end)(void *ctx, const struct smtp_envelope *env, bool is_whole);
    /* RSET, EHLO, the end of a transaction: drop what belongs to it, a message that is under way included. */
    void (*reset)(void *ctx);
    void (*quit)(void *ctx);               /* 221 or 421 was sent: finish the connection */
    void (*pause)(void *ctx, uint32_t ms); /* tarpit wish: call smtp_server_resume() after that long; may be NULL */
    /* Worth a line in the log and a finding. Never holds a secret; may be NULL. Ids: smtp.client.tls-on-plain, .http, .bare-lf,
     * .bad-octets, .too-large, .errors. */
    void (*noticed)(void *ctx, const struct fault *what);
};

/* The host is copied. The server is not to be freed inside a callback: end of turn. */
struct smtp_server *smtp_server_new(const struct smtp_server_policy *policy /* lent */,
                                    const struct smtp_server_host *host, void *ctx);
void smtp_server_free(struct smtp_server *s); /* takes NULL */
void smtp_server_greet(struct smtp_server *s);
void smtp_server_set_secure(struct smtp_server *s);  /* implicit TLS, before greet */
void smtp_server_set_trusted(struct smtp_server *s); /* known by its address: no AUTH needed */
/* Returns the bytes used; less than given while waiting for a decision. Feed the rest again after the decision (conn_resume). */
size_t smtp_server_feed(struct smtp_server *s, struct bytes in);
bool smtp_server_is_waiting(const struct smtp_server *s);
void smtp_server_tls_done(struct smtp_server *s);
void smtp_server_auth_done(struct smtp_server *s, const struct smtp_verdict *v);
void smtp_server_decided(struct smtp_server *s, const struct smtp_verdict *v);
void smtp_server_resume(struct smtp_server *s);
/* Shutting down, idle, or overloaded: says 421 with this text and calls quit. */
void smtp_server_close(struct smtp_server *s, const char *enhanced, const char *text);
const char *smtp_server_helo(const struct smtp_server *s); /* as the client named itself */
/* "ESMTPSA", "UTF8SMTPS" (RFC 3848, 6531), for Received. */
const char *smtp_server_protocol(const struct smtp_server *s);
const char *smtp_server_state_name(const struct smtp_server *s); /* "ready", "data", ...; for logs */

#endif
