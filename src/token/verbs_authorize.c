/* token/verbs_authorize.c - a person signs a mailbox in: an administrator, or its owner by a link. */
#include "base/clock.h"
#include "base/text.h"
#include "token/authorize.h"
#include "token/owner.h"
#include "token/verbs_private.h"

void verbs_on_authorized(void *ctx, uint64_t tag, const char *address, const json_t *result, const struct fault *why)
{
    struct verbs *v = ctx;
    if (result)
        verbs_answer(v, tag, 200, json_incref((json_t *)(uintptr_t)result), BYTES_NONE);
    else
        verbs_refuse(v, tag, address, why);
}

void authorize_start_asked(const struct asked *a)
{
    struct authorize_start start = { asked_text(a, "address"), asked_text(a, "method"), asked_text(a, "redirect_uri") };
    authorize_begin(a->v->parts.tokens, &start, verbs_on_authorized, a->v, a->tag);
}

void authorize_finish_asked(const struct asked *a)
{
    authorize_finish(a->v->parts.tokens, asked_text(a, "id"), a->secret, verbs_on_authorized, a->v, a->tag);
}

void authorize_wait_asked(const struct asked *a)
{
    authorize_wait(a->v->parts.tokens, asked_text(a, "id"), asked_text(a, "address"), verbs_on_authorized, a->v,
                   a->tag);
}

void authorize_land_asked(const struct asked *a)
{
    authorize_land(a->v->parts.tokens, a->secret, verbs_on_authorized, a->v, a->tag);
}

static json_t *link_json(const struct mailbox *m, int64_t ends_ms)
{
    char ends[40];
    clock_iso(ends_ms, ends, sizeof ends);
    return json_pack("{s:s, s:s, s:s, s:s}", "address", m->address, "user", m->user[0] ? m->user : m->address, "grant",
                     m->grant == OBJECT_GRANT_DEVICE ? "device" : "code", "ends", ends);
}

void owner_link_asked(const struct asked *a)
{
    struct fault why = { 0 };
    int64_t ends_ms = 0;
    struct secret *token = owner_link_new(a->v->parts.tokens, asked_text(a, "address"), &ends_ms, &why);
    if (!token) {
        verbs_refuse(a->v, a->tag, asked_text(a, "address"), &why);
        return;
    }
    const struct mailbox *m = directory_mailbox(a->v->parts.directory, asked_text(a, "address"));
    verbs_answer(a->v, a->tag, 200, link_json(m, ends_ms), secret_bytes(token));
    secret_free(token);
}

void owner_look_asked(const struct asked *a)
{
    struct fault why = { 0 };
    int64_t ends_ms = 0;
    const struct mailbox *m = owner_link_find(a->v->parts.tokens, a->secret, &ends_ms, &why);
    if (m)
        verbs_answer(a->v, a->tag, 200, link_json(m, ends_ms), BYTES_NONE);
    else
        verbs_refuse(a->v, a->tag, "", &why);
}
