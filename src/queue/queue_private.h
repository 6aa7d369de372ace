/* queue/queue_private.h - the queue's state, shared by its files. Nobody outside this room includes it.
 *
 * The way of a message: accept.c puts it into the batch; commit.c makes the batch durable; a `queued` goes into the flow of its app
 * in the lane of its mailbox (lane.c); the pump (pump.c) picks lanes in turn and starts attempts (attempt.c); what became of
 * one is an `outcome` (outcome.c), written with the next commit, together with the reports that it asks for (report.c). */
#ifndef QUEUE_QUEUE_PRIVATE_H
#define QUEUE_QUEUE_PRIVATE_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "msg/queue_inbox.h"
#include "queue/pace.h"
#include "queue/queue.h"
#include "queue/retry.h"
#include "store/inbound.h"

enum {
    QUEUE_FLIGHTS = 256,                /* attempts at one time, over all mailboxes */
    QUEUE_RELAY_PENDING = 16 << 20,     /* bytes towards the relay; then wait */
    QUEUE_DAY_SLOT_MS = 10 * 60 * 1000, /* of the sliding day */
    QUEUE_DAY_SLOTS = 24 * 6,
    QUEUE_HOURS = 24,            /* of the picture of a day, this one included */
    QUEUE_MINUTE_SLOT_MS = 1000, /* of the sliding minute */
    QUEUE_MINUTE_SLOTS = 60,
    QUEUE_HOLD_PROBE_MS = 15 * 60 * 1000,  /* a held mailbox is tried this often: it heals without being told */
    QUEUE_NEAR_PERCENT = 80,               /* of the daily recipients, then a warning */
    QUEUE_SWEEP_MS = 60 * 1000,            /* lifetimes, delay notices, history */
    QUEUE_SWEEP_MESSAGES = 500,            /* of one sweep; the rest a second later */
    QUEUE_PRUNE = 200,                     /* finished messages forgotten per sweep */
    QUEUE_INDEX = 5000,                    /* Message-IDs made findable per sweep */
    QUEUE_STORE_RETRY_MS = 1000,           /* after a commit that failed */
    QUEUE_UNREADABLE_MS = 15 * 60 * 1000,  /* a message whose body can't be read is looked at again */
    QUEUE_SPOOL_GRACE_MS = 10 * 60 * 1000, /* age of a file without an owner */
    QUEUE_SOFT_MS = 1000,                  /* outcomes are on disk after so long */
    QUEUE_IDLE_MS = 500,                   /* without a commit: time to move the store's log */
};

struct queue;

/* An open message, in memory: enough to know when it is its turn. */
struct queued {
    uint64_t id;
    int64_t due; /* wall clock; the earliest next attempt of a waiting recipient */
    int64_t expires;
    struct flow *flow;
    size_t slot;      /* in the flow's heap; 0: not in it (in flight, held, or about to go) */
    uint32_t waiting; /* recipients without an outcome */
    uint32_t attempts;
    uint16_t split; /* most recipients per attempt, learnt from refusals; 0: the mailbox's limit */
    uint8_t seen;   /* outcomes that recipients have: bits 1 << enum store_recipient_state */
    uint8_t flags;  /* of enum store_flag */
    uint8_t lost;   /* attempts in a row that ended with the relay's death */
    bool is_active; /* in flight, or an outcome is not yet committed */
};

/* One app's messages in one lane, ordered by due: apps of a mailbox take turns. */
struct flow {
    struct list node; /* in lane->flows */
    struct lane *lane;
    char *app;
    struct queued **heap; /* 1-based */
    size_t count, room;
};

enum lane_rest { LANE_OPEN, LANE_RESTING, LANE_HELD };

/* What passed through a mailbox in an hour, in messages; reports of our own left out. */
enum traffic { TRAFFIC_ACCEPTED, TRAFFIC_DELIVERED, TRAFFIC_FAILED, TRAFFIC_RECEIVED, TRAFFICS };
struct hour {
    int64_t number; /* since 1970 */
    uint32_t counts[TRAFFICS];
    bool is_unsaved;
};

