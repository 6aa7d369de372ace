/* handoff/handoff.h - one message to one endpoint, once: webhook, command, Maildir, LMTP or SMTP. (Kept mail is the store's matter.)
 *
 * Knows how to hand over and what the answer means; knows neither schedule nor mailbox nor store. Nothing here blocks the loop
 * but the writing of a Maildir file. Every outcome has words for people, and a finding where one fits. */
#ifndef HANDOFF_HANDOFF_H
#define HANDOFF_HANDOFF_H

#include "base/fault.h"
#include "loop/loop.h"
#include "net/resolve.h"
#include "object/object.h"
#include "proto/mime/letter.h"

struct handoff;
struct handoff_run;

enum handoff_result {
    HANDOFF_DONE,  /* taken for good */
    HANDOFF_RETRY, /* not now; retry_after_s is the endpoint's wish, or 0 */
    HANDOFF_PARK,  /* never as it is: 410, EX_DATAERR, a 5xx for every recipient */
};

struct handoff_outcome {
    enum handoff_result result;
    uint32_t retry_after_s;
    const char *text;    /* "HTTP 503: overloaded", "exit 75 (EX_TEMPFAIL): disk full", "250 2.0.0 stored" */
    const char *finding; /* id; "" : none */
};

struct handoff_job { /* all lent for the call to handoff_start() (copied), but for the body, which is lent until done */
    const struct endpoint *endpoint;
    uint64_t id; /* of the item: same for every attempt; for idempotency on the other side */
    const char *mailbox, *folder;
    int fd; /* the message, a regular file, read by pread() or mmap() from its start */
    uint64_t size;
    unsigned attempt; /* from 1 */
    int64_t received_ms;
    const char *queued_id; /* hex id of our own message that this answers or reports on; "" : none */
    const char *raw_link;  /* where the raw message can be fetched; "" : nowhere */
    int64_t raw_link_ends_ms;
    bool is_test; /* a person tries the endpoint: the hand-over says so */
};

struct handoff_host {
    /* HMAC of `text` by the endpoint's key; answer with handoff_signed(), now or later. False: the vault can't be asked. */
    bool (*sign)(void *ctx, uint64_t tag, const char *endpoint, const char *text);
};

typedef void handoff_done_fn(void *ctx, const struct handoff_outcome *outcome /* lent */);

struct handoff *handoff_new(struct loop *l, struct resolver *r, const char *hostname, const struct handoff_host *host,
                            void *ctx);
void handoff_free(struct handoff *h); /* runs under way are ended without an outcome; takes NULL */
/* `done` runs exactly once, never from inside this call; the run is gone then. */
struct handoff_run *handoff_start(struct handoff *h, const struct handoff_job *job, handoff_done_fn *done, void *ctx);
void handoff_cancel(struct handoff_run *run); /* no outcome comes; a command is killed */
void handoff_signed(struct handoff *h, uint64_t tag, const char *signature /* NULL: refused */,
                    const struct fault *why);

#endif
