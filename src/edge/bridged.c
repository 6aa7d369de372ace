/* edge/bridged.c - joins edge and bridges: the guest's place among the others, and the way to the vault role. */
#include "edge/bridged.h"

#include <stdlib.h>

#include "edge/edge_private.h"
#include "edge/guest.h"

struct bridged {
    struct guest guest;
    struct bridge *bridge;
    struct loop_deferred bury;
};

/* -- What bridges ask for -- */

static const struct directory *directory(void *ctx)
{
    return ((struct edge *)ctx)->directory;
}

static bool ask_vault(struct edge *e, struct ask *a, uint32_t type, const void *question)
{
    if (channel_send(e->vault, type, question))
        return true;
    ask_forget(a);
    return false;
}

static bool ask_login(void *ctx, struct login_ask *question, struct ask *a, const struct ask_kind *kind)
{
    struct edge *e = ctx;
    if (!e->vault)
        return false;
    question->tag = ask_begin(&e->logins, a, kind);
    return ask_vault(e, a, EDGE_LOGIN_ASK, question);
}

static bool ask_token(void *ctx, struct token_ask *question, struct ask *a, const struct ask_kind *kind)
{
    struct edge *e = ctx;
    if (!e->vault)
        return false;
    question->tag = ask_begin(&e->tokens, a, kind);
    return ask_vault(e, a, TOKEN_ASK, question);
}

static void tell_trouble(void *ctx, const struct token_trouble *t)
{
    struct edge *e = ctx;
    if (e->vault)
        channel_send(e->vault, TOKEN_TROUBLE, t);
}

const struct bridges_host bridged_host = { directory, ask_login, ask_token, tell_trouble };

/* -- A guest -- */

static void stop(struct guest *g)
{
    bridge_stop(LIST_OF(g, struct bridged, guest)->bridge);
}

static void cut(struct guest *g)
{
    bridge_cut(LIST_OF(g, struct bridged, guest)->bridge);
}

static const struct guest_kind bridged_kind = { stop, cut };

static void bury(void *ctx)
{
    struct bridged *b = ctx;
    guest_fini(&b->guest);
    free(b);
}

static void ended(void *ctx)
{
    struct bridged *b = ctx;
    guest_end(&b->guest);
    loop_defer(b->guest.edge->loop, &b->bury);
}

void bridged_open(struct edge *e, struct service *service, int fd, const char *host)
{
    struct bridged *b = mem_alloc(sizeof *b);
    guest_begin(&b->guest, &bridged_kind, e, service, host);
    loop_deferred_init(&b->bury, bury, b);
    struct bridge_client client = { .id = b->guest.id, .host = b->guest.host, .ended = ended, .ctx = b };
    b->bridge = bridge_open(e->bridges, &service->bridge, fd, &client);
}
