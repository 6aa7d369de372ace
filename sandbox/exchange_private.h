/* sandbox/exchange_private.h - one SMTP session, shared by the files that handle its steps. */
#ifndef SANDBOX_EXCHANGE_PRIVATE_H
#define SANDBOX_EXCHANGE_PRIVATE_H

#include "net/conn.h"
#include "net/listen.h"
#include "sandbox/access.h"
#include "sandbox/exchange.h"
#include "sandbox/exchange_dots.h"
#include "sandbox/exchange_window.h"
#include "sandbox/inject.h"
#include "sandbox/sandbox_private.h"

/* Texts in which Microsoft and Google differ. */
struct exchange_dialect {
    const char *name;         /* "microsoft" */
    const char *host;         /* in greeting and EHLO */
    const char *greeting;     /* after the host */
    const char *hello;        /* after the host in EHLO's answer, before the client's address */
    const char *mechanisms;   /* after STARTTLS */
    const char *capabilities; /* with blanks between, in order; STARTTLS stands for AUTH after it */
    const char *tls_ready, *auth_ok, *auth_refused, *mail_ok, *rcpt_ok, *data_go, *bye, *not_signed_in;
    bool challenges; /* a refused token draws JSON first */
};

enum exchange_state {
    SESSION_FRESH,
    SESSION_READY,
    SESSION_AUTH,
    SESSION_CHALLENGED,
    SESSION_MAIL,
    SESSION_RCPT,
    SESSION_DATA,
    SESSION_BDAT
};
enum exchange_auth_step { AUTH_STEP_TOKEN, AUTH_STEP_USER, AUTH_STEP_PASSWORD, AUTH_STEP_PLAIN };
/* What a mailbox is throttled for when it happens again and again (6.2). */
enum exchange_sin { SIN_MAILBOX_FULL, SIN_SEND_AS, SIN_LICENSE, SIN_RECIPIENTS, SIN_INVALID_RECIPIENTS, SIN_COUNT };

/* What is remembered of a mailbox while the sandbox runs. */
struct exchange_mailbox {
    unsigned connections;
    struct window messages, recipients;
    unsigned sins[SIN_COUNT];
    int64_t throttled_until_ms[SIN_COUNT];
};

struct exchange_recipient {
    const char *address, *notify, *orcpt;
};

struct exchange_envelope {
    const char *sender; /* NULL: no transaction */
    struct exchange_recipient *recipients;
    size_t count, room;
    uint64_t size;
    const char *body, *ret, *envid; /* "" : not given */
    bool is_smtputf8;
};

struct exchange_session {
    struct exchange_server *server;
    struct conn *conn;
    struct list node;
    struct loop_deferred burial;
    struct loop_timer timer; /* of a slow answer */
    struct loop_timer idle;
    int64_t active_ms; /* when the client was last heard */
    char id[17];
    char peer[NET_ADDR_TEXT_SIZE];
    enum exchange_state state;
    bool is_waiting;  /* a slow answer: no input is looked at meanwhile */
    bool is_over;     /* nothing is looked at any more */
    bool ends_after;  /* the connection ends with the reply that is being made */
    bool drops_reply; /* end=drop-after: do it, but drop the connection instead of saying so */
    bool skips_line;  /* the rest of an over-long line */
    int64_t delay_ms; /* of the reply that is being made */
    struct buf out;   /* replies that wait for delay_ms */

    enum exchange_auth_step auth_step;
    const char *mechanism;
    char login_user[320];
    unsigned auth_failures;
    char last_refusal[256]; /* of the last AUTH; "" : none */
    bool is_signed_in;
    struct access_identity who;

    struct arena *mail; /* the transaction's */
    struct exchange_envelope envelope;
    struct mail_draft *draft;
    struct dots dots;
    uint64_t chunk_left;
    bool chunk_is_last, is_too_large, is_disk_full;
    unsigned messages;

    json_t *note;  /* in the activity log from the start */
    json_t *lines; /* the dialogue; lent from note */
};

struct exchange_server {
    struct sandbox *sandbox;
    const struct exchange_dialect *dialect;
    enum exchange_kind kind;
    struct listener *listener;
    struct tls_context *tls[CA_KINDS];
    struct list sessions;
    size_t sessions_count;
    struct map *mailboxes; /* address -> struct exchange_mailbox */
    struct injections *injections;
};

#define EXCHANGE_REFUSED "535 5.7.3 Authentication unsuccessful"

/* exchange_reply.c. Every text is a whole reply without its line end. */
void exchange_say(struct exchange_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With the front end's suffix: " [host time id]". */
void exchange_refuse(struct exchange_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With the back end's: " [Hostname=...]". */
void exchange_refuse_behind(struct exchange_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Sends what was said, at once or after its delay; ends the session if the reply was its last. */
void exchange_send(struct exchange_session *s);
void exchange_note_line(struct exchange_session *s, const char *who, struct bytes line);
const char *exchange_backend(void); /* "SBX01MB0001.SBXPRD01.PROD.OUTLOOK.COM" */

/* Is something injected at this step? Then it was done, and true says that the step is over. */
bool exchange_injected(struct exchange_session *s, const char *step, struct bytes line);

/* exchange_session.c */
void exchange_session_new(struct exchange_server *x, int fd, const struct net_addr *peer);
void exchange_session_end(struct exchange_session *s);  /* closes at once; freed at the end of the turn */
void exchange_session_free(struct exchange_session *s); /* of an ended one, now */

/* exchange_auth.c */
void exchange_on_auth(struct exchange_session *s, struct bytes args);
void exchange_on_auth_line(struct exchange_session *s, struct bytes line);
void exchange_sign_out(struct exchange_session *s);

/* exchange_policy.c */
/* NULL if SMTP AUTH is on for that mailbox, else the reply. */
const char *exchange_smtp_auth_refusal(struct exchange_server *x, const struct user *mailbox);

/* exchange_mail.c */
void exchange_on_mail(struct exchange_session *s, struct bytes args);
void exchange_on_rcpt(struct exchange_session *s, struct bytes args);
void exchange_reset(struct exchange_session *s); /* drops the transaction */
bool exchange_is_too_large(struct exchange_session *s, uint64_t size);
bool exchange_offers(struct exchange_server *x, const char *capability);

/* exchange_body.c */
void exchange_on_data(struct exchange_session *s, struct bytes args);
void exchange_on_bdat(struct exchange_session *s, struct bytes args);
size_t exchange_feed_data(struct exchange_session *s, struct bytes in);
size_t exchange_feed_chunk(struct exchange_session *s, struct bytes in);

struct exchange_mailbox *exchange_mailbox_of(struct exchange_server *x, const struct user *u);
uint64_t exchange_limit(struct exchange_server *x, enum switch_id id); /* 0: none */
/* Says why a finished message is not taken, and returns false; or true. */
bool exchange_judge(struct exchange_session *s);

#endif
