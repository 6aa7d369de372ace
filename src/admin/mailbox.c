/* What can be done with a mailbox: test it step by step, pause it, let it go on. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

static void tell_it_is_well(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "mailbox.well", json_pack("{s:s}", "address", r->params[0]));
    request_ask(r, ADMIN_PEER_INBOX, "inbox.look", json_pack("{s:s}", "mailbox", r->params[0]));
}

/* The steps have gone out already, so a refusal too is the last line of the stream, not a status. What the mailbox's mail
 * waits for is over when the sign-in works again: queue and inbox need not find that out by themselves. */
static void last_line(struct request *r)
{
    struct ask *k = &r->asks[0];
    if (k->status == 200 && json_is_true(json_object_get(k->json, "ok")))
        tell_it_is_well(r);
    if (k->json && k->status >= 400)
        json_object_set_new(k->json, "ok", json_false());
    char *line = k->json ? json_dumps(k->json, JSON_COMPACT) : NULL;
    stream_push(r, line ? line : "{\"ok\":false}");
    free(line);
    stream_end(r);
}

static void start_test(struct request *r)
{
    json_t *body = request_json(r);
    if (!respond_unless_ok(r, &r->asks[0]))
        return;
    asks_forget(r);
    json_object_set_new(body, "address", json_string(r->params[0]));
    const char *protocol = json_string_value(json_object_get(body, "protocol"));
    bool is_in = text_equal(protocol, "imap") || text_equal(protocol, "pop3");
    request_ask_long(r, is_in ? ADMIN_PEER_INBOX : ADMIN_PEER_RELAY, "mailbox.test", json_incref(body));
    request_then(r, last_line);
    respond_stream(r, "application/x-ndjson");
}

/* Once the steps go out there is no status any more to say that there is no such mailbox. */
void mailbox_test(struct request *r)
{
    if (!request_json(r))
        return;
    request_ask(r, ADMIN_PEER_QUEUE, "object.get", json_pack("{s:s, s:s}", "kind", "mailbox", "key", r->params[0]));
    request_then(r, start_test);
}

static void set_paused(struct request *r, bool is_paused)
{
    json_t *in = json_pack("{s:s, s:s, s:{s:b}}", "kind", "mailbox", "key", r->params[0], "changes", "is_paused",
                           (int)is_paused);
    request_ask(r, ADMIN_PEER_QUEUE, "object.patch", in);
    request_then(r, respond_object);
}

void mailbox_pause(struct request *r)
{
    set_paused(r, true);
}

void mailbox_resume(struct request *r)
{
    set_paused(r, false);
}
