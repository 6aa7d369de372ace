/* proto/pop3/client_private.h - what the client's files share: its steps and its state. */
#ifndef PROTO_POP3_CLIENT_PRIVATE_H
#define PROTO_POP3_CLIENT_PRIVATE_H

#include "base/secret.h"
#include "proto/pop3/client.h"
#include "proto/sasl/client.h"

enum pop3_step {
    STEP_GREETING,
    STEP_CAPA,
    STEP_STLS,
    STEP_TLS,        /* handshake under way */
    STEP_CREDENTIAL, /* the host is asked for one */
    STEP_AUTH,
    STEP_USER, /* of AUTH LOGIN */
    STEP_ANSWER,
    STEP_CHALLENGED, /* a continuation came after the answer: the server wants to tell why it refuses */
    STEP_NAME,       /* USER */
    STEP_PASS,
    STEP_REFUSED, /* the host may try another credential */
    STEP_READY,
    STEP_STAT,
    STEP_UIDL,
    STEP_LIST,
    STEP_TOP,
    STEP_RETRIEVE,
    STEP_DELETE,
    STEP_NOOP,
    STEP_QUIT,
    STEP_OVER,
    STEPS
};

/* What the next octets are. */
enum pop3_reading { READING_ANSWER, READING_LINES, READING_BODY };

struct pop3_client {
    const struct pop3_client_options *options;
    struct pop3_client_host host;
    void *ctx;
    enum pop3_step step;
    enum pop3_reading reading;
    bool is_feeding, is_secure, is_signed_in;
    bool stops;    /* signed in just now: what follows is the session's */
    size_t unread; /* octets that came behind the answer */
    struct buf line;
    struct buf out;
    struct pop3_reply reply;
    char reply_text[FAULT_TEXT_SIZE];

    struct pop3_client_caps caps;
    bool has_sasl; /* CAPA told mechanisms */
    enum sasl_mechanism mechanism;
    struct secret *user, *answer; /* lines as they go out; the name's, and the one secret answer of every mechanism */
    char challenge[1024];

    uint32_t number;                                                           /* of the message in hand */
    bool is_wanted;                                                            /* its body */
    enum { AT_LINE_START, AFTER_DOT, AFTER_DOT_CR, WITHIN_LINE, AFTER_CR } at; /* of the body */
    bool is_careless;                                                          /* the server ends lines by LF alone */
};

/* client.c. A heard_* returns the next step; a say_* is run on entering its step. */
void pop3_client_enter(struct pop3_client *c, enum pop3_step next);
void pop3_client_enter_and_flush(struct pop3_client *c, enum pop3_step next);
void pop3_client_say(struct pop3_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void pop3_client_flush(struct pop3_client *c);
/* The host is told, at the present step; returns STEP_OVER. `reply` may be NULL. */
enum pop3_step pop3_client_fail(struct pop3_client *c, const struct pop3_reply *reply, enum fault_kind kind,
                                const char *id, const char *format, ...) __attribute__((format(printf, 5, 6)));
enum pop3_step pop3_client_breach(struct pop3_client *c, const char *what, struct bytes seen);

/* client_hello.c */
void pop3_say_capa(struct pop3_client *c);
void pop3_say_stls(struct pop3_client *c);
void pop3_say_tls(struct pop3_client *c);
enum pop3_step pop3_heard_greeting(struct pop3_client *c, const struct pop3_reply *r);
enum pop3_step pop3_heard_capa(struct pop3_client *c, const struct pop3_reply *r);
enum pop3_step pop3_heard_stls(struct pop3_client *c, const struct pop3_reply *r);
bool pop3_line_of_capa(struct pop3_client *c, struct bytes line);
enum pop3_step pop3_client_injected(struct pop3_client *c); /* clear octets between STLS and TLS */
void pop3_client_not_pop3(struct pop3_client *c, struct bytes seen);

/* client_auth.c */
bool pop3_client_choose_mechanism(struct pop3_client *c); /* false: the server offers nothing that serves */
const char *pop3_client_wanted_mechanism(const struct pop3_client *c);
void pop3_say_credential(struct pop3_client *c);
void pop3_say_auth(struct pop3_client *c);
void pop3_say_user(struct pop3_client *c);
void pop3_say_answer(struct pop3_client *c);
void pop3_say_challenged(struct pop3_client *c);
void pop3_say_name(struct pop3_client *c);
void pop3_say_pass(struct pop3_client *c);
void pop3_say_refused(struct pop3_client *c);
enum pop3_step pop3_heard_auth(struct pop3_client *c, const struct pop3_reply *r);
enum pop3_step pop3_heard_name(struct pop3_client *c, const struct pop3_reply *r);
enum pop3_step pop3_asked_auth(struct pop3_client *c, struct bytes text);
enum pop3_step pop3_asked_user(struct pop3_client *c, struct bytes text);
enum pop3_step pop3_asked_answer(struct pop3_client *c, struct bytes text);
void pop3_client_forget(struct pop3_client *c); /* the credential */

/* commands.c */
void pop3_say_stat(struct pop3_client *c);
void pop3_say_uidl(struct pop3_client *c);
void pop3_say_list(struct pop3_client *c);
void pop3_say_top(struct pop3_client *c);
void pop3_say_retrieve(struct pop3_client *c);
void pop3_say_delete(struct pop3_client *c);
void pop3_say_noop(struct pop3_client *c);
void pop3_say_quit(struct pop3_client *c);
enum pop3_step pop3_heard_command(struct pop3_client *c, const struct pop3_reply *r);
enum pop3_step pop3_heard_stat(struct pop3_client *c, const struct pop3_reply *r);
enum pop3_step pop3_heard_quit(struct pop3_client *c, const struct pop3_reply *r);
bool pop3_line_of_uidl(struct pop3_client *c, struct bytes line);
bool pop3_line_of_list(struct pop3_client *c, struct bytes line);

/* body.c: takes up to the end of the message; says whether it came. */
size_t pop3_client_take_body(struct pop3_client *c, struct bytes in, bool *is_over);

#endif
