/* A day of each mailbox, hour by hour: a picture for people, not a promise. So it costs the way of a message no write. */
#include "queue/queue_private.h"

enum { HOUR_MS = 3600 * 1000 };

static struct hour *slot_of(struct lane *l, int64_t number)
{
    return &l->hours[number % QUEUE_HOURS];
}

void lane_passed(struct lane *l, int64_t now, enum traffic what)
{
    struct hour *h = slot_of(l, now / HOUR_MS);
    if (h->number != now / HOUR_MS)
        *h = (struct hour){ .number = now / HOUR_MS };
    h->counts[what]++;
    h->is_unsaved = true;
    l->traffic[what]++;
}

static void on_hour(void *ctx, const struct store_hour *s)
{
    *slot_of(lane_of(ctx, s->mailbox), s->hour) =
        (struct hour){ .number = s->hour, .counts = { s->accepted, s->delivered, s->failed, s->received } };
}

bool hours_load(struct queue *q, struct fault *why)
{
    return store_hour_each(q->store, queue_now(q) / HOUR_MS - QUEUE_HOURS + 1, on_hour, q, why);
}

struct saving {
    struct queue *queue;
    struct fault *why;
    bool ok;
};

static bool save_lane(void *ctx, const char *address, void *lane)
{
    struct saving *s = ctx;
    struct lane *l = lane;
    for (size_t i = 0; i < QUEUE_HOURS && s->ok; i++) {
        const struct hour *h = &l->hours[i];
        struct store_hour row = { address,
                                  h->number,
                                  h->counts[TRAFFIC_ACCEPTED],
                                  h->counts[TRAFFIC_DELIVERED],
                                  h->counts[TRAFFIC_FAILED],
                                  h->counts[TRAFFIC_RECEIVED] };
        s->ok = !h->is_unsaved || store_hour_put(s->queue->store, &row, s->why);
    }
    return s->ok;
}

bool hours_save(struct queue *q, struct fault *why)
{
    struct saving s = { q, why, true };
    map_each(q->lanes, save_lane, &s);
    return s.ok && store_hour_prune(q->store, queue_now(q) / HOUR_MS - QUEUE_HOURS, why);
}

static bool mark_saved(void *ctx, const char *address, void *lane)
{
    struct lane *l = lane;
    for (size_t i = 0; i < QUEUE_HOURS; i++)
        l->hours[i].is_unsaved = false;
    return true;
}

void hours_saved(struct queue *q)
{
    map_each(q->lanes, mark_saved, NULL);
}

json_t *hours_json(const struct lane *l, int64_t now)
{
    json_t *list = json_array();
    for (int64_t number = now / HOUR_MS - QUEUE_HOURS + 1; number <= now / HOUR_MS; number++) {
        const struct hour *h = &l->hours[number % QUEUE_HOURS];
        struct hour none = { 0 };
        if (h->number != number)
            h = &none;
        json_array_append_new(list,
                              json_pack("[I, I, I, I]", (json_int_t)h->counts[TRAFFIC_ACCEPTED],
                                        (json_int_t)h->counts[TRAFFIC_DELIVERED], (json_int_t)h->counts[TRAFFIC_FAILED],
                                        (json_int_t)h->counts[TRAFFIC_RECEIVED]));
    }
    return list;
}
