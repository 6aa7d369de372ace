/* sandbox/pop3d_private.h - one POP3 session, shared by the files that handle its commands. */
#ifndef SANDBOX_POP3D_PRIVATE_H
#define SANDBOX_POP3D_PRIVATE_H

#include "sandbox/access.h"
#include "sandbox/link.h"
#include "sandbox/pop3d.h"

struct pop3d_server {
    struct link_server links;
    enum pop3d_kind kind;
};

enum pop3d_state { POP3D_FRESH = 1, POP3D_READY = 2 };
enum pop3d_input { POP3D_COMMAND, POP3D_TOKEN, POP3D_CHALLENGED };

/* A message as it was at sign-in; its number is its place. */
struct pop3d_entry {
    uint32_t uid;
    uint64_t id, size;
    bool is_deleted;
};

/* A message on its way out. */
struct pop3d_letter {
    struct bytes mapped, rest; /* rest.data NULL: none */
    uint8_t last[2];           /* the octets before `rest` */
};

struct pop3d_session {
    struct link link; /* first: a session is its link */
    struct pop3d_server *server;
    struct sandbox *sandbox;
    enum pop3d_state state;
    enum pop3d_input input;
    bool skips_line;
    unsigned bad_commands, auth_failures;
    const char *mechanism;
    char user[320]; /* of USER */
    struct access_identity who;
    char address[320]; /* of the mailbox, "" before sign-in */
    struct mailfolder *folder;
    uint32_t validity;
    struct pop3d_entry *entries;
    size_t count;
    struct pop3d_letter letter;
};

/* pop3d_session.c: what the link tells a session. */
void pop3d_session_init(struct pop3d_session *s, struct pop3d_server *x);
void pop3d_session_greet(struct link *l);
size_t pop3d_session_data(struct link *l, struct bytes in);
void pop3d_session_drained(struct link *l);
void pop3d_session_secured(struct link *l);
void pop3d_session_silent(struct link *l);
void pop3d_session_closed(struct link *l);
void pop3d_session_free(struct link *l);
bool pop3d_is_google(const struct pop3d_session *s);
/* Is something injected at this step? Then it was said, and true. */
bool pop3d_injected(struct pop3d_session *s, const char *step, struct bytes line);
/* The client's mistake; too many end the connection. */
void pop3d_bad(struct pop3d_session *s, const char *reply);
void pop3d_end(struct pop3d_session *s, const char *reply); /* says it, and ends */

typedef void pop3d_command_fn(struct pop3d_session *s, struct bytes args);

/* pop3d_auth.c */
pop3d_command_fn pop3d_on_auth, pop3d_on_user, pop3d_on_pass, pop3d_on_stls;
void pop3d_on_token_line(struct pop3d_session *s, struct bytes line);
void pop3d_sign_out(struct pop3d_session *s);

/* pop3d_maildrop.c */
pop3d_command_fn pop3d_on_stat, pop3d_on_list, pop3d_on_uidl, pop3d_on_retr, pop3d_on_top, pop3d_on_dele, pop3d_on_rset;
void pop3d_open(struct pop3d_session *s);
void pop3d_update(struct pop3d_session *s); /* QUIT: what is deleted goes */
void pop3d_go_on(struct pop3d_session *s);  /* the client took what there was */
void pop3d_close(struct pop3d_session *s);

#endif
