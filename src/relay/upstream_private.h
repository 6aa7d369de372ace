/* relay/upstream_private.h - the inside of an upstream connection, shared by upstream*.c.
 *
 *   CONNECTING -> SIGNING_IN -> BUSY <-> IDLE,  any -> LEAVING -> OVER,  any -> OVER */
#ifndef RELAY_UPSTREAM_PRIVATE_H
#define RELAY_UPSTREAM_PRIVATE_H

#include "relay/relay_private.h"

enum upstream_state {
    UPSTREAM_CONNECTING,
    UPSTREAM_SIGNING_IN,
    UPSTREAM_BUSY,
    UPSTREAM_IDLE,
    UPSTREAM_LEAVING, /* QUIT is on its way */
    UPSTREAM_OVER,
};

/* A refusal that waits for its second chance. */
struct refusal {
    int code;
    char enhanced[16];
    char text[1024];
};

struct upstream {
    struct list node;   /* in its outlet */
    struct list asking; /* in relay->asking */
    struct relay *relay;
    struct outlet *outlet;
    struct arena *life;
    enum upstream_state state;

    const char *mailbox, *tenant;
    struct object_server server;
    struct smtp_client_options options;
    struct tls_context *tls; /* one reference; NULL: none needed */
    struct conn *conn;
    struct smtp_client *client;
    const struct upstream_user *user;
    void *ctx;

    uint64_t tag;    /* of the question to the vault */
    uint64_t serial; /* of the credential in use; 0: none yet */
    int64_t expires_ms;
    bool is_token;   /* a credential that the vault can renew */
    bool is_renewed; /* the second one: another refusal is final */
    struct refusal refusal;
    struct token_view view;

    unsigned transactions;
    bool is_retired, in_body, greeting_told, wants_redial, redialled;
    bool is_unread; /* the peer took nothing for too long */
    uint64_t body_size;
    int64_t dialled_ms;
    char host[NET_ADDR_TEXT_SIZE + 300];
    char said[512]; /* the server's last line while signing in */
    struct dialogue dialogue;
    struct loop_timer timer; /* idle: how long it is kept; asking: how long the vault may take */
    struct loop_deferred turn;
};

extern const struct smtp_client_host upstream_client_host;

/* upstream.c */
struct upstream *upstream_new(struct outlet *o, const struct upstream_user *user,
                              void *ctx); /* busy, not yet connecting */
void upstream_connect(struct upstream *u);
void upstream_step(struct upstream *u, const char *step, const char *seen);
/* Tells the user, closes, frees at the end of the turn. */
void upstream_fail(struct upstream *u, const struct upstream_failure *f);
void upstream_fail_fault(struct upstream *u, const char *when, const struct fault *why);

/* upstream_sign_in.c */
void upstream_want_credential(void *ctx);
void upstream_auth_refused(void *ctx, const struct smtp_reply *reply, const char *challenge);
bool upstream_lost_while_renewing(struct upstream *u); /* true: it is being dialled anew */
void upstream_stop_asking(struct upstream *u);

#endif
