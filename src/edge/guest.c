/* edge/guest.c */
#include "edge/guest.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/arena.h"
#include "edge/edge_private.h"

void guest_begin(struct guest *g, const struct guest_kind *kind, struct edge *e, struct service *service,
                 const char *host)
{
    *g = (struct guest){ .kind = kind, .edge = e, .service = service_ref(service), .host = mem_strdup(host) };
    snprintf(g->id, sizeof g->id, "%08x%08x", (unsigned)e->run, (unsigned)++e->started);
    list_append(&e->guests, &g->node);
    e->guests_count++;
    map_put(e->hosts, host, (void *)(uintptr_t)(edge_guests_of(e, host) + 1));
}

void guest_end(struct guest *g)
{
    struct edge *e = g->edge;
    size_t left = edge_guests_of(e, g->host) - 1;
    list_remove(&g->node);
    e->guests_count--;
    if (left == 0)
        map_remove(e->hosts, g->host);
    else
        map_put(e->hosts, g->host, (void *)(uintptr_t)left);
    if (e->is_stopping && e->guests_count == 0)
        loop_defer(e->loop, &e->last_out);
}

void guest_fini(struct guest *g)
{
    service_free(g->service);
    free(g->host);
}