/* A mailbox, as a way out. */
struct lane {
    struct queue *queue;
    char *address;      /* lower case */
    struct list flows;  /* in order of turn */
    struct list hungry; /* in queue->hungry */
    struct loop_timer timer;
    struct object_limits limits;
    bool is_known, is_paused;
    size_t queued;   /* open messages */
    uint64_t oldest; /* of them, its id; filled by ask_overview() */
    unsigned active;
    uint32_t reserved; /* recipients in flight */
    struct pace minute, day;
    struct hour hours[QUEUE_HOURS]; /* at number % QUEUE_HOURS */
    uint64_t traffic[TRAFFICS];     /* since this process began */
    uint32_t unsaved;               /* recipients of this batch that the store does not count yet */
    bool is_near;                   /* the warning was said */
    enum lane_rest rest;
    int64_t resume; /* when to try again, while not open */
    int64_t rest_since;
    unsigned faults; /* in a row */
    char finding[FAULT_ID_SIZE];
    char text[FAULT_TEXT_SIZE];
    char vault_finding[FAULT_ID_SIZE]; /* what the vault last named as needing a person; "" : nothing */
};

struct flight {
    uint64_t tag; /* 0: free */
    struct arena *arena;
    struct queued *m;
    struct lane *lane;
    struct store_message message;
    struct store_recipient *recipients;
    size_t count;
    int64_t started;
};

enum report_kind { REPORT_NONE, REPORT_FAILURE, REPORT_DELAY, REPORT_SUCCESS, REPORT_KINDS };

/* What is to become of a message, until it is committed. */
struct outcome {
    struct list node;
    struct arena *arena; /* of the flight, or its own */
    struct flight *flight;
    struct queued *m;
    struct store_message message;
    struct store_recipient *recipients; /* those that change */
    size_t count;
    uint8_t *reports; /* enum report_kind of each */
    struct store_attempt attempt;
    bool has_attempt;
    uint32_t delivered; /* recipients, for the lane's day */
    int64_t due;        /* filled when written: the message's next attempt */
};

/* One entry of the batch: a message in the open transaction, or a refusal that waits for the end of the turn. */
struct accepted {
    struct list node;
    queue_submitted_fn *submitted; /* NULL: a report of our own */
    void *ctx;
    uint64_t tag;
    struct queued *m;  /* NULL: refused, or repeated */
    uint64_t repeated; /* the message that it already is; 0: none */
    struct fault *why;
    const char *sender, *recipient, *peer, *session; /* for the log */
    uint64_t size;
    size_t recipients;
};

struct table { /* of queued, by id */
    struct queued **slots;
    size_t count, room;
};

struct queue {
    struct loop *loop;
    const struct conf *conf;
    const struct queue_host *host;
    void *ctx;
    struct store *store;
    struct directory *directory;
    struct retry retry;
    uint64_t last_id;

    struct table table;
    struct map *lanes;
    struct list hungry; /* lanes that may be able to send, in turn */
    struct loop_deferred pump;
    struct flight flights[QUEUE_FLIGHTS];
    unsigned in_flight;
    uint64_t next_tag;
    bool is_relay_up;

    struct arena *batch;     /* lives until the next commit is decided */
    struct list accepted;    /* struct accepted */
    struct list outcomes;    /* struct outcome */
    struct list saves;       /* of inbound.c */
    uint64_t inbound_cursor; /* where forgetting goes on */
    uint64_t last_inbound_id;
    struct loop_deferred commit;
    struct loop_timer commit_timer, idle, sweep;
    int64_t hardened_ms; /* of the last commit that waited for the disk */
    bool is_store_down;

    bool is_space_short;
    int64_t space_checked; /* steady */
    struct loop_timer space;
    char closed[FAULT_TEXT_SIZE]; /* "" : open */

    queue_drained_fn *drained; /* set: going down, no new attempts */
    void *drained_ctx;
    struct loop_timer drain;

    struct drop_box *drop;
    uint64_t accepted_total, delivered_total, bounced_total;
    uint64_t saved_totals; /* their sum, as it stands in the store */
};

static inline int64_t queue_now(const struct queue *q)
{
    return loop_wall_ms(q->loop);
}

/* An id as people see it. */
struct queue_id_text {
    char text[17];
};
struct queue_id_text queue_id(uint64_t id);

