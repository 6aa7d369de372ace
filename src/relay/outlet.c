/* relay/outlet.c - the connections of one mailbox: the newest idle one is used first, so that the others can grow old and close. */
#include <stdlib.h>

#include "base/arena.h"
#include "relay/relay_private.h"

struct outlet *outlet_of(struct relay *r, const char *mailbox)
{
    struct outlet *o = map_get(r->outlets, mailbox);

    if (!o) {
        o = mem_alloc(sizeof *o);
        o->relay = r;
        list_init(&o->idle);
        list_init(&o->busy);
        map_put(r->outlets, mailbox, o);
    }
    return o;
}

struct upstream *outlet_take(struct outlet *o)
{
    if (list_is_empty(&o->idle))
        return NULL;
    struct list *node = o->idle.prev;
    list_remove(node);
    list_append(&o->busy, node);
    return upstream_of_node(node);
}

void outlet_close_idle(struct outlet *o)
{
    LIST_EACH (node, &o->idle)
        upstream_quit(upstream_of_node(node));
}

void outlet_retire(struct outlet *o)
{
    outlet_close_idle(o);
    LIST_EACH (node, &o->busy)
        upstream_retire(upstream_of_node(node));
}

void outlet_free(struct outlet *o)
{
    LIST_EACH (node, &o->idle)
        upstream_drop(upstream_of_node(node));
    LIST_EACH (node, &o->busy)
        upstream_drop(upstream_of_node(node));
    free(o);
}
