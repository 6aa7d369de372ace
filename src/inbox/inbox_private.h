/* inbox/inbox_private.h - shared by this room's files.
 *
 *   watcher (one folder of one mailbox) --uses--> inlet (one connection)
 *      |  its desks
 *   desk (one endpoint) --has--> place (what was seen of a folder), items (mail that is not finished)
 *      |  takes in hand
 *   hand (one item on its way: body, signature, hand-over, outcome)
 *
 * New mail comes in as a batch: headers of some messages, made into items for every desk that has not seen them, looked up,
 * saved; only then the floor of the places moves past them. */
#ifndef INBOX_INBOX_PRIVATE_H
#define INBOX_INBOX_PRIVATE_H

#include <jansson.h>

#include "base/map.h"
#include "handoff/handoff.h"
#include "inbox/inbox.h"
#include "inbox/inlet.h"
#include "msg/ask.h"
#include "net/trust.h"
#include "object/directory.h"
#include "queue/retry.h"

enum {
    INBOX_SAVE_MS = 60 * 1000,        /* the queue role may take so long to write */
    INBOX_UNSAVED_MS = 5 * 1000,      /* what could not be written is sent again */
    INBOX_PERSON_MS = 15 * 60 * 1000, /* a trouble for a person is looked at now and then */
    INBOX_NO_ROOM_MS = 60 * 1000,
    INBOX_STOP_MS = 10 * 1000,
    INBOX_POLL_S = 60,
    INBOX_PATIENCE_H = 72,
    INBOX_KEEP_DAYS = 7,
    INBOX_BATCH = 50,              /* messages whose headers are asked for at once */
    INBOX_BODIES = 16,             /* files of messages open at one time */
    INBOX_MEMORY = 64 << 20,       /* of items; more mail waits at the provider until there is room */
    INBOX_REPORT_LIMIT = 16 << 20, /* a bounce is read whole up to this size */
};

#define INBOX_TAG_NOBODY (1ull << 63) /* the answer to such a tag is nobody's */

struct watcher;
struct desk;
struct item;
struct hand;

struct inbox {
    struct loop *loop;
    struct resolver *resolver;
    struct inbox_settings settings; /* texts are ours */
    struct inbox_host host;
    void *ctx;
    struct directory *directory;
    struct trust *trust;
    struct handoff *handoff;
    struct retry retry;

    struct list inlets, asking; /* connections; those that wait for the vault */
    struct list signing;
    uint64_t last_tag, last_id;
    struct asks saves, lookups;
    struct list unsaved; /* items and places that could not be written */
    struct loop_timer unsaved_timer;

    struct map *desks; /* by endpoint */
    struct list watchers, boxes;
    struct list hands, trials, probes;
    size_t bodies;        /* open files */
    size_t item_memory;   /* octets */
    struct map *reported; /* fingerprints of bounces that were told of in this life */

    bool has_objects, is_recalled, is_stopping, is_stopped;
    struct loop_deferred settle;
    struct loop_timer stop_timer;
    struct loop_deferred stop_check;
};

int inbox_open_unnamed(const struct inbox *i); /* a file in the spool directory; -1 with errno */
void inbox_settle_later(
    struct inbox *i); /* objects changed: who watches what is worked out anew at the end of the turn */
struct desk **inbox_all_desks(struct inbox *i); /* ended by NULL; given: desks may go while it is walked */
void inbox_check_stopped(struct inbox *i);
void inbox_id_text(uint64_t id, char out[17]);

/* -- save.c: what must be on disk before it is acted upon -- */

/* Part of an item or a place. */
struct save {
    struct ask ask;
    struct list node; /* in inbox->unsaved */
    struct inbox *inbox;
    bool (*send)(struct save *s, uint64_t tag);
    void (*done)(struct save *s, uint64_t queued_id);
    bool is_again; /* changed while it was on its way */
};

void save_init(struct save *s, struct inbox *i, bool (*send)(struct save *, uint64_t),
               void (*done)(struct save *, uint64_t));
void save_start(struct save *s); /* done() runs once it is on disk, however long that takes */
void save_forget(struct save *s);
bool save_is_pending(const struct save *s);
void save_on_timer(void *ctx);

/* -- item.c -- */

