/* net/resolve.c - c-ares on our loop. It sorts the addresses (RFC 6724) and reads /etc/hosts by itself; what it does not do is to
 * remember: every sign-in would cost a question. */
#include "net/resolve.h"

#include <ares.h>
#include <arpa/inet.h>
#include <assert.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "net/answers.h"

enum {
    ADDRESSES = 16,
    SERVER_TIMEOUT_MS = 3000, /* of the first try; c-ares doubles it */
    TRIES = 3,
    TICK_MS = 500,    /* how often a silent name server is looked after */
    KEEP_LEAST_S = 1, /* so that a burst asks once, even where the answer, or the hosts file, names no time */
    KEEP_MOST_S = 60,
};

struct watch {
    struct list node;
    struct resolver *resolver;
    int fd;
    struct loop_io *io;
};

struct resolver {
    struct loop *loop;
    ares_channel channel;
    struct list watches;
    struct list queries;
    struct answers *known;
    struct loop_timer tick;
    struct timespec conf_time; /* of /etc/resolv.conf when the channel was made */
};

struct resolve_query {
    struct list node;
    struct resolver *resolver;
    resolved_fn *fn; /* NULL: cancelled */
    void *ctx;
    char *host, *name; /* as asked for, and with its port */
    bool is_answered;
    struct net_addr addrs[ADDRESSES];
    size_t count;
    struct fault why;
    struct loop_deferred deliver;
};

static void on_tick(void *ctx)
{
    struct resolver *r = ctx;
    ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    if (!list_is_empty(&r->queries))
        loop_timer_start(&r->tick, TICK_MS);
}

static void on_socket(void *ctx, unsigned ready)
{
    struct watch *w = ctx;
    struct resolver *r = w->resolver;
    int fd = w->fd; /* the watch may be gone within the call */
    ares_process_fd(r->channel, ready & LOOP_READ ? fd : ARES_SOCKET_BAD, ready & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
}

static struct watch *find_watch(struct resolver *r, int fd)
{
    LIST_EACH (node, &r->watches) {
        struct watch *w = LIST_OF(node, struct watch, node);
        if (w->fd == fd)
            return w;
    }
    return NULL;
}

static void on_socket_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
    struct resolver *r = ctx;
    struct watch *w = find_watch(r, fd);
    unsigned want = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);
    if (!want) { /* c-ares is about to close it */
        if (w) {
            list_remove(&w->node);
            loop_io_free(w->io);
            free(w);
        }
        return;
    }
    if (w) {
        loop_io_want(w->io, want);
        return;
    }
    w = mem_alloc(sizeof *w);
    w->resolver = r;
    w->fd = fd;
    w->io = loop_io_new(r->loop, fd, want, on_socket, w);
    list_append(&r->watches, &w->node);
}

