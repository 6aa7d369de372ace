/* The admin room's one object, and the submission's way out. */
#include "admin/admin_private.h"
#include "admin/openapi.h"
#include "base/log.h"

struct admin *admin_new(struct loop *l, int listen_fd, const struct conf *conf, admin_ask_parent_fn *ask_parent,
                        void *ctx, struct fault *why)
{
    struct admin *a = mem_alloc(sizeof *a);
    a->loop = l;
    a->conf = conf;
    a->ask_parent = ask_parent;
    a->ask_parent_ctx = ctx;
    a->directory = directory_new();
    list_init(&a->requests);
    list_init(&a->asks);
    sign_in_start(a);
    doors_start(a);
    if (door_open_api(a, listen_fd, why))
        return a;
    sign_in_stop(a);
    directory_free(a->directory);
    free(a);
    return NULL;
}

void admin_free(struct admin *a)
{
    if (!a)
        return;
    doors_stop(a);
    sign_in_stop(a);
    directory_free(a->directory);
    openapi_free(a->openapi);
    free(a);
}

void admin_set_conf(struct admin *a, const struct conf *conf)
{
    a->conf = conf;
    entra_tell(a);
    people_look_again(a); /* the settings say who may come in by Entra, too */
}

void admin_set_peer(struct admin *a, enum admin_peer peer, struct channel *c)
{
    a->peers[peer] = c;
    if (!c)
        asks_peer_gone(a, peer);
    if (peer != ADMIN_PEER_VAULT)
        return;
    a->setup.tag = 0; /* what was asked of the one before is not answered any more */
    setup_tell(a);
}

void admin_heard_object(struct admin *a, const struct directory_object *m)
{
    struct fault why;
    if (!directory_apply_text(a->directory, m->kind, m->key, m->is_removed ? NULL : m->json, &why))
        log_error("directory.refused", LOG_TEXT("key", m->key), LOG_FAULT(&why));
    else
        people_changed(a, m->kind, m->key);
}
