/* The queue seen from outside. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

/* Who may only send sees the own messages, who is limited to mailboxes those of these. */
static json_t *limited(struct request *r, json_t *in)
{
    const struct principal *p = r->principal;
    if (!(p->rights & RIGHT_READ))
        json_object_set_new(in, "own",
                            p->kind == PRINCIPAL_KEY ? json_sprintf("key:%s", p->name) : json_string(p->name));
    if (p->mailboxes_count == 0)
        return in;
    json_t *list = json_array();
    for (size_t i = 0; i < p->mailboxes_count; i++)
        json_array_append_new(list, json_string(p->mailboxes[i]));
    json_object_set_new(in, "mailboxes", list);
    return in;
}

static void pass_query(struct request *r, json_t *in, const char *name)
{
    const char *value = request_query(r, name);
    if (value)
        json_object_set_new(in, name, json_string(value));
}

void messages_list(struct request *r)
{
    static const char *const names[] = { "state", "mailbox", "sender", "recipient", "subject",
                                         "q",     "since",   "until",  "limit",     "cursor" };
    json_t *in = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        pass_query(r, in, names[i]);
    request_ask(r, ADMIN_PEER_QUEUE, "message.list", limited(r, in));
    request_then(r, respond_first);
}

void messages_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "message.get", limited(r, json_pack("{s:s}", "id", r->params[0])));
    request_then(r, respond_first);
}

static void content_from_fd(struct request *r)
{
    struct ask *k = &r->asks[0];
    if (!respond_unless_ok(r, k))
        return;
    if (k->fd < 0) {
        respond_finding(r, 404, "queue.finished", "the message's content is not kept any more");
        return;
    }
    int fd = k->fd;
    k->fd = -1;
    respond_fd(r, fd, "message/rfc822");
}

void messages_content(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "message.content", limited(r, json_pack("{s:s}", "id", r->params[0])));
    request_then(r, content_from_fd);
}

void messages_retry(struct request *r)
{
    request_pass_body(r, "message.retry");
}

void messages_hold(struct request *r)
{
    request_pass_body(r, "message.hold");
}

void messages_release(struct request *r)
{
    request_pass_body(r, "message.release");
}

void messages_remove(struct request *r)
{
    request_pass_body(r, "message.remove");
}

void queue_stats(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "queue.stats", NULL);
    request_then(r, respond_first);
}
