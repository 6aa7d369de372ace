#include "sandbox/activity.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"

#define ENTRIES_MAX 2000

struct activity {
    struct loop *loop;
    json_t *ring[ENTRIES_MAX]; /* entry number n is at n % ENTRIES_MAX */
    uint64_t next;
    json_t *counters;
};

struct activity *activity_new(struct loop *loop)
{
    struct activity *a = mem_alloc(sizeof *a);
    a->loop = loop;
    a->next = 1;
    a->counters = json_object();
    return a;
}

void activity_free(struct activity *a)
{
    if (a == NULL)
        return;
    activity_clear(a);
    json_decref(a->counters);
    free(a);
}

void activity_clear(struct activity *a)
{
    for (size_t i = 0; i < ENTRIES_MAX; i++) {
        json_decref(a->ring[i]);
        a->ring[i] = NULL;
    }
    json_object_clear(a->counters);
}

void activity_note(struct activity *a, json_t *entry)
{
    char time[32];
    clock_iso(loop_wall_ms(a->loop), time, sizeof time);
    json_object_set_new(entry, "number", json_integer((json_int_t)a->next));
    json_object_set_new(entry, "time", json_string(time));
    json_t **slot = &a->ring[a->next++ % ENTRIES_MAX];
    json_decref(*slot);
    *slot = entry;
}

static void add_one(json_t *object, const char *key)
{
    json_object_set_new(object, key, json_integer(json_integer_value(json_object_get(object, key)) + 1));
}

void activity_count(struct activity *a, const char *what, const char *whom)
{
    json_t *counter = json_object_get(a->counters, what);
    if (counter == NULL) {
        counter = json_pack("{s:i, s:{}}", "total", 0, "by");
        json_object_set_new(a->counters, what, counter);
    }
    add_one(counter, "total");
    if (whom != NULL)
        add_one(json_object_get(counter, "by"), whom);
}

json_t *activity_log(const struct activity *a, uint64_t since_number)
{
    json_t *list = json_array();
    uint64_t oldest = a->next > ENTRIES_MAX ? a->next - ENTRIES_MAX : 1;
    for (uint64_t n = since_number >= oldest ? since_number + 1 : oldest; n < a->next; n++) {
        if (a->ring[n % ENTRIES_MAX] != NULL)
            json_array_append(list, a->ring[n % ENTRIES_MAX]);
    }
    return list;
}

json_t *activity_counters(const struct activity *a)
{
    return json_incref(a->counters);
}
