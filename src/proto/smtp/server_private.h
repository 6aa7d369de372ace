/* proto/smtp/server_private.h - what the server's files share: its state, and how handlers answer. */
#ifndef PROTO_SMTP_SERVER_PRIVATE_H
#define PROTO_SMTP_SERVER_PRIVATE_H

#include "proto/smtp/data.h"
#include "proto/smtp/lines.h"
#include "proto/smtp/server.h"

/* A set, so that a verb's row can name several. */
enum smtp_state {
    SMTP_START = 1,   /* no EHLO yet */
    SMTP_READY = 2,   /* no transaction open */
    SMTP_MAIL = 4,    /* sender known */
    SMTP_RCPT = 8,    /* at least one recipient */
    SMTP_BDAT = 16,   /* between two chunks */
    SMTP_CHUNK = 32,  /* in a chunk's octets */
    SMTP_DATA = 64,   /* in DATA's octets */
    SMTP_AUTH = 128,  /* the next line belongs to AUTH */
    SMTP_CLOSED = 256 /* 221 or 421 was said; input is thrown away */
};

/* A host's decision that the engine waits for. */
enum smtp_wait { WAIT_NOTHING, WAIT_TLS, WAIT_AUTH, WAIT_MAIL, WAIT_RCPT, WAIT_BEGIN, WAIT_END, WAIT_PAUSE, WAITS };

struct smtp_server_login {
    bool is_plain; /* the mechanism; else LOGIN */
    char *user;    /* LOGIN's first answer */
};

/* One message's octets, by DATA or by BDAT. */
struct smtp_server_body {
    struct smtp_data data;
    bool is_begun; /* the host agreed in data_begin() */
    bool is_bdat, is_last_chunk;
    bool is_unkept; /* the host's data() said false */
    uint64_t size;  /* message octets so far, kept or swallowed */
    uint64_t chunk_size, chunk_left;
    const char *refusal; /* the reply that awaits the message, or NULL while all is well; in the mail arena */
};

struct smtp_server {
    const struct smtp_server_policy *policy;
    struct smtp_server_host host;
    void *ctx;
    enum smtp_state state, after_chunk; /* a chunk out of order leads back to after_chunk */
    enum smtp_wait wait;
    bool is_feeding, is_secure, is_trusted, is_signed_in, is_esmtp;
    bool in_transaction; /* the host was asked about MAIL and not yet told to reset */
    unsigned errors, recipients_refused;
    char *helo;
    struct smtp_lines lines;
    struct buf out;
    struct smtp_server_login login;
    struct arena *mail; /* one transaction */
    struct smtp_envelope env;
    size_t recipients_room;
    struct smtp_recipient rcpt; /* the one that the host is asked about */
    struct smtp_server_body body;
};

/* server.c */
void smtp_server_enter(struct smtp_server *s, enum smtp_state next);
void smtp_server_end_transaction(struct smtp_server *s); /* the host is told if one was open; state READY */
void smtp_server_quit(struct smtp_server *s);            /* flush, CLOSED, host.quit() */

/* reply.c: a line is a whole reply without CRLF. */
void smtp_reply(struct smtp_server *s, const char *line);
void smtp_replyf(struct smtp_server *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Refuses for the client's own fault, which is counted: too many, and the session ends. */
void smtp_refuse(struct smtp_server *s, const char *line);
void smtp_count_error(struct smtp_server *s);
/* The host's words, made safe: one line, printable, at most 480 octets, in the mail arena. */
const char *smtp_verdict_line(struct smtp_server *s, const struct smtp_verdict *v);
void smtp_flush(struct smtp_server *s);
void smtp_notice(struct smtp_server *s, const char *id, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* verbs.c */
void smtp_server_command(struct smtp_server *s, struct bytes line);

/* cmd_session.c */
void smtp_on_ehlo(struct smtp_server *s, struct bytes args);
void smtp_on_helo(struct smtp_server *s, struct bytes args);
void smtp_on_starttls(struct smtp_server *s, struct bytes args);
void smtp_on_noop(struct smtp_server *s, struct bytes args);
void smtp_on_rset(struct smtp_server *s, struct bytes args);
void smtp_on_quit(struct smtp_server *s, struct bytes args);
void smtp_on_vrfy(struct smtp_server *s, struct bytes args);
void smtp_on_expn(struct smtp_server *s, struct bytes args);
void smtp_on_help(struct smtp_server *s, struct bytes args);
void smtp_on_http(struct smtp_server *s, struct bytes args);

/* cmd_auth.c */
void smtp_on_auth(struct smtp_server *s, struct bytes args);
void smtp_auth_line(struct smtp_server *s, struct bytes line); /* in state AUTH */
void smtp_auth_forget(struct smtp_server *s);

/* cmd_mail.c */
void smtp_on_mail(struct smtp_server *s, struct bytes args);
void smtp_on_rcpt(struct smtp_server *s, struct bytes args);
void smtp_mail_decided(struct smtp_server *s, const struct smtp_verdict *v);
void smtp_rcpt_decided(struct smtp_server *s, const struct smtp_verdict *v);

/* cmd_data.c */
void smtp_on_data(struct smtp_server *s, struct bytes args);
void smtp_on_bdat(struct smtp_server *s, struct bytes args);
void smtp_bdat_refused_by_order(struct smtp_server *s, struct bytes args,
                                const char *line); /* its chunk comes anyway */
void smtp_begin_decided(struct smtp_server *s, const struct smtp_verdict *v);
void smtp_end_decided(struct smtp_server *s, const struct smtp_verdict *v);
size_t smtp_body_feed(struct smtp_server *s, struct bytes in); /* in states DATA and CHUNK */

#endif
