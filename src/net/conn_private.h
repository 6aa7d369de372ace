/* net/conn_private.h - a connection's inside, shared by conn*.c.
 *
 *   RESOLVING -> CONNECTING -> (SHAKING ->) OPEN -> FINISHING -> LINGERING -> OVER
 *
 * An accepted connection begins OPEN; STARTTLS goes OPEN -> SHAKING -> OPEN. Owner callbacks run only from the loop's own calls
 * (descriptor, timer, end of turn), never inside a call of conn.h: those note what is wanted and schedule conn_turn(). */
#ifndef NET_CONN_PRIVATE_H
#define NET_CONN_PRIVATE_H

#include "net/conn.h"
#include "net/filter.h"

enum conn_state {
    CONN_RESOLVING,
    CONN_CONNECTING,
    CONN_SHAKING,
    CONN_OPEN,
    CONN_FINISHING, /* writing what is queued */
    CONN_LINGERING, /* FIN is sent; the peer's input is thrown away so that no RST overtakes our last words */
    CONN_OVER,
};

/* A handshake that was asked for and waits for queued output to leave in the clear. */
struct upgrade {
    struct tls_context *tls; /* one reference */
    char *host;              /* NULL: we are the server */
};

struct dial; /* conn_dial.c */

struct conn {
    struct loop *loop;
    struct conn_limits limits;
    struct conn_events events;
    void *ctx;

    enum conn_state state;
    bool is_freed;
    bool is_paused;
    bool was_disturbed; /* readable while reading is off: only then is looking away worth a system call */
    bool offer_again;   /* conn_resume(): show the owner what waits */
    bool read_again;    /* the filter holds input that no readiness will announce */
    bool is_blocked;    /* the kernel takes no output for now */
    bool saw_end;       /* the peer ended its direction; told once the owner used what came before */
    bool end_told;      /* by `ended` */
    bool is_shutting;   /* conn_shut() was called */
    bool is_shut;       /* and our direction is ended */
    bool owes_drained;  /* output was queued since `drained` last ran */
    bool is_finishing;  /* conn_finish() was called */
    bool is_masked, mask_told, holds_secret;

    int fd;
    struct loop_io *io;
    struct filter *filter;
    unsigned read_wants, write_wants; /* which readiness lets each go on */
    unsigned wants;                   /* what the io waits for now */
    struct buf in, out;
    size_t out_at; /* bytes of `out` that the kernel has */

    struct upgrade *upgrade;
    struct dial *dial;
    char *name;          /* "host:port" for faults */
    struct fault *fault; /* noted inside a call, told at the end of the turn */

    struct loop_deferred turn;
    struct loop_timer clock;
    int64_t active_ms;   /* last byte either way */
    int64_t deadline_ms; /* of connect, handshake or finish; 0: none */
    int64_t linger_ms;   /* while lingering: when even a peer that still reads has had its time */

    conn_record_fn *record;
    void *record_ctx;
    struct net_addr peer;
};

/* conn.c */
struct conn *conn_new(struct loop *l, const struct conn_limits *limits, const struct conn_events *events, void *ctx);
void conn_adopt(struct conn *c, int fd); /* taken; a connected socket, the state stays the caller's business */
const char *conn_name(struct conn *c);   /* lent */
void conn_enter(struct conn *c, enum conn_state next);
void conn_schedule(struct conn *c);
/* Tells the owner and lets the descriptor go. Only from the loop's own calls. */
void conn_end(struct conn *c, const struct fault *why);
void conn_note_fault(struct conn *c, const struct fault *why); /* the first one counts; told at the end of the turn */
void upgrade_free(struct upgrade *u);

/* conn_io.c */
void conn_on_io(void *ctx, unsigned ready);
void conn_turn(void *ctx);
void conn_push(struct conn *c);      /* writes what is queued, as far as the kernel takes it */
void conn_drop_input(struct buf *b); /* wiped */
void conn_update(struct conn *c);    /* readiness to wait for, and the clock */
void conn_begin_tls(struct conn *c, struct upgrade *u /* taken */);

/* conn_dial.c */
void dial_connected(struct conn *c, unsigned ready);
void dial_timed_out(struct conn *c);
void dial_free(struct dial *d);

/* conn_clock.c */
void conn_clock_arm(struct conn *c);
void conn_clock_linger(struct conn *c); /* all is with the kernel: from now on the peer needs only to hear it */
void conn_on_clock(void *ctx);

#endif
