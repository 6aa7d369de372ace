/* proto/front/front_private.h - what the three near sides share: the session, its words, and the sign-in exchange. */
#ifndef PROTO_FRONT_FRONT_PRIVATE_H
#define PROTO_FRONT_FRONT_PRIVATE_H

#include "proto/front/front.h"
#include "proto/smtp/lines.h"

#define FRONT_USER_LIMIT 640 /* longer than any name that can exist here: refused like a wrong one */
#define FRONT_PASSWORD_LIMIT 1024
#define FRONT_TAG_LIMIT 64

enum front_state {
    FRONT_START, /* SMTP: no EHLO yet */
    FRONT_READY,
    FRONT_SASL,  /* the next line belongs to the exchange of AUTH */
    FRONT_DONE,  /* signed in: nothing more is ours */
    FRONT_CLOSED /* goodbye was said; input is thrown away */
};

/* What the host was asked for. */
enum front_wait { WAIT_NOTHING, WAIT_TLS, WAIT_LOGIN, WAIT_UPSTREAM };

/* How an exchange of AUTH fails without asking anybody. */
enum front_flaw { FLAW_MECHANISM, FLAW_BASE64, FLAW_PLAIN, FLAW_LOGIN, FLAW_CANCELLED, FLAWS };

/* One protocol's words. A line comes without its end, and without control characters but tabs. */
struct front_kind {
    const char *name;   /* "imap", as ids begin */
    const char *ending; /* what an answer begins with that ends the session: "* BYE " */
    bool takes_bare_lf;
    bool ends_at_long_line; /* the rest of it could be read as commands */
    enum front_state first;
    size_t (*feed)(struct front *f, struct bytes in);
    void (*greet)(struct front *f);
    void (*command)(struct front *f, struct bytes line);
    void (*bad_line)(struct front *f, const char *what); /* "Line too long" */
    void (*challenge)(struct front *f, const char *base64);
    void (*flaw)(struct front *f, enum front_flaw what);
    void (*accept)(struct front *f, const char *capabilities);
    void (*refuse)(struct front *f, bool is_mail, enum front_refusal why, const char *text);
};

extern const struct front_kind front_imap, front_pop3, front_smtp;

struct front_login {
    bool is_plain; /* the mechanism; else LOGIN */
    char *user;    /* LOGIN's first answer, or POP3's USER */
};

/* A command of IMAP that has literals: its lines with CRLF and the literals' octets, one behind the other. */
struct front_pieces {
    uint8_t *data; /* NULL: none under way */
    size_t size, literal_left;
};

struct front {
    const struct front_kind *kind;
    const struct front_policy *policy;
    struct front_host host;
    void *ctx;
    enum front_state state;
    enum front_wait wait;
    bool is_feeding, is_secure, is_trusted;
    bool skips_line; /* MAIL that was refused before it was read */
    unsigned errors, wrong_logins;
    struct smtp_lines lines;
    struct buf out;
    struct front_login login;
    char tag[FRONT_TAG_LIMIT + 1]; /* IMAP: of the command under way */
    struct front_pieces pieces;
};

/* front.c */
void front_enter(struct front *f, enum front_state next);
void front_say(struct front *f, const char *line); /* without CRLF */
void front_sayf(struct front *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* For the client's own fault, which is counted: too many, and the session ends. */
void front_bad(struct front *f, const char *line);
void front_badf(struct front *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
void front_quit(struct front *f); /* flush, CLOSED, host.quit() */
/* For the log; the id becomes "imap.client.WHAT". */
void front_notice(struct front *f, const char *what, const char *format, ...) __attribute__((format(printf, 3, 4)));
void front_start_tls(struct front *f);        /* once the go-ahead is said */
bool front_may_log_in(const struct front *f); /* no password is asked for before TLS where TLS is needed */

/* front_lines.c */
size_t front_feed_line(struct front *f, struct bytes in);
/* Parts `line` at the first blank; `rest` is trimmed. */
struct bytes front_first_word(struct bytes line, struct bytes *rest);
/* The next of names parted by blanks or line ends. False: no more. */
bool front_next_name(struct bytes *list, const char *parted_by, struct bytes *name);

/* front_auth.c */
void front_auth_begin(struct front *f, struct bytes args); /* "PLAIN", "PLAIN initial" */
void front_auth_line(struct front *f, struct bytes line);  /* in state SASL */
void front_auth_forget(struct front *f);
/* Asks the host, unless no such user or password can exist: these are refused as wrong. The last thing to do with a command. */
void front_ask_login(struct front *f, struct bytes user, struct bytes password);

/* front_imap.c */
void front_pieces_drop(struct front *f); /* wiped */

/* front_imap_args.c */
/* The size that "{5}" or "{5+}" at the end of a line gives; false: there is none. Over SIZE_MAX / 2 it is that. */
bool front_imap_literal(struct bytes line, size_t *size, bool *is_sync);
/* Takes an astring from the front and the blank behind it: its true size, and as much of it as `out` has room for. */
bool front_imap_astring(struct bytes *rest, uint8_t *out, size_t room, size_t *size);

#endif
