/* sandbox/imapd_private.h - one IMAP session, shared by the files that handle its commands. */
#ifndef SANDBOX_IMAPD_PRIVATE_H
#define SANDBOX_IMAPD_PRIVATE_H

#include "sandbox/access.h"
#include "sandbox/imapd.h"
#include "sandbox/imapd_parse.h"
#include "sandbox/link.h"

struct imapd_server {
    struct link_server links;
    enum imapd_kind kind;
};

enum imapd_state {
    IMAPD_FRESH = 1,
    IMAPD_READY = 2, /* signed in */
    IMAPD_SELECTED = 4,
    IMAPD_DEAD = 8, /* its token expired */
};

/* What the next octets are. */
enum imapd_input {
    INPUT_COMMAND,
    INPUT_LITERAL, /* of a command */
    INPUT_MESSAGE, /* of APPEND */
    INPUT_TOKEN,
    INPUT_CHALLENGED,
    INPUT_IDLE,
};

/* A message as the client knows it. */
struct imapd_seen {
    uint32_t uid;
    unsigned flags;
};

/* What the client was told of the selected folder. Others may have changed it since; imapd_sync() says so. */
struct imapd_view {
    struct mailfolder *folder;
    struct mailfolder_watch watch;
    struct imapd_seen *seen; /* by sequence number, less one */
    size_t count, room;
    uint64_t version;
    uint32_t validity, recent_from;
    bool is_read_only;
};

struct imapd_append;
struct imapd_fetch;

struct imapd_session {
    struct link link; /* first: a session is its link */
    struct imapd_server *server;
    struct sandbox *sandbox;
    enum imapd_state state;
    enum imapd_input input;
    struct buf command; /* as far as it is here, line ends of literals included */
    size_t line_from;   /* where its last line begins */
    uint64_t literal_left;
    bool skips_line;     /* the rest of an over-long one */
    struct arena *arena; /* the command's */
    char tag[64];
    const char *verb; /* for completions: "SELECT", "UID FETCH" */
    bool is_uid;      /* UID FETCH and its like */
    unsigned bad_commands;

    const char *mechanism;
    char refused_user[320];
    struct access_identity who;
    char address[320]; /* of the mailbox, "" before sign-in */
    struct loop_timer expiry;
    unsigned auth_failures;

    struct imapd_view view;
    struct loop_deferred push; /* changes of the folder, to a session in IDLE */
    struct imapd_append *append;
    struct imapd_fetch *fetch; /* an answer that is being made as the client takes it */
};

typedef void imapd_command_fn(struct imapd_session *s, struct imapd_in *in);

/* imapd_session.c: what the link tells a session. */
void imapd_session_init(struct imapd_session *s, struct imapd_server *x);
void imapd_session_greet(struct link *l);
size_t imapd_session_data(struct link *l, struct bytes in);
void imapd_session_drained(struct link *l);
void imapd_session_secured(struct link *l);
void imapd_session_silent(struct link *l);
void imapd_session_closed(struct link *l);
void imapd_session_free(struct link *l);
void imapd_forget_command(struct imapd_session *s);

/* imapd_reply.c: completions. Each tells first what changed, where the command lets it. */
void imapd_ok(struct imapd_session *s); /* "VERB completed." */
void imapd_ok_text(struct imapd_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* With a response code of any length: "[COPYUID …] ", or "". */
void imapd_ok_code(struct imapd_session *s, const char *code);
void imapd_no(struct imapd_session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The client's mistake; too many end the connection. */
void imapd_bad(struct imapd_session *s, const char *text);
void imapd_bad_arguments(struct imapd_session *s);
void imapd_not_connected(struct imapd_session *s);
void imapd_bye(struct imapd_session *s, const char *text); /* and ends */
/* "* BYE …" also ends; "NO …" gets the tag. */
void imapd_say_injected(struct imapd_session *s, const char *reply);
bool imapd_is_2026(const struct imapd_session *s);
bool imapd_is_google(const struct imapd_session *s);

/* imapd_command.c */
void imapd_dispatch(struct imapd_session *s, struct bytes line);
bool imapd_take_tag(struct imapd_session *s, struct imapd_in *in);
bool imapd_offers(struct imapd_session *s, const char *capability);
/* Is something injected at this step? Then it was said, and true. */
bool imapd_injected(struct imapd_session *s, const char *step, struct bytes line);

/* imapd_auth.c */
imapd_command_fn imapd_on_authenticate, imapd_on_login, imapd_on_starttls;
void imapd_on_token_line(struct imapd_session *s, struct bytes line);
void imapd_sign_out(struct imapd_session *s);
/* False: why not was said. */
bool imapd_is_connected(struct imapd_session *s);
/* Its token's end was told instead of an answer. */
bool imapd_says_expired(struct imapd_session *s);

/* imapd_folder.c */
imapd_command_fn imapd_on_list, imapd_on_lsub, imapd_on_create, imapd_on_delete, imapd_on_rename, imapd_on_subscribe,
    imapd_on_unsubscribe, imapd_on_namespace;
/* A mailbox name off the wire; NULL: malformed. */
const char *imapd_take_mailbox(struct imapd_session *s, struct imapd_in *in);
struct mailfolder *imapd_find_folder(struct imapd_session *s, const char *name); /* NULL: none */

/* imapd_select.c */
imapd_command_fn imapd_on_select, imapd_on_examine, imapd_on_status, imapd_on_close, imapd_on_unselect, imapd_on_check,
    imapd_on_idle;
void imapd_on_idle_line(struct imapd_session *s, struct bytes line);
void imapd_deselect(struct imapd_session *s);
void imapd_sync(struct imapd_session *s, bool may_expunge);
void imapd_on_changed(void *session);
/* Sequence numbers and UIDs. */
struct imapd_pick {
    uint32_t *numbers; /* sequence numbers, ascending; in the command's arena */
    size_t count;
};
void imapd_pick(struct imapd_session *s, struct imapd_set *set, struct imapd_pick *out);
struct mailitem *imapd_item(struct imapd_session *s, uint32_t number); /* NULL: gone meanwhile */
void imapd_add_flags(struct imapd_session *s, struct buf *out, const struct mailitem *item);

/* imapd_store.c */
imapd_command_fn imapd_on_store, imapd_on_copy, imapd_on_move, imapd_on_expunge;
/* Takes out what is \Deleted; `uids` resolved, NULL: all. */
void imapd_expunge(struct imapd_session *s, struct mailfolder *f, const struct imapd_set *uids);

/* imapd_append.c */
imapd_command_fn imapd_on_append;
/* Is this literal APPEND's message? Then it is taken in (or the command refused), and true. */
bool imapd_append_begins(struct imapd_session *s, struct bytes line, const struct imapd_literal *literal);
void imapd_append_data(struct imapd_session *s, struct bytes data);
void imapd_append_finish(struct imapd_session *s, struct bytes rest /* of the line after it */);
void imapd_append_free(struct imapd_session *s);

/* imapd_search.c */
imapd_command_fn imapd_on_search;

/* imapd_fetch.c */
imapd_command_fn imapd_on_fetch;
void imapd_fetch_go_on(struct imapd_session *s); /* the client took what there was */
void imapd_fetch_free(struct imapd_session *s);

#endif
