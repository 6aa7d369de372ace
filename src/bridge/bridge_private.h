/* bridge/bridge_private.h - what the files of this room share.
 *
 *   KNOCKING -> ASKING -> REACHING -> OPEN -> LEAVING -> OVER
 *
 * A refusal goes back to KNOCKING. bridge.c has the near connection and the clock, knock.c the sign-in of the program, permit.c whether
 * it may, reach.c the way to the provider with one far_*.c for each protocol, pass.c what is open. */
#ifndef BRIDGE_BRIDGE_PRIVATE_H
#define BRIDGE_BRIDGE_PRIVATE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/secret.h"
#include "bridge/bridge.h"
#include "doctor/finding.h"
#include "doctor/token_view.h"
#include "net/conn.h"
#include "net/resolve.h"
#include "net/trust.h"
#include "proto/front/watch.h"
#include "proto/imap/client.h"
#include "proto/pop3/client.h"
#include "proto/smtp/client.h"

enum {
    READ_MOST = 64 << 10,   /* of one reading, on top of `buffer` */
    REACH_MS = 90 * 1000,   /* for the provider: look-up to signed in */
    STEP_MS = 60 * 1000,    /* for each of its answers meanwhile */
    LINGER_MS = 120 * 1000, /* a slow client still reads what was written */
    FAR_LINGER_MS = 5 * 1000,
    HALF_MS = 60 * 1000,  /* a client that ended its direction hears the rest of the answers this long */
    HALF_QUIET_MS = 1000, /* after which no answer is due any more, as far as can be seen */
    TEXT_SIZE = 512,
};

struct bridges {
    struct loop *loop;
    struct resolver *resolver;
    struct bridges_host host;
    void *ctx;
    struct bridges_settings settings;
    struct trust *trust;
    struct map *apps, *mailboxes; /* live sessions: a number for each name */
    struct map *offers;           /* "smtp host:port" -> what that server offered when it was last signed in to */
    char *promises[3]; /* by enum front_protocol: what may be promised for all of them; NULL: to be worked out */
};

enum bridge_state {
    BRIDGE_KNOCKING, /* the front engine talks with the client */
    BRIDGE_ASKING,   /* the vault looks at the password, or its refusal is held back */
    BRIDGE_REACHING, /* to the provider, until signed in */
    BRIDGE_OPEN,
    BRIDGE_LEAVING, /* the last words are on their way to the client */
    BRIDGE_OVER,
};

struct far_kind;

/* What is needed until the session is open, and gone then. */
struct entry {
    struct front *front;
    struct front_policy policy;
    char *promise;          /* policy.capabilities */
    struct loop_timer rest; /* a refusal is held back */
    enum front_refusal refusal;
    char refusal_text[TEXT_SIZE];
    char *user; /* as typed; while the vault is asked */

    const struct far_kind *kind; /* NULL: nothing is dialled */
    void *client;                /* its engine */
    union {
        struct imap_client_options imap;
        struct pop3_client_options pop3;
        struct smtp_client_options smtp;
    } options; /* which the engine keeps on looking at */
    struct object_server server;
    char *server_host;
    enum object_grant grant;
    struct tls_context *tls; /* one reference; NULL: plain */
    char *tenant;
    bool needs_credential;
    bool is_wanted;                    /* the engine waits for it */
    char *far_user;                    /* a credential that came before it was wanted, and whom it is for */
    struct secret *credential;         /* NULL: none */
    bool is_renewed;                   /* the first token was refused; this is the second */
    const struct finding *refused_for; /* the first refusal, and the server's words */
    char refused_words[TEXT_SIZE];
    bool is_token, is_redialled, has_connected;
    struct token_view view;        /* of the token last given */
    bool has_said_bye;             /* the server, behind its refusal: its engine is of no more use */
    bool has_greeted, is_exchange; /* by its first words */
    int64_t dialled_ms;
};

struct bridge {
    struct bridges *all;
    const struct bridge_terms *terms;
    struct bridge_client client;
    enum bridge_state state;
    struct conn *near, *far;
    struct entry *entry; /* NULL: open */
    struct watch *watch; /* NULL: not open yet */
    char *app, *mailbox; /* NULL: nobody is let in */
    bool has_place;      /* counted among the sessions of both */
    char *far_name;      /* "imap.example.org[192.0.2.1]:993" */
    uint64_t serial;     /* of the token */
    uint64_t up, down;   /* octets to the provider, and to the client */
    int64_t began_ms, moved_ms;
    struct loop_timer clock;
    struct ask ask;
    struct loop_deferred turn;
    const char *why; /* it ended, for the log */
    bool is_stopping, is_half, is_shut, said_bye, is_signed_out, had_trouble, is_good;
    bool near_waits, far_waits; /* paused until the other side has taken what was written */
};

