/* proto/imap/client_private.h - what the client's files share: its steps and its state. */
#ifndef PROTO_IMAP_CLIENT_PRIVATE_H
#define PROTO_IMAP_CLIENT_PRIVATE_H

#include "base/secret.h"
#include "proto/imap/client.h"
#include "proto/imap/cursor.h"
#include "proto/imap/wire.h"
#include "proto/sasl/client.h"

#define IMAP_TAG_LETTER 'A'
#define IMAP_FOLDER_SIZE 4096 /* of a name on the wire */

enum imap_step {
    STEP_GREETING,
    STEP_CAPABILITY, /* before the sign-in */
    STEP_STARTTLS,
    STEP_TLS,        /* handshake under way */
    STEP_CREDENTIAL, /* the host is asked for one */
    STEP_AUTH,
    STEP_USER, /* of AUTHENTICATE LOGIN */
    STEP_ANSWER,
    STEP_CHALLENGED, /* a continuation came after the answer: the server wants to tell why it refuses */
    STEP_REFUSED,    /* the host may try another credential */
    STEP_REVIEW,     /* CAPABILITY after the sign-in */
    STEP_READY,
    STEP_LIST,
    STEP_SEPARATOR, /* of levels, before the first command with a folder that has some */
    STEP_SELECT,
    STEP_CREATE,
    STEP_SEARCH,
    STEP_FETCH,
    STEP_BODY,
    STEP_SEEN,
    STEP_MOVE,
    STEP_COPY, /* MOVE's stand-in, then as for a deletion */
    STEP_MARK,
    STEP_EXPUNGE,
    STEP_LOOK, /* which messages are marked, where EXPUNGE takes them all */
    STEP_SWEEP,
    STEP_NOOP,
    STEP_IDLE, /* asked for */
    STEP_IDLING,
    STEP_DONE,
    STEP_LOGOUT,
    STEP_OVER,
    STEPS
};

struct imap_client {
    const struct imap_client_options *options;
    struct imap_client_host host;
    void *ctx;
    enum imap_step step;
    bool is_feeding, is_secure, is_signed_in;
    bool stops;    /* signed in just now: what follows is the session's */
    size_t unread; /* octets that came behind the response */
    struct imap_wire wire;
    struct buf out;
    uint32_t tag;
    struct imap_reply reply;
    char reply_text[FAULT_TEXT_SIZE];

    struct imap_client_caps caps;
    struct buf capabilities;
    bool is_told; /* the capabilities, since the last sign-in or TLS */

    enum sasl_mechanism mechanism;
    struct secret *user, *answer; /* lines as they go out; LOGIN's name, and the one secret answer of every mechanism */
    char challenge[1024];

    const char *command; /* its name for the host */
    char folder[IMAP_FOLDER_SIZE];
    bool knows_separator;
    char separator;      /* 0: levels stay parted by a slash */
    enum imap_step then; /* the command that waits for the separator */
    bool is_flag;        /* SELECT: read-only; FETCH: with header */
    bool is_selected;
    struct imap_folder selected;
    uint64_t uid;         /* the message of the command; SEARCH: the first */
    uint64_t last_uid;    /* SEARCH: the last; 0: to the end */
    struct buf set;       /* FETCH: what is still to be asked for */
    size_t marked_others; /* LOOK: messages marked as deleted that are not ours */
    struct {
        bool was_given, is_wanted;
        uint64_t size;
    } body;
    bool wants_done; /* before the server said that it idles */
};

/* client.c. A heard_* returns the next step; a say_* is run on entering its step. */
void imap_client_enter(struct imap_client *c, enum imap_step next);
/* For calls from outside; those from inside a callback are flushed by the feed around it. */
void imap_client_enter_and_flush(struct imap_client *c, enum imap_step next);
/* A line of its own, the tag before it. */
void imap_client_say(struct imap_client *c, const char *format, ...) __attribute__((format(printf, 2, 3)));
void imap_client_flush(struct imap_client *c);
/* The host is told, at the present step; returns STEP_OVER. `reply` may be NULL. */
enum imap_step imap_client_fail(struct imap_client *c, const struct imap_reply *reply, enum fault_kind kind,
                                const char *id, const char *format, ...) __attribute__((format(printf, 5, 6)));
