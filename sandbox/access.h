/* sandbox/access.h - who may use which mailbox: what every server of the sandbox asks of a token. */
#ifndef SANDBOX_ACCESS_H
#define SANDBOX_ACCESS_H

#include <jansson.h>

#include "base/bytes.h"
#include "sandbox/tenant.h"

struct sandbox;

enum access_protocol { ACCESS_SMTP, ACCESS_IMAP, ACCESS_POP3 };

/* At whose door: the protocol, and whether it is the Google-like provider's. */
struct access_door {
    struct sandbox *sandbox; /* lent */
    enum access_protocol protocol;
    bool is_google;
};

struct access_identity {
    const struct user *mailbox; /* what user= named; NULL: an app named an address where no mailbox is (not for SMTP) */
    const struct user *signed_in;  /* whose token it is; NULL: an app's own */
    const struct client *client;   /* NULL: a password */
    bool lacks_mailbox_permission; /* SMTP shows it only after DATA, IMAP at the first SELECT */
    const char *mechanism;
    int64_t expires_ms; /* wall clock; 0: never */
    json_t *facts;      /* of the token, for the stored message; may be NULL */
};

/* False: the token does not open that mailbox. Fills `who`; its facts are given. */
bool access_admit(const struct access_door *door, const char *user, struct bytes token, struct access_identity *who);
void access_forget(struct access_identity *who);
bool access_may_send_as(struct sandbox *sb, const struct access_identity *who, const char *address);

#endif
