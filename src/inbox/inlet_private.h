/* inbox/inlet_private.h - the inside of an inlet, shared by inlet*.c.
 *
 *   CONNECTING -> SIGNING_IN -> OPEN,  any -> LEAVING -> OVER,  any -> OVER */
#ifndef INBOX_INLET_PRIVATE_H
#define INBOX_INLET_PRIVATE_H

#include "doctor/token_view.h"
#include "inbox/inbox_private.h"
#include "net/conn.h"

enum {
    INLET_CONNECT_MS = 30 * 1000,
    INLET_GREETING_MS = 60 * 1000, /* greeting, capabilities, STARTTLS */
    INLET_COMMAND_MS = 3 * 60 * 1000,
    INLET_VAULT_MS = 90 * 1000,
    INLET_GOODBYE_MS = 2 * 1000,
};

enum inlet_state { INLET_CONNECTING, INLET_SIGNING_IN, INLET_OPEN, INLET_LEAVING, INLET_OVER };

struct inlet {
    struct list node;   /* in inbox->inlets */
    struct list asking; /* in inbox->asking */
    struct inbox *inbox;
    struct arena *life;
    enum inlet_state state;

    const char *mailbox, *tenant;
    uint32_t protocol;
    struct object_server server;
    union {
        struct imap_client_options imap;
        struct pop3_client_options pop3;
    } options;
    bool signs_in;
    struct tls_context *tls; /* one reference; NULL: none needed */
    struct conn *conn;
    struct imap_client *imap; /* one of the two */
    struct pop3_client *pop3;
    const struct inlet_user *user; /* NULL: nobody listens any more */
    void *ctx;

    uint64_t tag;    /* of the question to the vault */
    uint64_t serial; /* of the credential in use; 0: none yet */
    int64_t expires_ms;
    bool is_token;   /* a credential that the vault can renew */
    bool is_renewed; /* the second one: another refusal is final */
    bool wants_redial, redialled;
    bool is_unread;               /* the peer took nothing for too long */
    struct inlet_trouble refusal; /* of the sign-in, while a second chance is waited for */
    char refusal_words[FAULT_TEXT_SIZE];
    struct token_view view;

    int64_t dialled_ms;
    bool greeting_told;
    char host[NET_ADDR_TEXT_SIZE + 300];
    char said[512];          /* the server's last line while signing in */
    struct loop_timer timer; /* how long the vault may take */
    struct loop_deferred turn;
};

extern const struct imap_client_host inlet_imap_host;
extern const struct pop3_client_host inlet_pop3_host;

/* inlet.c */
void inlet_connect(struct inlet *l);
void inlet_step(struct inlet *l, const char *step, const char *seen);
void inlet_fail(struct inlet *l,
                const struct inlet_trouble *t); /* tells the user, closes, frees at the end of the turn */
void inlet_fail_fault(struct inlet *l, const char *when, const struct fault *why);
void inlet_write(struct inlet *l, struct bytes out, bool is_secret);
void inlet_start_tls(struct inlet *l);
void inlet_ready(struct inlet *l);
const char *inlet_when(const struct inlet *l);

/* inlet_sign_in.c */
void inlet_want_credential(struct inlet *l);
void inlet_auth_refused(struct inlet *l, const struct inlet_trouble *t, const char *challenge);
bool inlet_lost_while_renewing(struct inlet *l); /* true: it is being dialled anew */
void inlet_stop_asking(struct inlet *l);

#endif
