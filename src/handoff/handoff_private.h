/* handoff/handoff_private.h - a run and its kind: what each way of handing over brings along, and how it says that it is over. */
#ifndef HANDOFF_HANDOFF_PRIVATE_H
#define HANDOFF_HANDOFF_PRIVATE_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/list.h"
#include "handoff/handoff.h"
#include "http/http.h"

#define HANDOFF_TEXT_SIZE 600
#define HANDOFF_DATE_SIZE 32

struct handoff {
    struct loop *loop;
    struct resolver *resolver;
    char *hostname;
    struct handoff_host host;
    void *ctx;
    struct http *http; /* made when the first webhook runs */
    struct list runs;
    int64_t began_ms; /* wall clock: items with an older id may have been handed over by a process before this one */
    uint64_t last_tag;
};

struct handoff_kind {
    void (*start)(struct handoff_run *run); /* may finish at once */
    void (*stop)(struct handoff_run *run);  /* lets go of everything; once, at the end or when cancelled */
};

struct handoff_run {
    struct list node;
    struct handoff *home;
    struct arena *life;
    struct handoff_job job; /* texts in `life`; the descriptor is lent */
    const struct endpoint *endpoint;
    const struct handoff_kind *kind;
    void *state;          /* of the kind, in `life` */
    struct bytes message; /* mapped by handoff_map() */
    struct loop_deferred over;
    bool is_over, is_cancelled;
    char text[HANDOFF_TEXT_SIZE];
    struct handoff_outcome outcome;
    handoff_done_fn *done;
    void *ctx;
};

extern const struct handoff_kind handoff_webhook, handoff_command, handoff_maildir, handoff_lmtp;

/* The first outcome counts; `done` runs at the end of the turn. `finding` is a literal. */
void handoff_finish(struct handoff_run *run, enum handoff_result result, const char *finding, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* "subject of it: No such file or directory". */
void handoff_finish_errno(struct handoff_run *run, const char *finding, int error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The message as memory that the system reads when it is looked at; false: the run is finished with a fault. */
bool handoff_map(struct handoff_run *run);
/* The certificates of a file, in the run's arena; no path: empty. False: the run is finished with a fault. */
bool handoff_read_ca(struct handoff_run *run, const char *path, const char *finding, struct bytes *out);
/* What the header alone says; the message is mapped. */
const struct letter *handoff_letter(struct handoff_run *run, bool whole /* its parts undigested */);
/* "message", "reply", "bounce" or "automatic": the first that fits from the right. */
const char *handoff_kind_of(const struct letter *l);

/* maildir.c: the file's name for a run, which is the same for each attempt. `out` holds 300 octets. */
void handoff_maildir_name(const struct handoff_run *run, char out[300]);

#endif