enum imap_step imap_client_breach(struct imap_client *c, const char *what, struct bytes seen);

/* client_hello.c */
void imap_say_capability(struct imap_client *c);
void imap_say_starttls(struct imap_client *c);
void imap_say_tls(struct imap_client *c);
enum imap_step imap_heard_greeting(struct imap_client *c, bool is_preauth, const struct imap_reply *r);
enum imap_step imap_heard_capability(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_starttls(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_review(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_client_injected(struct imap_client *c); /* clear octets between STARTTLS and TLS */
void imap_client_not_imap(struct imap_client *c, struct bytes seen);
void imap_client_take_capabilities(struct imap_client *c, struct bytes list);
void imap_client_drop_capabilities(struct imap_client *c);

/* client_auth.c */
bool imap_client_choose_mechanism(struct imap_client *c); /* false: the server offers nothing that serves */
const char *imap_client_wanted_mechanism(const struct imap_client *c);
void imap_say_credential(struct imap_client *c);
void imap_say_auth(struct imap_client *c);
void imap_say_user(struct imap_client *c);
void imap_say_answer(struct imap_client *c);
void imap_say_challenged(struct imap_client *c);
void imap_say_refused(struct imap_client *c);
enum imap_step imap_heard_auth(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_asked_auth(struct imap_client *c, struct bytes text);
enum imap_step imap_asked_user(struct imap_client *c, struct bytes text);
enum imap_step imap_asked_answer(struct imap_client *c, struct bytes text);
void imap_client_forget(struct imap_client *c); /* the credential */

/* untagged.c: everything that begins with "* ". */
void imap_client_hear_untagged(struct imap_client *c, struct bytes text);
/* "[CODE args] words" or "words" of a status; fills c->reply and acts on the codes that say something of the session. */
void imap_client_take_status(struct imap_client *c, int status, struct bytes text);

/* search.c */
void imap_client_hear_search(struct imap_client *c, struct imap_cursor in);
void imap_client_hear_esearch(struct imap_client *c, struct imap_cursor in);
void imap_client_hear_search_front(struct imap_client *c); /* of a line that is still coming */

/* fetch.c */
void imap_client_hear_fetch(struct imap_client *c, uint64_t sequence, struct imap_cursor in);
void imap_client_hear_literal(struct imap_client *c);
void imap_client_hear_body(struct imap_client *c, struct bytes chunk);

/* commands.c */
void imap_say_list(struct imap_client *c);
void imap_say_separator(struct imap_client *c);
void imap_say_select(struct imap_client *c);
void imap_say_create(struct imap_client *c);
void imap_say_search(struct imap_client *c);
void imap_say_fetch(struct imap_client *c);
void imap_say_body(struct imap_client *c);
void imap_say_seen(struct imap_client *c);
void imap_say_move(struct imap_client *c);
void imap_say_copy(struct imap_client *c);
void imap_say_mark(struct imap_client *c);
void imap_say_expunge(struct imap_client *c);
void imap_say_look(struct imap_client *c);
void imap_say_sweep(struct imap_client *c);
void imap_say_noop(struct imap_client *c);
void imap_say_idle(struct imap_client *c);
void imap_say_idling(struct imap_client *c);
void imap_say_done(struct imap_client *c);
void imap_say_logout(struct imap_client *c);
enum imap_step imap_heard_command(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_separator(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_select(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_fetch(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_copy(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_mark(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_look(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_heard_logout(struct imap_client *c, const struct imap_reply *r);
enum imap_step imap_asked_idle(struct imap_client *c, struct bytes text);

#endif