struct item {
    struct list node; /* in desk->items, or in watcher->fresh before it is saved for the first time */
    struct desk *desk;
    struct inbox_item m; /* endpoint, mailbox, folder: the place's; other texts: in `texts`, `last` and `finding` */
    char *texts, *last;
    char finding[FAULT_ID_SIZE];
    size_t memory;
    struct save save;
    struct place *place;
    struct hand *hand;
    struct item *twin;                 /* of the same fingerprint, while its place is gone through */
    bool is_fresh;                     /* with its header: not yet saved */
    bool is_stored;                    /* the queue role has it */
    bool wants_known, wants_duplicate; /* to be looked up: by fingerprint, by Message-ID */
    bool is_acting;                    /* its after-action is under way */
    bool is_confirmed;                 /* seen again under a new UIDVALIDITY */
    unsigned after_tries;
    int64_t patience_ms;              /* wall clock; since when it is tried, where a person began it anew; else 0 */
    int64_t after_next_ms, failed_ms; /* wall clock; failed_ms: of the last hand-over that failed in this life */
    int fd;                           /* body that goes with the next save; lent by the hand; -1: none */
};

/* Copies the texts of `m`. */
struct item *item_new(struct desk *d, struct place *p, const struct inbox_item *m);
void item_free(struct item *it);
void item_set_last(struct item *it, const char *last, const char *finding);
void item_save(struct item *it);
void item_set_number(struct item *it, uint64_t uidvalidity, uint64_t uid, const char *uidl);
void item_set_answer(struct item *it, uint32_t flags, const char *in_reply_to);
void item_finish(struct item *it, enum inbox_state state, const char *last, const char *finding); /* and saves it */
/* After an attempt that failed: it waits, longer each time (`wish_s` 0: nobody wished for a time), and is parked at the end of the
 * endpoint's patience. Saved, unless it is fresh. */
void item_wait(struct item *it, const char *last, const char *finding, uint32_t wish_s);
/* It waits for its header: the mailbox lists the message and does not give it. */
bool item_is_unread(const struct item *it);
void item_read(struct item *it, const struct inbox_item *m); /* here is its header */

/* -- desk.c: an endpoint at work -- */

struct place {
    struct list node; /* in desk->places */
    struct desk *desk;
    struct inbox_place m; /* texts: below */
    char *mailbox, *folder;
    struct save save;
    bool is_stored;  /* the queue role knows it */
    uint64_t *known; /* UIDs from the floor on that were seen before this life; ascending once sorted */
    size_t known_count, known_capacity;
    bool is_sorted;
    struct map *uidls;          /* with POP3: all that were seen */
    struct map *by_number;      /* its items, by UIDVALIDITY and UID, or UIDL */
    bool is_resync;             /* the folder is to be gone through by fingerprint */
    bool is_settled;            /* that is over, but for what has to be saved first */
    bool is_first_look;         /* with POP3: what this session lists is old */
    bool is_begun;              /* with POP3: the first look was broken off; what is old is told by dates */
    struct map *by_fingerprint; /* while that lasts: open items */
};

struct desk {
    struct inbox *inbox;
    char *endpoint;
    struct list places;
    struct place *place;     /* the one in use; NULL: none yet */
    struct list items;       /* not finished, oldest first */
    struct watcher *watcher; /* NULL: nobody watches */
    struct list in_watcher;
    unsigned hands;
    unsigned failures; /* of hand-overs in a row */
    int64_t gate_ms;   /* wall clock; nothing is handed over before */
    int64_t outage_ms; /* since when all fail; 0: they do not */
    int64_t last_handed_ms;
    struct ask lookup;
    struct item **looked_up;
    size_t looked_up_count;
    struct loop_timer timer;
    bool is_mentioned; /* its object was told of */
};

struct desk *desk_of(struct inbox *i, const char *endpoint); /* made if there is none */
struct desk *desk_find(struct inbox *i, const char *endpoint);
void desk_free(struct desk *d);
void desk_forget(struct desk *d);                         /* the endpoint is gone: so is its memory */
const struct endpoint *desk_object(const struct desk *d); /* lent until objects change; NULL: gone */
struct place *desk_place(struct desk *d, const char *mailbox, const char *folder); /* NULL: none */
struct place *desk_place_new(struct desk *d, const struct inbox_place *m);
/* The place for what the endpoint says now, made if there is none. */
struct place *desk_use_place(struct desk *d, const char *mailbox, const char *folder, uint32_t protocol);
void desk_strand(struct item *it); /* it waits in a place that is not in use */
void desk_pump(struct desk *d);
void desk_outcome(struct desk *d, bool is_good, uint32_t wish_s);
void desk_retry_now(struct desk *d);
int64_t desk_keep_until(const struct desk *d);

