/* net/answers.c - a map of answers. It is emptied when it is full: whoever dials so many names gains little from it. */
#include "net/answers.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"

enum { NAMES_MAX = 256 };

struct answers {
    struct map *by_name;
};

struct answer {
    int64_t until_ms;
    size_t count;
    struct net_addr addrs[];
};

struct answers *answers_new(void)
{
    struct answers *a = mem_alloc(sizeof *a);
    a->by_name = map_new();
    return a;
}

static bool free_answer(void *ctx, const char *name, void *answer)
{
    free(answer);
    return true;
}

void answers_forget(struct answers *a)
{
    map_each(a->by_name, free_answer, NULL);
    map_clear(a->by_name);
}

void answers_free(struct answers *a)
{
    if (!a)
        return;
    answers_forget(a);
    map_free(a->by_name);
    free(a);
}

void answers_keep(struct answers *a, const char *name, const struct net_addr *addrs, size_t count, int64_t until_ms)
{
    if (map_count(a->by_name) >= NAMES_MAX && !map_get(a->by_name, name))
        answers_forget(a);
    struct answer *fresh = mem_alloc(sizeof *fresh + count * sizeof *addrs);
    fresh->until_ms = until_ms;
    fresh->count = count;
    memcpy(fresh->addrs, addrs, count * sizeof *addrs);
    free(map_put(a->by_name, name, fresh));
}

size_t answers_find(const struct answers *a, const char *name, int64_t now_ms, struct net_addr *out, size_t most)
{
    const struct answer *known = map_get(a->by_name, name);
    if (!known || known->until_ms <= now_ms)
        return 0;
    size_t count = known->count < most ? known->count : most;
    memcpy(out, known->addrs, count * sizeof *out);
    return count;
}