static struct timespec conf_time(void)
{
    struct stat st;
    return stat("/etc/resolv.conf", &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
}

static void open_channel(struct resolver *r)
{
    static char lookups[] = "fb"; /* files before DNS */
    struct ares_options options = { .timeout = SERVER_TIMEOUT_MS,
                                    .tries = TRIES,
                                    .lookups = lookups,
                                    .sock_state_cb = on_socket_state,
                                    .sock_state_cb_data = r };
    int status = ares_init_options(&r->channel, &options,
                                   ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB);
    assert(status == ARES_SUCCESS);
    r->conf_time = conf_time();
}

struct resolver *resolver_new(struct loop *l)
{
    static bool is_library_up;
    if (!is_library_up)
        is_library_up = ares_library_init(ARES_LIB_INIT_ALL) == ARES_SUCCESS;
    struct resolver *r = mem_alloc(sizeof *r);
    r->loop = l;
    list_init(&r->watches);
    list_init(&r->queries);
    r->known = answers_new();
    loop_timer_init(&r->tick, l, on_tick, r);
    open_channel(r);
    return r;
}

/* A laptop or container gets other name servers while the daemon runs; c-ares of this age reads the file only once. */
static void renew_channel(struct resolver *r)
{
    struct timespec now = conf_time();
    if (!list_is_empty(&r->queries) || (now.tv_sec == r->conf_time.tv_sec && now.tv_nsec == r->conf_time.tv_nsec))
        return;
    ares_destroy(r->channel);
    answers_forget(r->known);
    open_channel(r);
}

static void query_free(struct resolve_query *q)
{
    list_remove(&q->node);
    loop_undefer(&q->deliver);
    free(q->host);
    free(q->name);
    free(q);
}

void resolver_free(struct resolver *r)
{
    if (!r)
        return;
    LIST_EACH (node, &r->queries)
        LIST_OF(node, struct resolve_query, node)->fn = NULL;
    ares_destroy(r->channel); /* answers every query that is under way */
    LIST_EACH (node, &r->queries)
        query_free(LIST_OF(node, struct resolve_query, node));
    loop_timer_stop(&r->tick);
    answers_free(r->known);
    free(r);
}

static void deliver(void *ctx)
{
    struct resolve_query *q = ctx;
    resolved_fn *fn = q->fn;
    q->fn = NULL;
    if (fn)
        fn(q->ctx, q->addrs, q->count, q->count ? NULL : &q->why);
    query_free(q);
}

static void keep_addresses(struct resolve_query *q, const struct ares_addrinfo *info)
{
    for (const struct ares_addrinfo_node *n = info->nodes; n && q->count < ADDRESSES; n = n->ai_next) {
        struct net_addr *a = &q->addrs[q->count];
        if (n->ai_addrlen > sizeof a->storage)
            continue;
        memcpy(&a->storage, n->ai_addr, n->ai_addrlen);
        a->size = n->ai_addrlen;
        q->count++;
    }
}

static int64_t keep_s(const struct ares_addrinfo *info)
{
    int least = KEEP_MOST_S;
    for (const struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next)
        least = n->ai_ttl < least ? n->ai_ttl : least;
    for (const struct ares_addrinfo_cname *n = info->cnames; n; n = n->next)
        least = n->ttl < least ? n->ttl : least;
    return least > KEEP_LEAST_S ? least : KEEP_LEAST_S;
}

static void remember(struct resolve_query *q, const struct ares_addrinfo *info)
{
    struct resolver *r = q->resolver;
    if (q->count > 0)
        answers_keep(r->known, q->name, q->addrs, q->count, loop_now_ms(r->loop) + keep_s(info) * 1000);
}

/* The path of a socket, as far as a path can be one. */
static bool keep_path(struct resolve_query *q)
{
    char *text = mem_printf("unix:%s", q->host);
    bool is_path = q->host[0] == '/' && net_addr_parse(text, &q->addrs[0], NULL);
    free(text);
    return is_path;
}

/* An address is nobody's to look up; c-ares of this age would ask the name server for it all the same. */
static bool keep_literal(struct resolve_query *q, uint16_t port)
{
    struct net_addr *a = &q->addrs[0];
    struct sockaddr_in *v4 = (struct sockaddr_in *)&a->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&a->storage;
    if (inet_pton(AF_INET, q->host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        a->size = sizeof *v4;
    } else if (inet_pton(AF_INET6, q->host, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        a->size = sizeof *v6;
    } else if (!keep_path(q)) {
        return false;
    }
    q->count = 1;
    q->is_answered = true;
    return true;
}

static const char *failure_text(int status)
{
    switch (status) {
    case ARES_ENOTFOUND:
        return "there is no such name";
    case ARES_ENODATA:
        return "the name has no address";
    case ARES_ETIMEOUT:
        return "no name server answered in time";
    case ARES_ECONNREFUSED:
        return "no name server can be reached (see /etc/resolv.conf)";
    default:
        return ares_strerror(status);
    }
}

static void on_answer(void *ctx, int status, int timeouts, struct ares_addrinfo *info)
{
    struct resolve_query *q = ctx;
    q->is_answered = true;
    if (info) {
        keep_addresses(q, info);
        remember(q, info);
        ares_freeaddrinfo(info);
    }
    if (q->count == 0)
        fault_set(&q->why, FAULT_RETRY, "dns.failed", "look-up of %s: %s", q->host,
                  failure_text(status == ARES_SUCCESS ? ARES_ENODATA : status));
    loop_defer(q->resolver->loop, &q->deliver);
}

static bool keep_known(struct resolve_query *q)
{
    struct resolver *r = q->resolver;
    q->count = answers_find(r->known, q->name, loop_now_ms(r->loop), q->addrs, ADDRESSES);
    q->is_answered = q->count > 0;
    return q->is_answered;
}

struct resolve_query *resolve_start(struct resolver *r, const char *host, uint16_t port, resolved_fn *fn, void *ctx)
{
    struct resolve_query *q = mem_alloc(sizeof *q);
    struct ares_addrinfo_hints hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
    char service[8];
    renew_channel(r);
    q->resolver = r;
    q->fn = fn;
    q->ctx = ctx;
    q->host = mem_strdup(host);
    q->name = mem_printf("%s:%u", host, (unsigned)port);
    loop_deferred_init(&q->deliver, deliver, q);
    list_append(&r->queries, &q->node);
    if (keep_literal(q, port) || keep_known(q)) {
        loop_defer(r->loop, &q->deliver);
        return q;
    }
    snprintf(service, sizeof service, "%u", (unsigned)port);
    hints.ai_flags = ARES_AI_NUMERICSERV;
    /* c-ares takes "0" for a service it doesn't know. */
    ares_getaddrinfo(r->channel, host, port ? service : NULL, &hints, on_answer, q);
    if (!q->is_answered && !loop_timer_is_running(&r->tick))
        loop_timer_start(&r->tick, TICK_MS);
    return q;
}

void resolve_cancel(struct resolve_query *q)
{
    if (!q)
        return;
    q->fn = NULL;
    if (q->is_answered)
        query_free(q);
}
