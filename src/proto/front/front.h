/* proto/front/front.h - the near side of a bridge until its client has signed in: IMAP, POP3 or SMTP as a server that knows nothing
 * but greeting, capabilities, TLS and sign-in (RFC 9051, 3501, 2595, 4959; 1939, 2449, 5034, 3206; 5321, 4954, 3207).
 *
 * A pure engine: no descriptor, clock or store. front_feed() uses octets up to and including the command that signs in, and not one
 * more: what the client sent behind it (pipelining, a literal of its next command) stays with the owner and is the first that
 * the upstream gets after front_accept(). Nothing from before that reaches upstream. While it waits for an answer
 * (front_accept(), front_refuse(), front_tls_done()) it uses nothing. Of a trusted SMTP client it leaves up to four octets that
 * could become MAIL: offer them again with what comes behind.
 *
 * Sign-ins understood: IMAP LOGIN (atoms, quoted, literals, LITERAL+ and LITERAL-), AUTHENTICATE PLAIN and LOGIN with and without
 * SASL-IR; POP3 USER/PASS, AUTH PLAIN and LOGIN, in one line or two; SMTP AUTH PLAIN and LOGIN likewise. "*" cancels. Passwords are
 * wiped from the engine's memory when the callback returns. */
#ifndef PROTO_FRONT_FRONT_H
#define PROTO_FRONT_FRONT_H

#include "base/bytes.h"
#include "base/fault.h"

struct front;

enum front_protocol { FRONT_IMAP, FRONT_POP3, FRONT_SMTP };

#define FRONT_LINE_LIMIT 12288 /* of a line or literal before sign-in, AUTH lines included */

struct front_policy {
    const char *hostname;
    bool offers_tls;          /* STARTTLS, STLS */
    bool needs_tls_for_login; /* a password before TLS is refused, and LOGINDISABLED said */
    unsigned errors_limit;    /* so many bad commands end the session; 0: never */
    /* What is promised for later, as the upstream keeps it; "" or NULL: nothing. What Postern answers for itself need not be left
     * out (watch_capabilities()). SMTP: "SIZE 36700160\nPIPELINING\n8BITMIME"; POP3, beside TOP and UIDL: "PIPELINING"; IMAP, beside
     * IMAP4rev1: "IDLE UIDPLUS NAMESPACE" for programs that look at capabilities once only. */
    const char *capabilities;
};

/* Why a sign-in is refused; decides the words: NO [AUTHENTICATIONFAILED], [UNAVAILABLE], [AUTHORIZATIONFAILED], [LIMIT]...;
 * -ERR [AUTH], [SYS/TEMP], [SYS/PERM], [IN-USE]; 535 5.7.8, 454 4.7.0, ... */
enum front_refusal {
    FRONT_WRONG,        /* user name or password of the app */
    FRONT_UNAVAILABLE,  /* for a moment: vault, upstream or network */
    FRONT_FORBIDDEN,    /* this app may not use this mailbox or protocol */
    FRONT_NEEDS_PERSON, /* the mailbox's sign-in at the provider needs somebody; text has the cause */
    FRONT_LIMIT,        /* too many sessions */
};

struct front_host {
    void (*send)(void *ctx, struct bytes out);
    /* The go-ahead was said: do the handshake, then front_tls_done(). Input that stands behind is an attack: drop the connection. */
    void (*start_tls)(void *ctx);
    /* Lent for the call. Answer now or later with front_accept() or front_refuse(). `user` is clear UTF-8 text without controls. */
    void (*login)(void *ctx, const char *user, struct bytes password);
    /* SMTP with front_set_trusted() only: the client begins to send mail without signing in. The command stands unread, and so is
     * the first that upstream gets. Answer with front_accept() (which then says nothing) or front_refuse(). */
    void (*want_upstream)(void *ctx);
    void (*quit)(void *ctx); /* goodbye was said: finish the connection */
    /* Worth a line in the log. Ids: imap.client.tls-on-plain, pop3.client...., smtp.client...., .http, .errors, .too-long; SMTP also
     * .bare-lf. */
    void (*noticed)(void *ctx, const struct fault *what);
};

struct front *front_new(enum front_protocol p, const struct front_policy *policy /* lent */,
                        const struct front_host *host /* copied */, void *ctx);
void front_free(struct front *f); /* takes NULL; not inside a callback */
void front_greet(struct front *f);
void front_set_secure(struct front *f);              /* implicit TLS, before greet */
void front_set_trusted(struct front *f);             /* SMTP: known by its address */
size_t front_feed(struct front *f, struct bytes in); /* octets used */
bool front_is_waiting(const struct front *f);
void front_tls_done(struct front *f);

/* The upstream session is signed in: says so in the client's words. From here on the engine is done. `capabilities` is the
 * upstream's list after login, made fit (watch.h), for IMAP's "OK [CAPABILITY ...]"; "" : none. */
void front_accept(struct front *f, const char *capabilities);
/* One line for the client: `text` is cleaned and cut here. The client may try again, until five were wrong. */
void front_refuse(struct front *f, enum front_refusal why, const char *text);
/* Shutting down, idle, overloaded: BYE, -ERR [SYS/TEMP], 421; then quit. Any time before front_accept(). */
void front_close(struct front *f, const char *text);
/* Said in place of a greeting to one who is not let in; for a listener without a session. Appends. */
void front_turn_away(enum front_protocol p, const char *text, struct buf *out);
/* Once signed in, for what the bridge itself must say between the upstream's answers: "* BYE ...", "-ERR [SYS/TEMP] ...", "421 4.3.0 ...". Appends. */
void front_farewell(enum front_protocol p, const char *text, struct buf *out);

const char *front_state_name(const struct front *f); /* for logs */

#endif
