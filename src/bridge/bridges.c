/* bridge/bridges.c - what sessions share: the count of the living, and what SMTP servers offer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "bridge/bridge_private.h"

enum { OFFER_SIZE = 1024 };

struct bridges *bridges_new(struct loop *l, const struct bridges_host *host, void *ctx)
{
    struct bridges *all = mem_alloc(sizeof *all);
    *all = (struct bridges){ .loop = l, .host = *host, .ctx = ctx };
    all->resolver = resolver_new(l);
    all->trust = trust_new();
    all->apps = map_new();
    all->mailboxes = map_new();
    all->offers = map_new();
    return all;
}

static bool free_text(void *ctx, const char *key, void *value)
{
    free(value);
    return true;
}

static void forget_promises(struct bridges *all)
{
    for (size_t i = 0; i < sizeof all->promises / sizeof *all->promises; i++) {
        free(all->promises[i]);
        all->promises[i] = NULL;
    }
}

void bridges_free(struct bridges *all)
{
    if (!all)
        return;
    resolver_free(all->resolver);
    trust_free(all->trust);
    map_each(all->offers, free_text, NULL);
    map_free(all->apps);
    map_free(all->mailboxes);
    map_free(all->offers);
    forget_promises(all);
    free(all);
}

void bridges_set(struct bridges *all, const struct bridges_settings *settings)
{
    all->settings = *settings;
    trust_forget(all->trust); /* a reload is also how a new CA file is taken */
}

void bridges_directory_changed(struct bridges *all)
{
    trust_forget(all->trust);
    forget_promises(all);
}

/* -- How many there are -- */

static size_t count_of(const struct map *m, const char *name)
{
    return (size_t)(uintptr_t)map_get(m, name);
}

static void set_count(struct map *m, const char *name, size_t count)
{
    if (count == 0)
        map_remove(m, name);
    else
        map_put(m, name, (void *)(uintptr_t)count);
}

/* Submission is counted on its own: the provider has a limit for it. */
static const char *place_of(const char *mailbox, uint32_t protocol, char out[400])
{
    snprintf(out, 400, "%s %s", protocol == OBJECT_SMTP ? "smtp" : "read", mailbox);
    return out;
}

bool bridges_enter(struct bridges *all, const char *app, const char *mailbox, uint32_t protocol, unsigned most,
                   struct fault *why)
{
    char place[400];
    place_of(mailbox, protocol, place);
    if (count_of(all->apps, app) >= all->settings.sessions_per_app)
        return fault_set(why, FAULT_RETRY, "bridge.app-sessions", "app '%s' has %u sessions open already", app,
                         all->settings.sessions_per_app);
    if (most && count_of(all->mailboxes, place) >= most)
        return fault_set(why, FAULT_RETRY, "bridge.mailbox-sessions", "mailbox %s has %u sessions open already",
                         mailbox, most);
    set_count(all->apps, app, count_of(all->apps, app) + 1);
    set_count(all->mailboxes, place, count_of(all->mailboxes, place) + 1);
    return true;
}

void bridges_leave(struct bridges *all, const char *app, const char *mailbox, uint32_t protocol)
{
    char place[400];
    place_of(mailbox, protocol, place);
    set_count(all->apps, app, count_of(all->apps, app) - 1);
    set_count(all->mailboxes, place, count_of(all->mailboxes, place) - 1);
}

/* -- What may be promised before a sign-in: what every server keeps that may come to be used -- */

static const struct {
    const char *name, *cautious; /* before a server was seen */
    uint32_t protocol;
    char parted_by;
} offers[] = {
    [FRONT_IMAP] = { "imap", "", OBJECT_IMAP, ' ' },
    [FRONT_POP3] = { "pop3", "", OBJECT_POP3, '\n' },
    [FRONT_SMTP] = { "smtp", "PIPELINING 8BITMIME ENHANCEDSTATUSCODES", OBJECT_SMTP, '\n' },
};

static char *offer_key(enum front_protocol p, const struct object_server *server)
{
    return mem_printf("%s %s:%u", offers[p].name, server->host, (unsigned)server->port);
}

void bridges_remember_offer(struct bridges *all, enum front_protocol p, const struct object_server *server,
                            const char *offer, uint64_t size)
{
    char *key = offer_key(p, server), *whole = mem_printf("%llu %.*s", (unsigned long long)size, OFFER_SIZE, offer);
    if (text_equal(map_get(all->offers, key), whole)) {
        free(whole);
    } else {
        free(map_put(all->offers, key, whole));
        forget_promises(all);
    }
    free(key);
}

struct promise {
    const struct bridges *all;
    const struct directory *directory;
    enum front_protocol protocol;
    char words[OFFER_SIZE + 1]; /* parted by blanks */
    uint64_t size;              /* 0: not told */
    bool is_any;
};

static bool has_word(const char *list, const char *word, size_t size)
{
    for (const char *at = list; *at; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == size && memcmp(at, word, size) == 0)
            return true;
    return false;
}

/* Keeps of the words what `offer` has too. */
static void narrow(char *words, const char *offer)
{
    char *to = words;
    for (const char *at = words; *at;) {
        size_t size = strcspn(at, " "), whole = size + strspn(at + size, " ");
        if (has_word(offer, at, size)) {
            if (to > words)
                *to++ = ' ';
            memmove(to, at, size);
            to += size;
        }
        at += whole;
    }
    *to = '\0';
}

static bool add_mailbox(void *ctx, const void *object)
{
    struct promise *p = ctx;
    const struct mailbox *m = object;
    uint32_t protocol = offers[p->protocol].protocol;
    if (m->protocols && !(m->protocols & protocol))
        return true;
    struct object_server server = directory_server_of(p->directory, m, protocol);
    uint64_t most = (uint64_t)directory_limits_of(p->directory, m).size_mb << 20, told = 0;
    char *key = offer_key(p->protocol, &server), *words = NULL;
    const char *offer = map_get(p->all->offers, key);
    free(key);
    if (offer)
        told = strtoull(offer, &words, 10);
    const char *list = offer ? words + strspn(words, " ") : offers[p->protocol].cautious;
    if (p->is_any)
        narrow(p->words, list);
    else
        snprintf(p->words, sizeof p->words, "%s", list);
    p->is_any = true;
    if (told && (!most || told < most))
        most = told;
    if (most && (!p->size || most < p->size))
        p->size = most;
    return true;
}

const char *bridges_promise(struct bridges *all, enum front_protocol protocol)
{
    struct promise p = { .all = all, .directory = all->host.directory(all->ctx), .protocol = protocol };
    char **kept = &all->promises[protocol];
    if (*kept)
        return *kept;
    directory_each(p.directory, OBJECT_MAILBOX, add_mailbox, &p);
    for (char *at = p.words; *at; at++)
        if (*at == ' ')
            *at = offers[protocol].parted_by;
    *kept = protocol == FRONT_SMTP && p.size
                ? mem_printf("SIZE %llu%s%s", (unsigned long long)p.size, *p.words ? "\n" : "", p.words)
                : mem_strdup(p.words);
    return *kept;
}