/* table.c: messages by id */
void table_put(struct table *t, struct queued *m);
struct queued *table_get(const struct table *t, uint64_t id);
void table_remove(struct table *t, uint64_t id);

/* flow.c: one app's messages by due time */
struct flow *flow_of(struct lane *l, const char *app); /* made at first use */
void flow_put(struct queued *m);                       /* into its flow, by m->due */
void flow_take(struct queued *m);                      /* out again; harmless if it is not in */
struct queued *flow_first(const struct flow *f);
void flow_free(struct flow *f);

/* lane.c: may this mailbox send now? */
struct lane *lane_of(struct queue *q, const char *address); /* made at first use */
void lane_free(struct lane *l);
void lane_refresh(struct lane *l); /* the directory changed */
bool lane_may_start(struct lane *l, int64_t now, int64_t *when);
struct queued *lane_next(struct lane *l, int64_t now, int64_t *when);
uint32_t lane_recipients_max(struct lane *l, int64_t now); /* per attempt, at this moment; at least 1 */
void lane_started(struct lane *l, int64_t now, uint32_t recipients);
void lane_ended(struct lane *l, uint32_t recipients);
void lane_counted(struct lane *l, int64_t now, uint32_t recipients); /* accepted upstream */

/* hours.c: a day of each mailbox. In memory, and in the store once a minute and at the end: a death costs a minute of the picture. */
void lane_passed(struct lane *l, int64_t now, enum traffic what); /* one message */
bool hours_load(struct queue *q, struct fault *why);
bool hours_save(struct queue *q, struct fault *why); /* in a transaction */
void hours_saved(struct queue *q);                   /* it was committed */
json_t *hours_json(const struct lane *l,
                   int64_t now); /* the oldest first: [accepted, delivered, failed, received] each; given */

/* rest.c: a mailbox in trouble */
void lane_fault(struct lane *l, int64_t now, int64_t started, uint32_t wish_s, const char *id, const char *text);
/* `wish_s`: such a block lapses by itself, so try one message again after that long; 0: unknown */
void lane_hold(struct lane *l, int64_t now, uint32_t wish_s, const char *id, const char *text);
void lane_open(struct lane *l);               /* an attempt got through */
void lane_probe(struct lane *l, int64_t now); /* try again now, one message first */

/* pump.c: whose turn is it */
void lane_wake(struct lane *l);
void pump_wake(struct queue *q);
void pump_run(void *queue);

/* attempt.c */
bool attempt_start(struct queue *q, struct lane *l, struct queued *m); /* false: not now */
void attempt_release(struct flight *f);

/* outcome.c */
struct outcome *outcome_new(struct queue *q,
                            struct queued *m); /* not from an attempt: its own arena; marks it active */
void outcome_drop(struct outcome *o);          /* before outcome_add() only */
void outcome_add(struct queue *q, struct outcome *o);
bool outcome_write(struct queue *q, struct outcome *o, struct fault *why);
void outcome_apply(struct queue *q, struct outcome *o);

/* judge.c: pure: what an attempt's results make of its recipients */
void judge_results(struct queue *q, struct outcome *o, const struct attempt_done *done);
bool report_is_wanted(const struct store_message *m, const struct store_recipient *r, enum report_kind kind);

/* report.c */
bool report_write(struct queue *q, struct outcome *o, struct fault *why);

/* accept.c and commit.c */
uint64_t queue_next_id(struct queue *q);
struct accepted *batch_add(struct queue *q);
bool batch_keep(struct queue *q, struct accepted *a, const struct store_message *m, const struct store_recipient *r,
                size_t count, struct bytes body, int fd, struct fault *why);
/* As queue_submit(); true: it is in the transaction. */
bool batch_submit(struct queue *q, const struct submit *m, queue_submitted_fn *submitted, void *ctx, struct fault *why);
void batch_refuse(struct accepted *a, struct queue *q, const struct fault *why);
void batch_fail(struct queue *q, const struct fault *why); /* rolls back; refuses all that is in it */
void batch_soon(struct queue *q);
void commit_init(struct queue *q);
void commit_fini(struct queue *q);
bool queue_commit(struct queue *q); /* now; false: it failed and outcomes stay pending */

