/* role/wiring.c - who talks to whom, and being joined again after losing each other. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "role/parent.h"

#define REJOIN_MS 250 /* long enough to know whether one of the two died, which joins it anyway */

static const struct {
    enum role_kind one, other;
} pairs[] = {
    { ROLE_EDGE, ROLE_QUEUE },  { ROLE_EDGE, ROLE_VAULT },  { ROLE_QUEUE, ROLE_RELAY }, { ROLE_QUEUE, ROLE_VAULT },
    { ROLE_QUEUE, ROLE_ADMIN }, { ROLE_RELAY, ROLE_VAULT }, { ROLE_ADMIN, ROLE_VAULT }, { ROLE_ADMIN, ROLE_RELAY },
    { ROLE_INBOX, ROLE_QUEUE }, { ROLE_INBOX, ROLE_VAULT }, { ROLE_INBOX, ROLE_ADMIN },
};

static bool are_a_pair(const struct child *a, const struct child *b)
{
    enum role_kind one = a->hooks->kind, other = b->hooks->kind;
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        if ((pairs[i].one == one && pairs[i].other == other) || (pairs[i].one == other && pairs[i].other == one))
            return true;
    return false;
}

static void give(struct child *to, const struct child *peer, int fd)
{
    struct parent_peer m = { .role = peer->hooks->kind, .index = peer->index, .fd = fd };
    channel_send(to->control, PARENT_PEER, &m);
}

static void join(struct child *a, struct child *b)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        log_error("channel.failed", LOG_TEXT("text", strerror(errno)));
        return;
    }
    give(a, b, ends[0]);
    give(b, a, ends[1]);
    close(ends[0]);
    close(ends[1]);
}

void wiring_join(struct parent *p, struct child *c)
{
    for (struct child *other = p->children; other < p->children + p->children_count; other++)
        if (other != c && are_a_pair(c, other) && child_is_alive(c) && child_is_alive(other))
            join(c, other);
}

/* Two that lost each other. Processes are compared, not roles: one that was restarted was joined then. */
struct lost {
    struct list node; /* in parent->lost */
    struct child *a, *b;
    pid_t a_pid, b_pid;
};

static bool is_known(const struct parent *p, const struct child *a, const struct child *b)
{
    LIST_EACH (node, &p->lost) {
        const struct lost *l = LIST_OF(node, struct lost, node);
        if ((l->a == a && l->b == b) || (l->a == b && l->b == a))
            return true;
    }
    return false;
}

static void on_rejoin(void *ctx)
{
    struct parent *p = ctx;
    struct list *node;
    while ((node = list_pop(&p->lost))) {
        struct lost *l = LIST_OF(node, struct lost, node);
        if (l->a->pid == l->a_pid && l->b->pid == l->b_pid && child_is_alive(l->a) && child_is_alive(l->b)) {
            log_warn("channel.rejoined", LOG_TEXT("name", l->a->hooks->name), LOG_TEXT("peer", l->b->hooks->name));
            join(l->a, l->b);
        }
        free(l);
    }
}

void wiring_lost(struct child *c, const struct parent_lost *m)
{
    struct parent *p = c->parent;
    struct child *other = children_find(p, m->role, m->index);
    if (!other || !are_a_pair(c, other) || p->is_stopping || is_known(p, c, other))
        return;
    struct lost *l = mem_alloc(sizeof *l);
    *l = (struct lost){ .a = c, .b = other, .a_pid = c->pid, .b_pid = other->pid };
    list_append(&p->lost, &l->node);
    if (!loop_timer_is_running(&p->rejoin)) {
        loop_timer_init(&p->rejoin, p->loop, on_rejoin, p);
        loop_timer_start(&p->rejoin, REJOIN_MS);
    }
}

void wiring_fini(struct parent *p)
{
    struct list *node;
    while ((node = list_pop(&p->lost)))
        free(LIST_OF(node, struct lost, node));
    if (p->rejoin.loop)
        loop_timer_stop(&p->rejoin);
}
