#include "admin/sessions.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "base/secret.h"
#include "base/text.h"

#define BITS 32 /* octets */
#define KEY_SIZE (2 * BITS + 1)

struct kept {
    struct list node; /* in sessions.by_use, the one longest unused first */
    struct session session;
    char key[KEY_SIZE]; /* hash of the id */
    char *name;
};

struct sessions {
    struct map *by_key;
    struct list by_use;
    session_ended_fn *ended;
    void *ctx;
};

struct sessions *sessions_new(session_ended_fn *ended, void *ctx)
{
    struct sessions *all = mem_alloc(sizeof *all);
    all->by_key = map_new();
    list_init(&all->by_use);
    all->ended = ended;
    all->ctx = ctx;
    return all;
}

static void random_text(char out[SESSION_ID_SIZE])
{
    uint8_t bits[BITS];
    secret_random(bits, sizeof bits);
    base64url_encode((struct bytes){ bits, sizeof bits }, out, SESSION_ID_SIZE);
    secret_wipe(bits, sizeof bits);
}

static void key_of(const char *id, char out[KEY_SIZE])
{
    uint8_t hash[BITS];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)id, strlen(id), NULL, 0);
    hex_encode((struct bytes){ hash, sizeof hash }, out, KEY_SIZE);
}

static void forget(struct sessions *all, struct kept *k)
{
    map_remove(all->by_key, k->key);
    list_remove(&k->node);
    secret_wipe(k->session.csrf, sizeof k->session.csrf);
    free(k->name);
    free(k);
}

static void end(struct sessions *all, struct kept *k)
{
    if (all->ended)
        all->ended(all->ctx, &k->session);
    forget(all, k);
}

void sessions_free(struct sessions *all)
{
    if (!all)
        return;
    LIST_EACH (node, &all->by_use) {
        forget(all, LIST_OF(node, struct kept, node));
    }
    map_free(all->by_key);
    free(all);
}

const struct session *sessions_open(struct sessions *all, const char *name, int64_t now_ms, char id[SESSION_ID_SIZE])
{
    struct kept *k = mem_alloc(sizeof *k);
    if (map_count(all->by_key) >= SESSIONS_MOST)
        end(all, LIST_OF(all->by_use.next, struct kept, node));
    k->name = mem_strdup(name);
    k->session = (struct session){ .name = k->name, .opened_ms = now_ms, .used_ms = now_ms };
    random_text(id);
    random_text(k->session.csrf);
    key_of(id, k->key);
    map_put(all->by_key, k->key, k);
    list_append(&all->by_use, &k->node);
    return &k->session;
}

static bool is_over(const struct kept *k, const struct session_limits *limits, int64_t now_ms)
{
    return now_ms - k->session.used_ms >= limits->idle_ms || now_ms - k->session.opened_ms >= limits->whole_ms;
}

static struct kept *living(struct sessions *all, const char *id, const struct session_limits *limits, int64_t now_ms)
{
    char key[KEY_SIZE];
    if (strlen(id) != SESSION_ID_SIZE - 1)
        return NULL;
    /* The look-up by a hash tells by its time nothing that helps to guess an id. */
    key_of(id, key);
    struct kept *k = map_get(all->by_key, key);
    if (!k)
        return NULL;
    if (is_over(k, limits, now_ms)) {
        end(all, k);
        return NULL;
    }
    return k;
}

const struct session *sessions_find(struct sessions *all, const char *id, const struct session_limits *limits,
                                    int64_t now_ms)
{
    struct kept *k = living(all, id, limits, now_ms);
    if (!k)
        return NULL;
    k->session.used_ms = now_ms;
    list_remove(&k->node);
    list_append(&all->by_use, &k->node);
    return &k->session;
}

const struct session *sessions_peek(struct sessions *all, const char *id, const struct session_limits *limits,
                                    int64_t now_ms)
{
    struct kept *k = living(all, id, limits, now_ms);
    return k ? &k->session : NULL;
}

void sessions_end(struct sessions *all, const struct session *s)
{
    end(all, LIST_OF(s, struct kept, session));
}

void sessions_end_of(struct sessions *all, const char *name, const struct session *kept)
{
    LIST_EACH (node, &all->by_use) {
        struct kept *k = LIST_OF(node, struct kept, node);
        if (&k->session != kept && text_equal_nocase(k->name, name))
            end(all, k);
    }
}

void sessions_sweep(struct sessions *all, const struct session_limits *limits, int64_t now_ms)
{
    LIST_EACH (node, &all->by_use) {
        struct kept *k = LIST_OF(node, struct kept, node);
        if (is_over(k, limits, now_ms))
            end(all, k);
    }
}

size_t sessions_count(const struct sessions *all)
{
    return map_count(all->by_key);
}

bool session_csrf_is(const struct session *s, const char *text)
{
    return text && strlen(text) == SESSION_ID_SIZE - 1 && sodium_memcmp(s->csrf, text, SESSION_ID_SIZE - 1) == 0;
}