/* inbound.c: the inbox role's changes that wait for the commit */
void saves_fail(struct queue *q, const struct fault *why);
void saves_answer(struct queue *q);
/* recall.c */
struct inbox_item inbox_item_of(const struct store_item *i); /* texts lent; no descriptor */

/* drain.c: going down in good order */
void drain_init(struct queue *q);
void drain_check(struct queue *q); /* something ended */

/* space.c: is there room for more mail? */
bool space_is_enough(struct queue *q, struct fault *why);
void space_init(struct queue *q);
void queue_set_closed(struct queue *q, const char *why); /* NULL: open again, unless there is another reason */

/* sweep.c */
void sweep_init(struct queue *q);
void sweep_save(struct queue *q); /* what is otherwise written once a minute */
void sweep_fini(struct queue *q);

#define ASK_ANSWER_LIMIT 3145728 /* as MSG_ADMIN_ANSWER says */

/* ask_*.c: verbs. Each fills `out`, whose texts live in out->arena, or returns false with `why`. */
struct ask {
    struct queue *q;
    json_t *in;      /* the request's object, never NULL */
    json_t *out;     /* given by the verb */
    uint32_t status; /* 200 unless the verb says otherwise, with a fault too (0: by the fault's kind) */
    json_t *current; /* with a refusal because it changed meanwhile; given by the verb, NULL */
    int fd;          /* of message.content; -1 */
};
typedef bool ask_fn(struct ask *a, struct fault *why);
ask_fn ask_object_list, ask_object_get, ask_object_put, ask_object_patch, ask_object_remove, ask_object_export,
    ask_object_apply;
ask_fn ask_message_list, ask_message_get, ask_message_content, ask_queue_stats, ask_mailbox_well, ask_overview;
ask_fn ask_inbound_list, ask_inbound_get, ask_inbound_content, ask_inbound_stats, ask_inbound_retry, ask_inbound_remove;
ask_fn ask_message_retry, ask_message_hold, ask_message_release, ask_message_remove;
ask_fn ask_audit_list, ask_audit_add;
const char *ask_text(const struct ask *a, const char *key); /* "" if absent */
bool ask_id(const char *text, uint64_t *id);
json_t *ask_time_json(int64_t time);                             /* 0: null */
json_t *ask_text_json(const char *text);                         /* what is not UTF-8 is shown all the same */
int ask_as_file(struct bytes body, struct fault *why);           /* a descriptor of memory; -1 */
bool ask_object_is_named(const json_t *marks, const char *etag); /* one of these, or "*" stands there */
json_t *ask_object_shown(struct queue *q, enum object_kind kind, const void *object); /* given */
/* Into the open transaction, with its line in the audit; `object` and its text `json` NULL: out of it. */
bool ask_object_write(struct ask *a, enum object_kind kind, const char *key, const json_t *object, const char *json,
                      struct fault *why);
/* Nobody but one organization's people may sign in to the console. */
bool ask_object_fits_console(struct ask *a, enum object_kind kind, const char *key, const json_t *object,
                             struct fault *why);
/* To everybody, once it is committed. */
void ask_object_tell(struct queue *q, enum object_kind kind, const char *key, const char *json);
bool ask_object_has_no_mail(struct ask *a, const char *address, struct fault *why);
void ask_objects_load(struct queue *q);
const char *queued_state_name(const struct queued *m); /* of an open one */
const char *lane_state_name(const struct lane *l);

/* audit.c */
struct audit_note {
    const char *action, *kind, *key;
    const json_t *changes; /* lent; NULL: nothing to say */
};
/* Inside a transaction. Who asked stands in the request; without that nothing is written. */
bool audit_write(struct ask *a, const struct audit_note *note, struct fault *why);
/* One line for all those ids, with the first of them, into the transaction that is committed next. */
bool audit_write_ids(struct ask *a, const char *action, const char *kind, const json_t *done, struct fault *why);
/* {"field": [old, new], "group.field": [old, new]} of what differs; given. NULL: it was not there, or is no more. */
json_t *audit_difference(const json_t *before, const json_t *after);

/* drop_box.c */
struct drop_box *drop_box_new(struct queue *q);
void drop_box_free(struct drop_box *d); /* takes NULL */

#endif
