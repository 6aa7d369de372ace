/* proto/smtp/client_private.h - what the client's files share: its steps and its state. */
#ifndef PROTO_SMTP_CLIENT_PRIVATE_H
#define PROTO_SMTP_CLIENT_PRIVATE_H

#include "base/secret.h"
#include "proto/smtp/client.h"
#include "proto/smtp/replies.h"

enum smtp_step {
    STEP_BANNER,
    STEP_EHLO,
    STEP_HELO, /* for a server that refuses EHLO */
    STEP_STARTTLS,
    STEP_TLS,        /* handshake under way */
    STEP_CREDENTIAL, /* the host is asked for one */
    STEP_AUTH,
    STEP_USER, /* of LOGIN */
    STEP_ANSWER,
    STEP_CHALLENGED, /* a continuation came after the answer: the server wants to tell why it refuses */
    STEP_REFUSED,    /* the host may try another credential */
    STEP_IDLE,
    STEP_MAIL,
    STEP_RCPT,
    STEP_DATA,
    STEP_BODY,
    STEP_DOT,
    STEP_STORED, /* LMTP: the answers for further recipients */
    STEP_VOID,   /* DATA was taken though no recipient was: a lone dot, and its answer means nothing */
    STEP_RSET,
    STEP_QUIT,
    STEP_OVER,
    STEPS
};

struct smtp_client {
    const struct smtp_client_options *options;
    struct smtp_client_host host;
    void *ctx;
    enum smtp_step step;
    bool is_feeding, is_secure;
    size_t unread; /* octets that came with the reply, behind it */
    struct smtp_replies replies;
    struct buf out;
    struct smtp_client_caps caps;
    enum smtp_client_sasl sasl;   /* the mechanism in use: options->sasl, or what the server offers in its place */
    struct secret *user, *answer; /* in base64; LOGIN's name, and the one secret answer of every mechanism */
    char challenge[1024];
    const struct smtp_envelope *env;
    bool is_grouped; /* MAIL, RCPT and DATA went out together */
    bool is_sender_refused;
    size_t recipient, accepted;      /* whose answer comes next; how many were taken */
    bool *is_accepted;               /* LMTP: each of them; NULL before the first transaction */
    bool at_line_start, is_after_cr; /* of the body */
};

/* client.c. A heard_* returns the next step; a say_* is run on entering its step. */
void smtp_client_enter(struct smtp_client *c, enum smtp_step next);
void smtp_client_say(struct smtp_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void smtp_client_flush(struct smtp_client *c);
/* The host is told, at the present step; returns STEP_OVER. `reply` may be NULL. */
enum smtp_step smtp_client_fail(struct smtp_client *c, const struct smtp_reply *reply, enum fault_kind kind,
                                const char *id, const char *format, ...) __attribute__((format(printf, 5, 6)));
enum fault_kind smtp_client_kind_of(const struct smtp_reply *reply); /* 4xx RETRY, else HOLD */

/* client_hello.c */
void smtp_say_ehlo(struct smtp_client *c);
void smtp_say_helo(struct smtp_client *c);
void smtp_say_starttls(struct smtp_client *c);
void smtp_say_tls(struct smtp_client *c);
enum smtp_step smtp_heard_banner(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_ehlo(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_helo(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_starttls(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_client_injected(struct smtp_client *c); /* clear octets between STARTTLS and TLS */
void smtp_client_not_smtp(struct smtp_client *c, struct bytes seen);

/* client_auth.c */
const char *smtp_mechanism_name(enum smtp_client_sasl sasl);
bool smtp_client_choose_mechanism(struct smtp_client *c); /* false: the server offers nothing that serves */
void smtp_say_credential(struct smtp_client *c);
void smtp_say_auth(struct smtp_client *c);
void smtp_say_user(struct smtp_client *c);
void smtp_say_answer(struct smtp_client *c);
void smtp_say_challenged(struct smtp_client *c);
void smtp_say_refused(struct smtp_client *c);
enum smtp_step smtp_heard_auth(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_user(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_answer(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_challenged(struct smtp_client *c, const struct smtp_reply *r);
void smtp_client_forget(struct smtp_client *c); /* the credential */

/* client_mail.c */
void smtp_say_mail(struct smtp_client *c);
void smtp_say_rcpt(struct smtp_client *c);
void smtp_say_data(struct smtp_client *c);
void smtp_say_body(struct smtp_client *c);
void smtp_say_dot(struct smtp_client *c);
void smtp_say_rset(struct smtp_client *c);
enum smtp_step smtp_heard_mail(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_rcpt(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_data(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_early(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_dot(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_stored(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_void(struct smtp_client *c, const struct smtp_reply *r);
enum smtp_step smtp_heard_rset(struct smtp_client *c, const struct smtp_reply *r);

#endif