/* -- place.c -- */

void place_free(struct place *p);
void place_save(struct place *p);
void place_known_add(struct place *p, uint64_t uid);
bool place_knows(struct place *p, uint64_t uid, const char *uidl);
void place_uidl_add(struct place *p, const char *uidl, uint64_t id /* of its item */);
void place_uidls_listed(struct place *p, const struct map *listed); /* all that the server has: raises the floor */
void place_raise(struct place *p, uint64_t floor);                  /* all below was saved; saves it */
void place_item_add(struct place *p, struct item *it);              /* under the number that it has */
void place_item_remove(struct place *p, const struct item *it);
/* The item here that is the same message of the folder; NULL: none. */
struct item *place_same_item(const struct place *p, const struct inbox_item *m);
void place_resync_begin(struct place *p);
struct item *place_resync_match(struct place *p,
                                const char *fingerprint); /* the open item that this message is, or NULL */
/* All was gone through: what was not met is finished. Then place_resync_end(), once nothing is unsaved. */
void place_resync_settle(struct place *p);
void place_resync_end(struct place *p);
bool place_has_unsaved(const struct place *p); /* items whose new numbers are not on disk yet */
bool place_has_strays(const struct place *p);  /* open items under another UIDVALIDITY than its own */

/* -- hand.c -- */

enum hand_stage { HAND_WANTED, HAND_FETCHING, HAND_SAVING, HAND_SIGNING, HAND_RUNNING, HAND_ENDED };

struct hand {
    struct list node; /* in inbox->hands */
    struct list want; /* in watcher->wanted */
    struct inbox *inbox;
    struct watcher *watcher; /* the one that fetches its body; else NULL */
    struct item *item;       /* NULL: the queue role is away, or a person took it */
    uint64_t item_id;
    char *endpoint;
    enum hand_stage stage;
    int fd;
    uint64_t size;
    bool is_broken; /* the body could not be written */
    struct handoff_run *run;
    char *link;
    int64_t link_ends_ms, started_ms;
    struct handoff_outcome outcome; /* texts are ours */
};

void hand_new(struct item *it);
void hand_drop(struct hand *h); /* without an outcome; a body is closed */
void hand_attach(struct hand *h, struct item *it);
void hand_detach(struct hand *h); /* the item goes; a hand-over under way is kept until its outcome is known */
bool hand_open_body(struct hand *h);
bool hand_write_body(struct hand *h, struct bytes chunk); /* false: no more is wanted */
void hand_fetched(struct hand *h);
void hand_wait_again(struct hand *h); /* the connection went away under the body */
void hand_failed(struct hand *h);     /* there is no room for the body: it is wanted again later */
void hand_refused(struct hand *h,
                  const char *words); /* by the mailbox, which did not give the body, or went away at it */
void hand_vanished(struct hand *h);   /* the message is not in the folder any more */
void hand_saved(struct hand *h);
void hand_resume(struct hand *h, struct item *it); /* after the queue role came back */

/* -- signing.c -- */

typedef void signed_fn(void *ctx, uint64_t outer, const char *signature /* NULL: refused */, const struct fault *why);
void signing_start(struct inbox *i, const char *key, const char *text, signed_fn *done, void *ctx, uint64_t outer);
void signing_answer(struct inbox *i, const struct sign_answer *m);
void signing_again(struct inbox *i);
void signing_forget(struct inbox *i, const void *ctx); /* NULL: all */

/* -- report.c -- */

/* Reads a bounce whole: tells the queue, and makes the item say what it reports on. True: the item has to be saved again. */
bool report_read(struct item *it, int fd, uint64_t size);

/* -- filter.c -- */

bool filter_wants(const struct endpoint *e, const struct letter *l, uint64_t size, const char **why);

/* -- arrival.c: headers become items -- */

struct arrival {
    uint64_t uid, size;
    const char *uidl;    /* "" with IMAP */
    int64_t received_ms; /* 0: not told */
    struct bytes header;
    bool is_old; /* with POP3, at the first look: only to be known */
};

