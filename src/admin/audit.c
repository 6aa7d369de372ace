/* Who did what. A change of an object or a message is written down by the queue role with the change itself; what the vault did, and
 * who came in, is told to it from here once it is done. Never a secret, and no name that a stranger typed: it may be a password. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"

#define REFUSALS_PER_MINUTE 60u

static const char *const kinds[] = { "nobody", "local", "operator", "key", "app" };

json_t *audit_who(const struct request *r)
{
    const struct principal *p = r->principal;
    const char *host = p->kind == PRINCIPAL_LOCAL ? "local" : r->host ? r->host : "";
    return json_pack("{s:s, s:s, s:s}", "kind", kinds[p->kind], "name", p->name ? p->name : "", "host", host);
}

static void send_line(struct admin *a, json_t *line /* taken */)
{
    char *text = json_dumps(line, JSON_COMPACT);
    struct admin_ask m = { .tag = ++a->next_tag, .verb = "audit.add", .json = text };
    if (!a->peers[ADMIN_PEER_QUEUE] || !channel_send(a->peers[ADMIN_PEER_QUEUE], ADMIN_ASK, &m))
        log_warn("audit.lost", LOG_TEXT("line", text));
    free(text);
    json_decref(line);
}

static void add(struct admin *a, json_t *who, const char *action, const char *kind, const char *key)
{
    send_line(a, json_pack("{s:o, s:s, s:s, s:s}", "who", who, "action", action, "kind", kind, "key", key));
}

void audit_signed(struct request *r, const char *action, const char *name)
{
    add(r->admin, json_pack("{s:s, s:s, s:s}", "kind", "operator", "name", name, "host", r->host), action, "operator",
        name);
}

/* A flood of them is in the event log; here it would push nothing out, but be of no use to anybody. */
void audit_refused(struct request *r, const char *kind, const char *name)
{
    struct admin *a = r->admin;
    int64_t minute = loop_now_ms(a->loop) / 60000;
    if (a->refusals.minute != minute) {
        a->refusals.minute = minute;
        a->refusals.count = 0;
    }
    if (a->refusals.count++ >= REFUSALS_PER_MINUTE)
        return;
    enum object_kind object;
    bool is_known = object_kind_from_name(kind, &object) && directory_find(a->directory, object, name);
    const char *action = r->status == 429 ? "throttled" : "refused";
    add(a, json_pack("{s:s, s:s, s:s}", "kind", kind, "name", is_known ? name : "", "host", r->host), action, kind,
        is_known ? name : "");
}

/* What the vault or the parent does. NULL key: the first parameter of the path. */
static const struct {
    request_fn *of;
    const char *action, *kind;
    bool is_read; /* of mail, by a person */
} notes[] = {
    { registration_secret, "secret", "registration", false },
    { registration_certificate, "certificate", "registration", false },
    { mailbox_password, "password", "mailbox", false },
    { mailbox_authorize, "authorize", "mailbox", false },
    { authorizations_finish, "authorized", "mailbox", false },
    { app_password, "password", "app", false },
    { endpoint_key, "key", "endpoint", false },
    { operators_password, "password", "operator", false },
    { keys_secret, "secret", "key", false },
    { daemon_rekey, "rekey", "vault", false },
    { daemon_reload, "reload", "configuration", false },
    { messages_content, "read", "message", true },
    { inbound_content, "read", "inbound", true },
};

void audit_done(struct request *r)
{
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (r->route->run != notes[i].of || (notes[i].is_read && r->principal->kind != PRINCIPAL_OPERATOR))
            continue;
        const char *address = notes[i].of == authorizations_finish && r->asks_count > 0
                                  ? json_string_value(json_object_get(r->asks[0].json, "address"))
                                  : r->params[0];
        add(r->admin, audit_who(r), notes[i].action, notes[i].kind, address ? address : "");
    }
}

/* ---- shown ---- */

void audit_list(struct request *r)
{
    static const char *const names[] = { "since", "kind", "key", "limit", "cursor" };
    json_t *in = json_object();
    const char *who = request_query(r, "who");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *value = request_query(r, names[i]);
        if (value)
            json_object_set_new(in, names[i], json_string(value));
    }
    if (who)
        json_object_set_new(in, "who_name", json_string(who));
    request_ask(r, ADMIN_PEER_QUEUE, "audit.list", in);
    request_then(r, respond_first);
}
