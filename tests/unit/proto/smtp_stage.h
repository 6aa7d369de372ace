/* A host that plays the edge for the server engine. It decides by what it reads: addresses holding "refused", "later" or "closing"
 * get 550, 450 and 421; a sender "nodata" gets 451 at DATA; a message holding "POISON" gets 554, one holding "DISKFULL" can't be kept; the password "secret" is right.
 * All that the engine says and asks is written down. */
#ifndef SMTP_STAGE_H
#define SMTP_STAGE_H

#include "proto/smtp/server.h"

struct stage {
    struct smtp_server_policy policy;
    struct smtp_server *server;
    bool decides_late; /* after feed() came back, not inside the callback */
    bool is_open;
    bool has_owed; /* a decision that is late */
    bool is_owed_to_auth;
    struct smtp_verdict owed;
    bool is_starting_tls, is_unkept, is_paused;
    struct buf out, events, body;
};

void stage_init(struct stage *t);
void stage_fini(struct stage *t);
/* Opens the session: set policy, decides_late and so on before; `secure` and `trusted` as the listener would. */
void stage_open(struct stage *t, bool is_secure, bool is_trusted);
/* Feeds `in` in pieces of `step` octets (0: all at once), deciding what is owed in between. */
void stage_play(struct stage *t, struct bytes in, size_t step);

#endif