/* bridges.c */
/* What a client may be told before it is known where it goes; lent. */
const char *bridges_promise(struct bridges *all, enum front_protocol p);
/* `offer`: names parted by blanks. `size`: of messages; 0: not told. */
void bridges_remember_offer(struct bridges *all, enum front_protocol p, const struct object_server *server,
                            const char *offer, uint64_t size);
bool bridges_enter(struct bridges *all, const char *app, const char *mailbox, uint32_t protocol, unsigned most,
                   struct fault *why);
void bridges_leave(struct bridges *all, const char *app, const char *mailbox, uint32_t protocol);

/* bridge.c */
void bridge_enter(struct bridge *b, enum bridge_state next);
uint32_t bridge_protocol(const struct bridge *b); /* of enum object_protocol */
void bridge_watch_clock(struct bridge *b);
void bridge_leave(struct bridge *b, const char *why); /* what was written to the client still leaves */
int64_t bridge_now(const struct bridge *b);
void bridge_drop_entry(struct bridge *b); /* at the end of the turn */
/* Nothing is dialled any more and nobody is let in. */
void bridge_forget(struct bridge *b);

/* knock.c */
extern const struct front_host knock_host;
size_t knock_data(struct bridge *b, struct bytes in);
void knock_refuse(struct bridge *b, enum front_refusal why, const char *text); /* back to KNOCKING */
void knock_free(struct entry *e);

/* permit.c: the app is who it says; may it, and is there room? Then reach_begin(). */
void permit(struct bridge *b, const char *app, const char *mailbox);

/* reach.c */
void reach_begin(struct bridge *b, const struct directory *d, const struct mailbox *m);
void reach_end(struct bridge *b); /* drops connection and engine */
void reach_late(struct bridge *b);
void reach_give_up(struct bridge *b, const struct finding *f, const char *words, enum fault_kind kind);
void reach_fail(struct bridge *b, const struct fault *why); /* the same, for what has its finding in the fault */
/* A connection of its own for the second try; at most one. */
bool reach_redial(struct bridge *b);

/* credential.c */
/* The way is safe: the credential will be wanted in a moment. */
void credential_ask_ahead(struct bridge *b);
void credential_forget(struct entry *e);

/* pass.c */
void pass_begin(struct bridge *b);
/* Names of what this provider offers and does not keep, parted by blanks. */
const char *pass_without(const struct bridge *b);
size_t pass_from_client(struct bridge *b, struct bytes in);
size_t pass_from_server(struct bridge *b, struct bytes in);
void pass_client_ended(struct bridge *b);
void pass_server_closed(struct bridge *b, const struct fault *why);
void pass_drained(struct bridge *b, bool is_near);
void pass_idle(struct bridge *b);
int64_t pass_half_patience_ms(const struct bridge *b);
void pass_farewell(struct bridge *b, const char *text, const char *why); /* at once, or between two answers */

/* report.c: refusals and ends, for log and client */
/* A line of the server's, once the session is open: "A2 NO [UNAVAILABLE] text", "-ERR text", "550 5.7.1 text". */
const struct finding *report_judge(const struct bridge *b, const char *when, const char *line);
enum report { REPORT_REFUSED, REPORT_NOT_CONNECTED, REPORT_THROTTLED, REPORT_REFUSED_MAIL };
/* Before app and mailbox are let in. */
void report_of(struct bridge *b, const char *app, const char *mailbox, enum report what, const struct finding *f,
               const char *words);
void report(struct bridge *b, enum report what, const struct finding *f /* may be NULL */, const char *words);
/* The line for the client. */
void report_line(const struct bridge *b, const struct finding *f, const char *words, char out[TEXT_SIZE]);
enum front_refusal report_kind(enum fault_kind kind);

/* -- the provider's side: three engines with one face, up to signed in -- */

enum far_sasl { FAR_NO_AUTH, FAR_XOAUTH2, FAR_OAUTHBEARER, FAR_PLAIN, FAR_LOGIN };

struct far_options {
    const char *hostname; /* ours */
    const char *host;     /* theirs */
    uint16_t port;
    enum object_tls tls; /* none, starttls or implicit */
    enum far_sasl sasl;
    bool initial_response;
};

struct far_kind {
    void *(*start)(const struct far_options *options, struct bridge *b);
    void (*free)(void *client);
    size_t (*feed)(void *client, struct bytes in);
    void (*tls_done)(void *client);
    void (*credential)(void *client, const char *user, struct bytes secret);
    const char *(*when)(const void *client);
};
extern const struct far_kind far_imap, far_pop3, far_smtp;

/* reach.c, credential.c: what the engines tell */
void far_send(void *ctx, struct bytes out);
void far_send_secret(void *ctx, struct bytes out);
void far_start_tls(void *ctx);
void far_want_credential(void *ctx);
void far_ready(struct bridge *b, const char *capabilities);
void far_refused(struct bridge *b, const struct finding *f, const char *words);
/* The connection is of no further use. `f` NULL: `why` says it. */
void far_failed(struct bridge *b, const struct finding *f, const char *words, const struct fault *why);

#endif
