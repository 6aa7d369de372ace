/* The queue as a whole: coming up from the store, following the directory, going down. */
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"
#include "queue/queue_private.h"

/* An open message from before: what was in flight then is simply due. */
static void on_open_message(void *ctx, const struct store_open_message *o)
{
    struct queue *q = ctx;
    struct queued *m = mem_alloc(sizeof *m);
    m->id = o->message.id;
    m->due = o->message.next_attempt;
    m->expires = o->message.expires;
    m->flow = flow_of(lane_of(q, o->message.mailbox), o->message.app);
    m->attempts = o->message.attempts;
    m->waiting = o->recipients[STORE_R_WAITING];
    m->flags = (uint8_t)o->message.flags;
    for (unsigned state = STORE_R_DELIVERED; state < STORE_R_STATES; state++)
        if (o->recipients[state])
            m->seen |= (uint8_t)(1u << state);
    table_put(&q->table, m);
    m->flow->lane->queued++;
    if (!(m->flags & STORE_HELD))
        flow_put(m);
    lane_wake(m->flow->lane);
}

static void on_sent(void *ctx, const char *mailbox, int64_t slot, uint32_t recipients)
{
    pace_add_slot(&lane_of(ctx, mailbox)->day, slot, recipients);
}

static bool load(struct queue *q, struct fault *why)
{
    int64_t day_start = queue_now(q) / QUEUE_DAY_SLOT_MS - QUEUE_DAY_SLOTS;
    q->last_id = store_message_last_id(q->store);
    q->last_inbound_id = store_item_last_id(q->store);
    ask_objects_load(q);
    if (!store_sent_each(q->store, day_start, on_sent, q, why) || !hours_load(q, why) ||
        !store_open_each(q->store, on_open_message, q, why))
        return false;
    store_spool_tidy(q->store, QUEUE_SPOOL_GRACE_MS);
    store_inbound_tidy(q->store, QUEUE_SPOOL_GRACE_MS);
    if (q->table.count)
        log_info("queue.loaded", LOG_UNSIGNED("queued", q->table.count));
    return true;
}

struct queue_id_text queue_id(uint64_t id)
{
    struct queue_id_text out;
    snprintf(out.text, sizeof out.text, "%016llx", (unsigned long long)id);
    return out;
}

static void init_retry(struct queue *q)
{
    q->retry.first_s = q->conf->queue.retry_first_s;
    q->retry.max_s = q->conf->queue.retry_max_s;
    while (q->retry.seed == 0)
        secret_random(&q->retry.seed, sizeof q->retry.seed);
}

struct queue *queue_new(struct loop *l, const struct conf *conf, const struct queue_host *host, void *ctx,
                        struct fault *why)
{
    struct store *store = store_open(conf->state, why);
    if (!store)
        return NULL;
    struct queue *q = mem_alloc(sizeof *q);
    q->loop = l;
    q->conf = conf;
    q->host = host;
    q->ctx = ctx;
    q->store = store;
    q->directory = directory_new();
    q->lanes = map_new();
    list_init(&q->hungry);
    loop_deferred_init(&q->pump, pump_run, q);
    init_retry(q);
    commit_init(q);
    drain_init(q);
    sweep_init(q);
    space_init(q);
    if (!load(q, why)) {
        queue_free(q);
        return NULL;
    }
    q->drop = drop_box_new(q);
    return q;
}

static bool free_lane(void *ctx, const char *key, void *lane)
{
    lane_free(lane);
    return true;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    drop_box_free(q->drop);
    queue_commit(q);
    sweep_fini(q);
    loop_timer_stop(&q->space);
    loop_timer_stop(&q->drain);
    loop_undefer(&q->pump);
    store_close(q->store);
    for (size_t i = 0; i < q->table.room; i++)
        free(q->table.slots[i]);
    free(q->table.slots);
    for (size_t i = 0; i < QUEUE_FLIGHTS; i++)
        arena_free(q->flights[i].arena);
    map_each(q->lanes, free_lane, NULL);
    map_free(q->lanes);
    directory_free(q->directory);
    commit_fini(q);
    free(q);
}

void queue_reload(struct queue *q, const struct conf *conf)
{
    q->conf = conf;
    init_retry(q);
    space_is_enough(q, NULL);
}

void queue_mailbox_state(struct queue *q, const struct mailbox_state *state)
{
    if (!directory_mailbox(q->directory, state->mailbox))
        return;
    struct lane *l = lane_of(q, state->mailbox);
    if (state->needs_person) {
        snprintf(l->vault_finding, sizeof l->vault_finding, "%s", state->id);
        lane_hold(l, queue_now(q), 0, state->id, state->text);
        return;
    }
    /* Held for what the vault now takes back: over. Held for another reason, by the server's word: worth one try. */
    if (l->rest == LANE_HELD && text_equal(l->finding, l->vault_finding))
        lane_open(l);
    l->vault_finding[0] = '\0';
    lane_probe(l, queue_now(q));
}