void arrival_take(struct watcher *w, const struct arrival *a);
/* It stands in the folder, but its header is not given (`words` of the server): it waits without. */
void arrival_not_given(struct watcher *w, const struct arrival *a, const char *words);
/* One that waited for its header is not in the folder any more. */
void arrival_gone(struct watcher *w, const struct arrival *a);
void arrival_end(struct watcher *w); /* of the batch; watcher_batch_saved() follows, perhaps at once */
void arrival_item_saved(struct item *it);
void arrival_lookup_answer(struct inbox *i, const struct inbox_lookup_answer *answer);
void arrival_drop(struct watcher *w); /* what was not saved yet */
void arrival_drop_of(struct watcher *w, struct desk *d);

/* -- watcher.c -- */

enum watcher_state {
    WATCHER_RESTING, /* until its timer */
    WATCHER_QUEUING, /* for a connection of the mailbox's */
    WATCHER_CONNECTING,
    WATCHER_WORKING, /* a command, or a save that it waits for, is under way */
    WATCHER_OPEN,    /* signed in, with nothing to do */
    WATCHER_IDLING,
};

enum watcher_job {
    JOB_NONE,
    JOB_SELECT,
    JOB_SEARCH,
    JOB_HEADERS,
    JOB_DATA,     /* of messages whose header is not given */
    JOB_STANDING, /* are they there at all? */
    JOB_BODY,
    JOB_AFTER,
    JOB_CREATE,
    JOB_IDLE,
    JOB_DONE,
    JOB_NOOP,
    JOB_UIDL,
    JOB_SIZES,
    JOB_QUIT,
};

struct box {          /* a mailbox's connections */
    struct list node; /* in inbox->boxes */
    char *address;
    unsigned open;
    struct list waiting; /* watchers */
};

struct pop3_entry {
    uint32_t number;
    uint64_t size;
    char *uidl;
    bool is_deleted;
};

enum header_state { HEADER_WANTED, HEADER_ASKED, HEADER_GIVEN, HEADER_DOUBTED };

struct header { /* one that is to be fetched */
    uint64_t uid, size;
    int64_t received_ms;
    enum header_state state;
    bool stands; /* doubted, but the folder has the message */
    char *words; /* of the server; NULL: it said nothing */
};

struct watcher {
    struct list node;    /* in inbox->watchers */
    struct list waiting; /* in box->waiting */
    struct inbox *inbox;
    struct box *box;
    char *mailbox, *folder;
    uint32_t protocol;
    struct list desks;
    struct list wanted; /* hands that want a body */

    enum watcher_state state;
    enum watcher_job job;
    struct inlet *inlet;
    bool has_slot, wants_look, wants_restart, is_refused, is_gone;
    int64_t connected_ms, looked_ms, next_look_ms; /* wall clock; 0: never */
    struct loop_timer timer;                       /* resting: until then; open and idling: until the next look */
    struct loop_deferred turn;

    /* The trouble; finding "" : well. */
    bool needs_person;
    unsigned failures;
    int64_t since_ms;
    char finding[FAULT_ID_SIZE], text[FAULT_TEXT_SIZE];

    /* Headers, whatever became of connections */
    size_t batch_limit;  /* less than INBOX_BATCH after a connection died at a batch */
    uint64_t deadly_uid; /* it died at this one alone */
    unsigned deadly_times;
    char deadly_words[200];
    unsigned barren; /* batches in a row of which nothing was given */

    /* IMAP, of this connection */
    bool is_selected, was_asked_to_create, is_idling, is_stopping_idle;
    uint64_t uidvalidity, uidnext;
    uint32_t exists;
    /* A look */
    bool is_looking;
    uint64_t floor;
    uint64_t *uids;
    size_t uids_count, uids_capacity, uids_at;
    struct list fresh; /* items of the batch that are not saved yet */
    unsigned looking_up;
    bool is_saving;                     /* the batch is looked up or saved; nothing else goes on meanwhile */
    struct header headers[INBOX_BATCH]; /* the batch */
    size_t headers_count;
    bool is_again;       /* they were asked for before: the floor is past them */
    uint64_t batch_last; /* 0: the floor stays */
    size_t chunk, asked; /* how many of the batch are asked for at once; of the last command */
    bool is_deadly;      /* one of the batch killed connections, and is not asked about */
    struct hand *hand;   /* whose body comes */
    struct item *after;  /* whose after-action is under way */
    bool got_body;
    int refused_status;
    char refused_code[64], refused_words[400];
    /* POP3, of this connection */
    struct pop3_entry *entries;
    size_t entries_count, entries_capacity, entries_at;
    struct buf header;        /* of the TOP under way */
    struct pop3_entry *entry; /* whose header it is */
    bool has_listed, is_header_whole;
    unsigned batch; /* messages of it so far */
};

