/* inbox/signing.c - signatures that are asked of the vault, again where it was away. */
#include <stdlib.h>

#include "base/arena.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

struct signing {
    struct list node; /* in inbox->signing */
    struct inbox *inbox;
    uint64_t tag, outer;
    signed_fn *done;
    void *ctx;
    char *key, *text;
};

static void ask(struct signing *s)
{
    const struct sign_ask m = { .tag = s->tag, .key = s->key, .text = s->text };
    s->inbox->host.sign(s->inbox->ctx, &m);
}

static void forget(struct signing *s)
{
    list_remove(&s->node);
    free(s->key);
    free(s->text);
    free(s);
}

void signing_start(struct inbox *i, const char *key, const char *text, signed_fn *done, void *ctx, uint64_t outer)
{
    struct signing *s = mem_alloc(sizeof *s);

    *s = (struct signing){ .inbox = i,
                           .tag = ++i->last_tag,
                           .outer = outer,
                           .done = done,
                           .ctx = ctx,
                           .key = mem_strdup(key),
                           .text = mem_strdup(text) };
    list_append(&i->signing, &s->node);
    ask(s);
}

void signing_answer(struct inbox *i, const struct sign_answer *m)
{
    struct fault why;

    LIST_EACH (node, &i->signing) {
        struct signing *s = LIST_OF(node, struct signing, node);
        if (s->tag != m->tag)
            continue;
        fault_set(&why, FAULT_RETRY, m->id, "%s", m->text);
        signed_fn *done = s->done;
        void *ctx = s->ctx;
        uint64_t outer = s->outer;
        forget(s);
        done(ctx, outer, m->is_ok ? m->signature : NULL, &why);
        return;
    }
}

void signing_again(struct inbox *i)
{
    LIST_EACH (node, &i->signing)
        ask(LIST_OF(node, struct signing, node));
}

void signing_forget(struct inbox *i, const void *ctx)
{
    LIST_EACH (node, &i->signing)
        if (!ctx || LIST_OF(node, struct signing, node)->ctx == ctx)
            forget(LIST_OF(node, struct signing, node));
}
