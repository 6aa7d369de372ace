/* edge/listener.c - doors: who is let in, and how many at a time. */
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "edge/bridged.h"
#include "edge/session.h"
#include "net/listen.h"
#include "proto/front/front.h"

enum { LOG_EVERY_MS = 10000 };

struct door {
    struct list node; /* in edge->listeners */
    struct edge *edge;
    unsigned number;
    struct service *service;
    struct listener *listener;
};

/* A storm of connections must not become a storm of lines. */
static void log_turned_away(struct edge *e, const char *host, const char *text)
{
    int64_t now = loop_now_ms(e->loop);
    if (e->turned_away_ms && now - e->turned_away_ms < LOG_EVERY_MS) {
        e->turned_away++;
        return;
    }
    log_info("session.refused", LOG_TEXT("peer", host), LOG_TEXT("text", text), LOG_UNSIGNED("others", e->turned_away));
    e->turned_away_ms = now ? now : 1;
    e->turned_away = 0;
}

/* A TLS client could not read this; for it the end of the connection has to do. */
static void turn_away(const struct door *d, int fd, const char *host, const char *text)
{
    struct buf line;
    buf_init(&line, 512);
    front_turn_away(d->service->bridge.protocol, text, &line);
    if (d->service->tls != CONF_TLS_IMPLICIT)
        (void)!send(fd, line.data, line.size, MSG_NOSIGNAL | MSG_DONTWAIT);
    buf_fini(&line);
    close(fd);
    log_turned_away(d->edge, host, text);
}

static void on_accepted(void *ctx, int fd, const struct net_addr *peer)
{
    struct door *d = ctx;
    struct edge *e = d->edge;
    char host[NET_ADDR_TEXT_SIZE];
    net_addr_host_text(peer, host, sizeof host);
    if (e->guests_count >= e->conf->limits.sessions)
        turn_away(d, fd, host, "Too many sessions, try again later");
    else if (edge_guests_of(e, host) >= e->conf->limits.sessions_per_host)
        turn_away(d, fd, host, "Too many sessions from your address, close some first");
    else if (d->service->is_through)
        bridged_open(e, d->service, fd, host);
    else
        session_open(e, d->service, fd, host);
}

void edge_listen(struct edge *e, const struct parent_listener *l)
{
    struct fault why;
    struct service *service = service_new(l, e->conf, &why);
    if (!service || e->is_stopping) {
        if (!service)
            log_error("listener.failed", LOG_TEXT("address", l->address), LOG_FAULT(&why));
        service_free(service);
        close(l->fd);
        return;
    }
    edge_unlisten(e, l->number);
    struct door *d = mem_alloc(sizeof *d);
    *d = (struct door){ .edge = e, .number = l->number, .service = service };
    d->listener = listener_new(e->loop, l->fd, on_accepted, d);
    if (!e->has_directory)
        listener_pause(d->listener);
    list_append(&e->listeners, &d->node);
}

/* The door itself may be in use up the stack only while it accepts, and nothing there ends it. */
static void door_free(struct door *d)
{
    list_remove(&d->node);
    listener_free(d->listener);
    service_free(d->service);
    free(d);
}

void edge_unlisten(struct edge *e, unsigned number)
{
    LIST_EACH (node, &e->listeners) {
        struct door *d = LIST_OF(node, struct door, node);
        if (d->number == number)
            door_free(d);
    }
}

void edge_listeners_resume(struct edge *e)
{
    LIST_EACH (node, &e->listeners)
        listener_resume(LIST_OF(node, struct door, node)->listener);
}

void edge_listeners_reload(struct edge *e)
{
    LIST_EACH (node, &e->listeners) {
        struct door *d = LIST_OF(node, struct door, node);
        struct service *old = d->service;
        d->service = service_renew(old, e->conf);
        service_free(old);
    }
}

void edge_listeners_end(struct edge *e)
{
    LIST_EACH (node, &e->listeners)
        door_free(LIST_OF(node, struct door, node));
}