struct watcher *watcher_for(struct inbox *i, const char *mailbox, const char *folder, uint32_t protocol);
void watcher_join(struct watcher *w, struct desk *d);
void watcher_leave(struct desk *d);
void watcher_free(struct watcher *w);
void watcher_look(struct watcher *w);       /* now, whatever it waits for */
void watcher_restart(struct watcher *w);    /* its settings changed */
void watcher_work_later(struct watcher *w); /* there may be something to do */
void watcher_batch_saved(struct watcher *w);
void watcher_begin_again(struct watcher *w); /* the look failed on our side */
void watcher_rest(struct watcher *w, int64_t ms);
void watcher_forget_connection(struct watcher *w); /* whose inlet is the caller's to close */
void watcher_close_inlet(struct watcher *w);
/* What was found under new numbers, or not, is on disk: the places may say so. False: not yet; the watcher is woken. */
bool watcher_settles(struct watcher *w);
void watcher_looked(struct watcher *w);
void watcher_on_connected(struct watcher *w);
void watcher_go_on(struct watcher *w); /* a command is over: what comes next */

/* watcher_trouble.c */
enum { WATCHER_LIVED_WELL_MS = 60 * 1000 }; /* a connection that ended after that was no trouble */
void watcher_trouble(struct watcher *w, const struct inlet_trouble *t); /* drops the inlet, rests */
void watcher_well(struct watcher *w);
void watcher_refused(struct watcher *w, const char *code, const char *words);

/* watcher_pause.c */
bool watcher_wants_idle(const struct watcher *w);
int64_t watcher_poll_ms(const struct watcher *w);
void watcher_pause(struct watcher *w); /* there is nothing to do just now */
void watcher_end_session(struct watcher *w, int64_t rest_ms);

/* watcher_next.c */
bool watcher_has_room(const struct watcher *w); /* for more items */
struct hand *watcher_next_hand(struct watcher *w);
bool watcher_may_open_body(const struct watcher *w);
void watcher_wake_hungry(struct inbox *i); /* there is room for a body */
bool watcher_has_work(struct watcher *w);
struct item *watcher_next_after(struct watcher *w);
/* Waits for its header, and is to be asked for again; the next one behind `before` (NULL: the first). */
struct item *watcher_next_unread(struct watcher *w, const struct item *before);
void watcher_after_done(struct watcher *w, bool is_ok);

/* watcher_imap.c, watcher_pop3.c: the next command, if there is one to give; false: nothing to do now. */
bool watcher_imap_work(struct watcher *w);
bool watcher_pop3_work(struct watcher *w);
void watcher_imap_fail(struct watcher *w, const char *when); /* a refusal that concerns the whole folder */
/* watcher_imap_headers.c. True: a command was given, or a batch is being saved. */
bool watcher_imap_headers(struct watcher *w);
void watcher_imap_message(struct watcher *w, const struct imap_message *m);
void watcher_imap_stands(struct watcher *w, uint64_t uid);
void watcher_imap_headers_ready(struct watcher *w);
void watcher_imap_headers_lost(struct watcher *w, const char *words); /* the connection went away at them */
void watcher_imap_headers_forget(struct watcher *w);
void watcher_imap_batch_saved(struct watcher *w);
void watcher_imap_idle(struct watcher *w);
void watcher_imap_stop_idle(struct watcher *w);
void watcher_pop3_end(struct watcher *w);    /* nothing more to do in this session, for now */
void watcher_pop3_forget(struct watcher *w); /* what was listed */
extern const struct inlet_user watcher_imap_user, watcher_pop3_user;
void watcher_on_failed(void *ctx, const struct inlet_trouble *t);

/* -- trial.c: "endpoint.test"; state.c: "inbox.state" -- */

struct trial;
void trial_start(struct inbox *i, const struct admin_ask *ask);
void trial_cancel(struct inbox *i, uint64_t tag); /* 0: all */
/* -- probe.c: "mailbox.test" -- */

void inbox_probe_start(struct inbox *i, const struct admin_ask *ask);
void inbox_probe_cancel(struct inbox *i, uint64_t tag); /* 0: all */
void state_answer(struct inbox *i, const struct admin_ask *ask);
json_t *state_finding(const struct inbox *i, const struct watcher *w); /* of its trouble; given, NULL: none is known */
void inbox_refuse(struct inbox *i, uint64_t tag, unsigned status, const char *title, const char *detail);

#endif
