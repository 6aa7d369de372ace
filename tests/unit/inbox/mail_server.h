/* A mailbox with an IMAP and a POP3 server before it, on loopback, in the test's own loop. Enough for what the room says; it takes any
 * XOAUTH2 token, or only some, and can be cut off behind any of its lines. */
#ifndef TESTS_INBOX_MAIL_SERVER_H
#define TESTS_INBOX_MAIL_SERVER_H

#include "base/bytes.h"
#include "loop/loop.h"

struct mail_server;

enum served_how {
    SERVED_WELL,
    SERVED_REFUSED,   /* NO to whatever would give it, behind those that stand before it */
    SERVED_NO_HEADER, /* NO to its header; its data are told */
    SERVED_LEFT_OUT,  /* OK without a word of it, while SEARCH finds it */
    SERVED_CUT,       /* the connection ends at its header */
    SERVED_CUT_BODY,  /* at its body */
};

struct served { /* one message */
    uint32_t uid;
    char *text;
    size_t size;
    int64_t received_ms;
    bool is_seen, is_deleted;
    enum served_how how;
};

struct mail_server *mail_server_new(struct loop *l);
void mail_server_free(struct mail_server *s);
uint16_t mail_server_imap_port(const struct mail_server *s);
uint16_t mail_server_pop3_port(const struct mail_server *s);

/* Into INBOX; idle sessions hear of it. `text` is copied, its line ends are CRLF. */
uint32_t mail_server_add(struct mail_server *s, const char *text);
uint32_t mail_server_add_at(struct mail_server *s, const char *text, int64_t received_ms);
void mail_server_serve(struct mail_server *s, uint32_t uid, enum served_how how);
void mail_server_vanish(struct mail_server *s, uint32_t uid); /* and nobody is told */
void mail_server_remove(struct mail_server *s, uint32_t uid);
/* Every message gets another number (and UIDL) under a new UIDVALIDITY. */
void mail_server_renumber(struct mail_server *s);
size_t mail_server_count(const struct mail_server *s);
const struct served *mail_server_message(const struct mail_server *s, uint32_t uid); /* NULL: gone */
size_t mail_server_moved(const struct mail_server *s);                               /* out of INBOX by MOVE */
const char *mail_server_folder(const struct mail_server *s); /* the one they went to; "" : none */

/* The connection is cut when this many more lines were read; 0: never. */
void mail_server_cut_after(struct mail_server *s, unsigned lines);
void mail_server_cut_each(struct mail_server *s, unsigned lines);          /* again and again */
void mail_server_say_bye(struct mail_server *s, const char *text);         /* to all that are connected, and closes */
void mail_server_refuse_select(struct mail_server *s, const char *answer); /* NULL: no more */
void mail_server_refuse_body(struct mail_server *s, const char *answer);   /* of whole messages; NULL: no more */
void mail_server_refuse_token(struct mail_server *s, const char *token);   /* NULL: all are good */
void mail_server_without(struct mail_server *s, const char *capability);   /* "IDLE"; NULL: all */
unsigned mail_server_connections(const struct mail_server *s);             /* so far */
unsigned mail_server_open(const struct mail_server *s);                    /* now */
unsigned mail_server_idling(const struct mail_server *s);
const char *mail_server_heard(const struct mail_server *s); /* all lines, the last 1 MB */
unsigned mail_server_lines(const struct mail_server *s);

#endif
