/* proto/front/watch_private.h - what the three kinds of sessions share: lines of the server's, found, judged, held and passed on. */
#ifndef PROTO_FRONT_WATCH_PRIVATE_H
#define PROTO_FRONT_WATCH_PRIVATE_H

#include "base/text.h"
#include "proto/front/watch.h"

#define WATCH_TAIL 24     /* enough for "{18446744073709551615}" CR */
#define WATCH_HEAD 128    /* of a client's command: all that is looked at */
#define WATCH_QUEUE 65536 /* commands under way; with more the session is no longer followed */

enum watch_mode {
    WATCH_LINE_START,
    WATCH_LINE, /* in a line of no concern */
    WATCH_HELD, /* in a line that is or may be of concern; its front is in `held` */
    WATCH_OVER, /* in octets that are no lines */
};

/* What a line is by its front. */
enum watch_verdict {
    WATCH_MORE, /* can't be told yet; never said of a whole line */
    WATCH_PASS,
    WATCH_KEEP, /* line() gets it whole, unless it is too long */
};

struct watch_kind {
    bool needs_cr; /* a bare LF does not end a server's line */
    /* Until it does not say MORE; only then it may change the session's state. */
    enum watch_verdict (*judge)(struct watch *w, struct bytes line, bool is_whole);
    /* A line of concern with its end: says what goes to the client. May leave w->mode at OVER, as may ended(). */
    void (*line)(struct watch *w, struct bytes line);
    void (*too_long)(struct watch *w); /* a line of concern passes unchanged: before an octet of it does; may be NULL */
    /* Another line came to its end, which is in the last octets that it is given. */
    void (*ended)(struct watch *w, struct bytes tail);
    /* Octets of `in` that belong to a literal or message, one at least; sets w->mode when that ends. */
    size_t (*step_over)(struct watch *w, struct bytes in);
    void (*from_client)(struct watch *w, struct bytes in);
    bool (*is_between)(const struct watch *w);  /* commands, as far as the frame does not know */
    bool (*is_at_start)(const struct watch *w); /* of an answer, likewise; NULL: always */
};

extern const struct watch_kind watch_imap, watch_pop3, watch_smtp;

/* CRLF "." CRLF, wherever it is cut. */
struct watch_dot {
    uint8_t matched;
};

/* What the outstanding commands are, oldest first. */
struct watch_queue {
    uint8_t *kinds;
    size_t first, size, capacity;
};

/* The last octets of a line that comes in pieces. */
struct watch_tail {
    uint8_t data[WATCH_TAIL];
    size_t size;
};

/* A client's line under way. */
struct watch_command {
    char head[WATCH_HEAD];
    size_t head_size, size;
    struct watch_tail tail;
};

struct watch_imap {
    bool has_literals; /* the server's line may end with one */
    uint64_t server_literal;
    uint64_t client_literal;
    bool awaits_go_ahead; /* of a literal that the client has announced */
    bool is_continued;    /* the client's line goes on behind a literal */
    bool is_idle, is_leaving;
    char tag[WATCH_HEAD]; /* of the client's last command */
    unsigned outstanding;
};

struct watch_pop3 {
    struct watch_queue queue;
    struct watch_dot dot;
    bool is_ok;   /* of the status line under way */
    bool is_list; /* in the lines that answer CAPA */
};

enum watch_smtp_client { WATCH_COMMANDS, WATCH_BODY, WATCH_CHUNK };

struct watch_smtp {
    struct watch_queue queue;
    struct watch_dot dot;
    enum watch_smtp_client client;
    uint64_t chunk_left;
    bool awaits_go_ahead; /* DATA was said */
    bool is_within;       /* a reply of several lines is under way */
    bool is_last;         /* the line under way is the last of its reply */
    int code;
    struct buf hello; /* what is there of the reply to EHLO */
    bool is_hello_long;
};

struct watch {
    const struct watch_kind *kind;
    enum front_protocol protocol;
    struct watch_host host;
    void *ctx;
    char *without;
    enum watch_mode mode;
    bool is_blind;   /* the session can't be followed any more: all passes */
    bool is_decided; /* the held line is of concern */
    unsigned told;   /* set of 1 << enum watch_event */
    struct buf held;
    struct watch_tail tail; /* of the server's line of no concern */
    struct watch_command command;
    union {
        struct watch_imap imap;
        struct watch_pop3 pop3;
        struct watch_smtp smtp;
    };
};

/* watch.c */
void watch_emit(struct watch *w, struct bytes out); /* to the client; nothing if empty */
void watch_tell(struct watch *w, enum watch_event what, struct bytes line);
bool watch_says(struct bytes line, const char *words); /* without case */
bool watch_says_throttled(struct bytes line);

/* watch_command.c */
void watch_tail_add(struct watch_tail *t, struct bytes piece);
/* Octets up to and with the client's next line end; *is_whole when that came, and w->command has the line's front and end. */
size_t watch_command_take(struct watch *w, struct bytes in, bool *is_whole);
void watch_command_clear(struct watch *w);
/* Word `n` of the command's head; empty: none. */
struct bytes watch_command_word(const struct watch *w, unsigned n);

/* watch_dot.c */
/* Octets up to and with the end of the message; *is_over when it came. */
size_t watch_dot_take(struct watch_dot *d, struct bytes in, bool *is_over);
void watch_dot_begin(struct watch_dot *d);

/* watch_capabilities.c */
bool watch_is_unfit(enum front_protocol p, struct bytes capability, const char *without);

/* watch_queue.c */
bool watch_queue_push(struct watch_queue *q, uint8_t kind); /* false: too many */
uint8_t watch_queue_first(const struct watch_queue *q);     /* 0: empty */
void watch_queue_pop(struct watch_queue *q);                /* of none: nothing */
void watch_queue_fini(struct watch_queue *q);

#endif
