/* sandbox/link.h - a client's connection to a mailbox server, and the server that has them: what IMAP and POP3 share.
 *
 * A session has a `struct link` as its first member. What it says is gathered and sent by link_send(): at once, late, cut short
 * or not at all, as switches and injections want it. The dialogue stands in the activity log; who feeds it masks secrets. */
#ifndef SANDBOX_LINK_H
#define SANDBOX_LINK_H

#include "net/conn.h"
#include "net/listen.h"
#include "sandbox/inject.h"
#include "sandbox/sandbox_private.h"

struct link;
struct link_server;

/* What a protocol does with its sessions. */
struct link_kind {
    const char *name; /* "imap": in log and counters */
    enum switch_id certificate, idle, slow;
    const struct inject_rules *rules;
    struct link *(*open)(struct link_server *x); /* a zeroed session, given */
    void (*greet)(struct link *l);               /* connected, and TLS is up where it comes first */
    size_t (*data)(struct link *l, struct bytes in);
    void (*drained)(struct link *l); /* may be NULL */
    void (*secured)(struct link *l); /* STARTTLS is done */
    void (*silent)(struct link *l);  /* nothing was heard for so long */
    void (*closed)(struct link *l);  /* the connection is gone: forget what concerns others */
    void (*free)(struct link *l);    /* what is the session's own, and itself */
};

struct link_port {
    struct link_server *server;
    struct listener *listener;
    bool is_tls; /* implicit */
};

struct link_server {
    struct sandbox *sandbox;
    const struct link_kind *kind;
    const char *name; /* "microsoft" or "google" */
    struct injections *injections;
    struct link_port ports[2];
    struct tls_context *tls[CA_KINDS];
    struct list links;
    size_t count;
    struct map *connections; /* address -> how many are signed in, as a pointer's value */
};

/* Both descriptors (listening sockets) are taken, also when it fails: the one with TLS from the start, and the plain one
 * (-1: there is none). */
bool link_server_init(struct link_server *x, struct sandbox *sandbox, const struct link_kind *kind, const char *name,
                      int tls_fd, int plain_fd, struct fault *why);
void link_server_fini(struct link_server *x);
json_t *link_server_json(const struct link_server *x); /* {sessions, injections}; given */
/* Counts a signed-in session of that mailbox, or takes it off again; returns how many there are now. */
size_t link_server_count(struct link_server *x, const char *address, int step);

struct link {
    struct link_server *server;
    struct conn *conn; /* NULL: over */
    struct list node;
    struct loop_deferred burial;
    struct loop_timer timer, idle;
    int64_t active_ms; /* when the client was last heard */
    char id[37];
    char peer[NET_ADDR_TEXT_SIZE];
    bool is_waiting;  /* a slow answer, or TLS: no input is looked at meanwhile */
    bool is_over;     /* nothing is looked at any more */
    bool ends_after;  /* the connection ends with the answer that is being made */
    bool drops_reply; /* do it, but drop the connection instead of saying so */
    bool is_cut;      /* the connection is dropped after cut_left more octets */
    uint64_t cut_left;
    int64_t delay_ms; /* of the answer that is being made */
    struct buf out;
    json_t *note, *lines; /* in the activity log from the start; lines are lent from it */
};

/* One line without its end. */
void link_say(struct link *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Part of an answer as it is, not noted. */
void link_add(struct link *l, struct bytes data);
void link_note(struct link *l, const char *who, struct bytes line);
/* Sends what was said. */
void link_send(struct link *l);
/* At once, beside what link_send() does: for long answers that are made as the client takes them. */
bool link_write(struct link *l, struct bytes data);
void link_end(struct link *l); /* closes at once; freed at the end of the turn */
void link_start_tls(struct link *l);
/* Is something injected at this step? Then true says that the step is over; `reply` has a line to say, or "". */
bool link_injected(struct link *l, const char *step, struct bytes line, char reply[512]);

#endif
