/* inbox/inlet.h - one connection to a mailbox by IMAP or POP3, from dialling to signed in; then its user gives the commands.
 *
 * The octets are net/conn.h, the protocol is imap/client.h or pop3/client.h; here are the patience of each step, the credential
 * (asked of the vault once the way is safe: TLS with a verified certificate, or a server on this machine; a refused token is
 * renewed once before it is a fault) and what a trouble means. Used by a watcher or by a test of the mailbox. */
#ifndef INBOX_INLET_H
#define INBOX_INLET_H

#include "doctor/finding.h"
#include "doctor/token_view.h"
#include "inbox/inbox.h"
#include "object/object.h"
#include "proto/imap/client.h"
#include "proto/pop3/client.h"

struct inlet;

struct inlet_trouble {
    const char *when;              /* connect, starttls, auth, idle, or the command */
    const char *words;             /* the server's, or the fault's text */
    const struct finding *finding; /* NULL: only the fault knows */
    struct fault fault;            /* kind NONE: the finding says it all */
    bool is_lost;                  /* the connection went away without a word */
    bool token_ended;              /* a fresh token is all that is missing */
};

/* Everything is lent for the call. The engines' calls arrive with the user's ctx; of the hosts only what is about commands is used
 * (not send, send_secret, start_tls, want_credential, auth_refused, failed). */
struct inlet_user {
    void (*ready)(void *ctx);                                    /* signed in; and after each command */
    void (*failed)(void *ctx, const struct inlet_trouble *t);    /* the inlet is gone; forget it */
    void (*step)(void *ctx, const char *step, const char *seen); /* one step of connecting is over; may be NULL */
    const struct imap_client_host *imap;
    const struct pop3_client_host *pop3;
};

/* A new connection; the result comes to `user` later, except where the settings alone forbid it: then NULL. `user` is lent for life. */
struct inlet *inlet_open(struct inbox *i, const struct mailbox *m, uint32_t protocol, const struct inlet_user *user,
                         void *ctx, struct fault *why);
struct imap_client *inlet_imap(struct inlet *l); /* for its commands */
struct pop3_client *inlet_pop3(struct inlet *l);
/* How long the server may be silent; back to that of a command with the next ready(). */
void inlet_set_patience(struct inlet *l, int64_t ms);
void inlet_close(struct inlet *l); /* its user is done: LOGOUT or QUIT, and nobody waits for the answer; takes NULL */
void inlet_drop(struct inlet *l);  /* at once; takes NULL */
const char *inlet_host(const struct inlet *l);                    /* "imap.example.org[192.0.2.1]:993" */
const struct token_view *inlet_token_view(const struct inlet *l); /* of the token last given */

/* For the door. */
void inlet_token(struct inbox *i, const struct token_answer *t);
void inlet_vault_up(struct inbox *i);
void inlet_free_all(struct inbox *i);

/* What a refused command means. */
void inlet_trouble_of_imap(const char *when, const struct imap_reply *reply, struct inlet_trouble *out);
void inlet_trouble_of_pop3(const char *when, const struct pop3_reply *reply, struct inlet_trouble *out);

#endif
