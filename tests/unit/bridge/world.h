/* Bridges with a vault that does as a test says, a provider that plays a mail server with one fault, and clients by socket. */
#ifndef TESTS_BRIDGE_WORLD_H
#define TESTS_BRIDGE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "bridge/bridge.h"
#include "net/conn.h"
#include "net/listen.h"

/* What the provider does instead of its nth move (the greeting is the first, then one for each line it hears). */
enum trouble {
    TROUBLE_NONE,
    TROUBLE_END,     /* ends the connection in order */
    TROUBLE_RESET,   /* resets it */
    TROUBLE_SILENT,  /* says nothing any more */
    TROUBLE_GARBAGE, /* no protocol that anybody knows */
    TROUBLE_ENDLESS, /* a line that never ends */
    TROUBLE_LITERAL, /* IMAP: a literal of 4 GB */
    TROUBLE_KINDS,
};

struct far_end { /* one connection of the provider's */
    struct world *world;
    struct conn *conn;
    struct buf line; /* being heard */
    struct buf got;  /* what came once it was signed in to */
    unsigned moves;
    bool is_signed_in, in_auth, is_closed, has_ended;
    char tag[32];
};

struct world {
    struct loop *loop;
    struct bridges *bridges;
    struct directory *directory;
    struct asks logins, tokens;
    struct bridge_terms terms;

    struct listener *listener;
    struct net_addr provider;
    struct tls_context *provider_tls;
    struct far_end far[16];
    unsigned dials;
    enum trouble trouble;
    unsigned trouble_at; /* 0: never */
    unsigned refusals;   /* sign-ins refused before one is good */
    bool hangs_up;       /* after a refusal */
    bool stays;          /* though the client has ended its direction */
    const char *refusal; /* its words; NULL: those of Exchange */

    bool vault_is_silent, vault_is_away;
    struct token_answer token; /* given; serial counts up with each that was refused */
    uint64_t token_refused;    /* of the last question */
    unsigned logins_asked, tokens_asked, answers_due;
    struct loop_timer answer;
    struct { /* questions that wait for the next turn */
        bool is_token;
        uint64_t tag;
        char user[64];
        char password[64];
    } waiting[64];
    unsigned opened, ended, troubles;
    char trouble_id[48];
    char host[64];
};

/* The directory: mailbox shop@a.example at provider mx, on 127.0.0.1, apps "web" (all protocols), "mailer" (smtp only) and "forced"
 * (force_sender). Password of all: "secret". */
void world_open(struct world *w, enum front_protocol p);
void world_open_tls(struct world *w, enum front_protocol p, struct bytes certificate, struct bytes key,
                    const char *ca_file);
void world_close(struct world *w);
void world_turns(struct world *w, unsigned count);
void world_put(struct world *w, enum object_kind kind, const char *key, const char *json);

int world_client(struct world *w);
void world_ended(void *ctx);
void world_say(struct world *w, int fd, const char *text);
/* Reads until `text` has come, or the end; what stands before it is passed over. */
void world_expect(struct world *w, int fd, const char *text);
void world_expect_end(struct world *w, int fd);
/* What signs in, and what is heard for it. */
const char *world_login(const struct world *w);
const char *world_welcome(const struct world *w);
void world_sign_in(struct world *w, int fd); /* and waits until the session is open */
struct far_end *world_far(struct world *w);  /* the newest */
void world_greet(struct world *w);           /* by a provider that was silent so far */
void world_far_say(struct world *w, const char *text);

#define WORLD_UNTIL(w, condition) \
    do { \
        unsigned world_turns_ = 0; \
        while (!(condition)) { \
            loop_turn((w)->loop, 1); \
            if (++world_turns_ > 20000) \
                fail_msg("waited in vain for " #condition); \
        } \
    } while (0)

#endif
