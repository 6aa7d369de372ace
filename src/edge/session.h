/* edge/session.h - one client's connection: its SMTP engine, who it turned out to be, and the message it is sending.
 *
 * session.c joins connection and engine, session_login.c decides who it is, session_mail.c what becomes of its mail. */
#ifndef EDGE_SESSION_H
#define EDGE_SESSION_H

#include "base/arena.h"
#include "edge/body.h"
#include "edge/edge_private.h"
#include "edge/guest.h"
#include "msg/ask.h"
#include "msg/edge_queue.h"
#include "msg/edge_vault.h"
#include "net/conn.h"
#include "proto/mime/header.h"
#include "proto/mime/rewrite.h"
#include "route/route.h"

/* From MAIL until the transaction ends; lives in the session's mail arena. */
struct mail {
    struct route route;
    uint64_t size_limit;
    uint64_t size;                      /* octets from the client */
    const char *message_id;             /* as it stands in the header; NULL: not read yet */
    const char *subject;                /* decoded; likewise */
    struct mime_scan *scan;             /* NULL: the header is over and judged */
    struct mime_rewrite *rewrite;       /* NULL: nothing is changed */
    const struct smtp_verdict *refusal; /* awaits the end of the message */
    int64_t began_ms;                   /* of the data; 0: not yet */
};

enum session_rest { REST_NONE, REST_ENGINE, REST_LOGIN };

struct session {
    struct guest guest;
    struct conn *conn;
    struct smtp_server *smtp;

    char *app, *mailbox; /* NULL: not known yet */
    char *user;          /* as typed; while a sign-in is asked for */

    struct arena *mail_arena;
    struct mail *mail; /* NULL: no transaction */
    struct body body;
    unsigned mails;

    struct ask ask;
    bool is_stalled;            /* the client does not read its replies: no more is fed until it does */
    bool is_over;               /* 221 or 421 was said, or the connection is gone */
    int64_t heard_ms, moved_ms; /* last byte heard; last reply said */

    struct loop_timer clock, rest;
    enum session_rest resting;
    struct login_refusal *login_refusal; /* while resting for the login */
    struct loop_deferred bury, close_soon;
};

/* `fd` taken. */
void session_open(struct edge *e, struct service *service, int fd, const char *host);
void session_cut(struct session *s); /* at once */

/* session.c: for the other two */
void session_go_on(struct session *s); /* a decision was made outside of feed() */
void session_rest(struct session *s, enum session_rest why, uint32_t ms);

/* session_login.c */
/* Asked whenever an unknown client speaks, so that a range that is added while it is connected counts. */
void session_trust_host(struct session *s);
void session_on_auth(void *ctx, const char *user, struct bytes password);
void session_login_rested(struct session *s);
void session_login_fini(struct session *s);

/* session_mail.c */
void session_on_mail(void *ctx, const struct smtp_envelope *env);
void session_on_rcpt(void *ctx, const struct smtp_envelope *env, const struct smtp_recipient *rcpt);
void session_on_data_begin(void *ctx, const struct smtp_envelope *env);
bool session_on_data(void *ctx, struct bytes chunk);
void session_on_data_end(void *ctx, const struct smtp_envelope *env, bool is_whole);
void session_on_reset(void *ctx);

#endif
