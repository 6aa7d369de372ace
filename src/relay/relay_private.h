/* relay/relay_private.h - shared by this room's files: the relay itself, a mailbox's outlet, a connection, a delivery.
 *
 *   delivery (one message) or probe (one test) --uses--> upstream (one connection) --belongs to--> outlet (one mailbox) */
#ifndef RELAY_RELAY_PRIVATE_H
#define RELAY_RELAY_PRIVATE_H

#include "base/map.h"
#include "doctor/finding.h"
#include "doctor/token_view.h"
#include "net/conn.h"
#include "net/trust.h"
#include "object/directory.h"
#include "proto/smtp/client.h"
#include "relay/dialogue.h"
#include "relay/relay.h"

enum {
    CONNECT_MS = 30 * 1000,
    GREETING_MS = 60 * 1000,    /* greeting, EHLO, STARTTLS */
    COMMAND_MS = 5 * 60 * 1000, /* RFC 5321 4.5.3.2 */
    BLOCK_MS = 3 * 60 * 1000,
    FINAL_DOT_MS = 10 * 60 * 1000,
    VAULT_MS = 90 * 1000,
    KEEP_MS = 30 * 1000, /* an unused connection */
    GOODBYE_MS = 2 * 1000,
    STOP_MS = 10 * 1000,
    TOKEN_SPARE_MS = 2 * 60 * 1000, /* a connection whose token ends sooner is not used again */
    TRANSACTIONS_MAX = 100,
    CHUNK = 64 * 1024,
    WINDOW = 256 * 1024, /* body bytes on their way to the kernel */
    OUT_LIMIT = 1024 * 1024,
};

struct relay {
    struct loop *loop;
    struct resolver *resolver;
    char *hostname;
    struct relay_host host;
    void *ctx;
    struct directory *directory;
    struct map *outlets; /* by mailbox address */
    struct trust *trust;
    struct list deliveries; /* under way */
    struct list spare;      /* finished ones, kept for their arenas */
    size_t spare_count;
    struct list probes;
    struct list asking;  /* upstreams that wait for the vault */
    struct list leaving; /* upstreams that say goodbye */
    uint64_t last_tag;
    bool is_stopping, is_stopped;
    struct loop_timer stop_timer;
    struct loop_deferred stop_check;
    uint8_t chunk[CHUNK];
};

void relay_check_stopped(struct relay *r);

/* -- a mailbox's connections -- */

struct outlet {
    struct relay *relay;
    struct list idle, busy; /* of struct upstream; the newest idle one stands last */
    const char *last_id;    /* of a refusal that becomes a HOLD when it repeats */
    unsigned last_count;
};

struct outlet *outlet_of(struct relay *r, const char *mailbox);
struct upstream *outlet_take(struct outlet *o); /* an idle connection, now busy; NULL: none */
void outlet_close_idle(struct outlet *o);
void outlet_retire(struct outlet *o); /* settings changed: idle ones close now, busy ones after their transaction */
void outlet_free(struct outlet *o);   /* drops all connections */

/* -- an upstream connection -- */

struct upstream;

struct upstream_failure {
    const char *when;
    int code; /* 0: no SMTP answer */
    const char *enhanced;
    const char *words;             /* the server's, or the fault's text */
    const struct finding *finding; /* NULL: only the fault knows */
    struct fault fault;
    bool is_lost;      /* the connection went away without a word */
    bool is_uncertain; /* the whole message was sent */
};

/* Whoever uses the connection now. Everything is lent for the call. */
struct upstream_user {
    void (*ready)(void *ctx); /* signed in, or the transaction is over */
    void (*sender_answer)(void *ctx, const struct smtp_reply *reply);
    void (*recipient_answer)(void *ctx, size_t index, const struct smtp_reply *reply);
    void (*want_body)(void *ctx);
    void (*drained)(void *ctx);
    void (*message_answer)(void *ctx, const char *when, const struct smtp_reply *reply);
    void (*failed)(void *ctx, const struct upstream_failure *f); /* the connection is gone; forget it */
    /* For whoever watches: one step of connecting is over. `seen` is what was seen. May be NULL. */
    void (*step)(void *ctx, const char *step, const char *seen);
};

/* A new connection for this mailbox; the result comes to `user` later, except where the settings alone forbid it: then NULL. */
struct upstream *upstream_open(struct outlet *o, const struct mailbox *m, const struct upstream_user *user, void *ctx,
                               struct fault *why);
void upstream_use(struct upstream *u, const struct upstream_user *user,
                  void *ctx); /* an idle one, for another transaction */
void upstream_mail(struct upstream *u, const struct smtp_envelope *env);
/* Body bytes; upstream_room() says whether more may be given now (drained() tells when again). */
bool upstream_room(const struct upstream *u);
void upstream_body(struct upstream *u, struct bytes chunk);
void upstream_body_end(struct upstream *u);
void upstream_release(
    struct upstream *u);                /* its user is done: kept for the next, or closed if it is not worth keeping */
void upstream_quit(struct upstream *u); /* its user is done: closed in order */
void upstream_drop(struct upstream *u); /* closed at once; an unfinished message is not delivered by that */
void upstream_retire(struct upstream *u); /* not to be used again after this transaction */

const struct smtp_client_caps *upstream_caps(const struct upstream *u);
const struct token_view *upstream_token_view(const struct upstream *u);
struct dialogue *upstream_dialogue(struct upstream *u);
const char *upstream_host(const struct upstream *u); /* "smtp.example.org[192.0.2.1]:587" */
struct upstream *upstream_of_node(struct list *node);
void upstream_ask_again(struct list *asking_node);
/* The vault's answer, for whichever connection asked. */
void upstream_token(struct relay *r, const struct token_answer *t);

/* -- a delivery -- */

struct delivery;
void delivery_start(struct relay *r, const struct attempt *a);
struct delivery *delivery_of_node(struct list *node);
bool delivery_is_whole(const struct delivery *d); /* everything was sent; only the answer is missing */
void delivery_drop(struct delivery *d);           /* without an answer to the queue */
void delivery_free(struct delivery *d);

/* -- whether a server can take a message as it is -- */

struct carry_refusal {
    const char *id, *enhanced;
    char text[800];
};

/* Sets what the envelope has to declare (is_8bit, is_smtputf8). `fd` -1: the body is inline. `chunk` is CHUNK bytes to read into. */
bool carry_check(struct smtp_envelope *env, struct bytes body, int fd, uint8_t *chunk,
                 const struct smtp_client_caps *caps, const char *host, struct carry_refusal *why);

/* -- what an answer means for one recipient -- */

struct verdict {
    enum attempt_class class;
    const char *id;
    uint32_t retry_after_s;
    bool is_mailbox_fault;
};

struct verdict verdict_of_reply(struct outlet *o, const char *when, const struct smtp_reply *reply);
struct verdict verdict_of_failure(struct outlet *o, const struct upstream_failure *f);

/* -- a test of a mailbox -- */

struct probe;
void probe_start(struct relay *r, const struct admin_ask *ask);
bool probe_has_tag(struct list *node, uint64_t tag);
void probe_drop(struct list *node);

#endif
