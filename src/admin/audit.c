/* Who did what. A change of an object or a message is written down by the queue role with the change itself; what the vault did, and
 * who came in, is told to it from here once it is done. Never a secret, and no name that a stranger typed: it may be a password. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"

#define REFUSALS_AT_ONCE 60u
#define REFUSAL_MS 60000 /* after that there is room for one more */

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

static json_t *line_of(json_t *who /* taken */, const char *action, const char *kind, const char *key)
{
    return json_pack("{s:o, s:s, s:s, s:s}", "who", who, "action", action, "kind", kind, "key", key);
}

static void add(struct admin *a, json_t *who, const char *action, const char *kind, const char *key)
{
    send_line(a, line_of(who, action, kind, key));
}

void audit_signed(struct request *r, const char *action, const char *name)
{
    add(r->admin, json_pack("{s:s, s:s, s:s}", "kind", "operator", "name", name, "host", r->host), action, "operator",
        name);
}

static bool has_room(struct admin *a)
{
    int64_t passed = (loop_now_ms(a->loop) - a->refusals.since_ms) / REFUSAL_MS;
    a->refusals.since_ms += passed * REFUSAL_MS;
    a->refusals.count -= passed < a->refusals.count ? (unsigned)passed : a->refusals.count;
    if (a->refusals.count < REFUSALS_AT_ONCE) {
        a->refusals.count++;
        return true;
    }
    a->refusals.left_out++;
    return false;
}

/* Of a flood the event log holds each; here the first say enough, and the next that has room says how many there were between. Otherwise
 * whoever likes could fill the disk for as long as lines are kept. */
void audit_refused(struct request *r, const char *kind, const char *name)
{
    struct admin *a = r->admin;
    if (!has_room(a))
        return;
    enum object_kind object;
    bool is_known = object_kind_from_name(kind, &object) && directory_find(a->directory, object, name);
    const char *action = r->status == 429 ? "throttled" : "refused";
    json_t *who = json_pack("{s:s, s:s, s:s}", "kind", kind, "name", is_known ? name : "", "host", r->host);
    json_t *line = line_of(who, action, kind, is_known ? name : "");
    if (a->refusals.left_out > 0)
        json_object_set_new(line, "changes", json_pack("{s:I}", "left_out", (json_int_t)a->refusals.left_out));
    a->refusals.left_out = 0;
    send_line(a, line);
}

enum when {
    ALWAYS,
    FOR_PEOPLE, /* mail that a person reads; to a program it is its work */
    AS_NEWS,    /* several may wait for the same, and each is told */
};

/* What the vault or the parent does. It is about the first parameter of the path, or r->about. */
static const struct {
    request_fn *of;
    const char *action, *kind;
    enum when when;
} notes[] = {
    { registration_secret, "secret", "registration", ALWAYS },
    { mailbox_password, "password", "mailbox", ALWAYS },
    { mailbox_authorize, "authorize", "mailbox", ALWAYS },
    { authorizations_finish, "authorized", "mailbox", ALWAYS },
    { authorizations_land, "authorized", "mailbox", ALWAYS },
    { authorizations_wait, "authorized", "mailbox", AS_NEWS },
    { mailbox_owner_link, "owner-link", "mailbox", ALWAYS },
    { owner_start, "authorize", "mailbox", ALWAYS },
    { owner_wait, "authorized", "mailbox", AS_NEWS },
    { app_password, "password", "app", ALWAYS },
    { endpoint_key, "key", "endpoint", ALWAYS },
    { operators_password, "password", "operator", ALWAYS },
    { setup_link_post, "setup-link", "operator", ALWAYS },
    { setup_post, "password", "operator", ALWAYS },
    { keys_secret, "secret", "key", ALWAYS },
    { daemon_rekey, "rekey", "vault", ALWAYS },
    { daemon_reload, "reload", "configuration", ALWAYS },
    { messages_content, "read", "message", FOR_PEOPLE },
    { inbound_content, "read", "inbound", FOR_PEOPLE },
};

static bool is_due(const struct request *r, enum when when)
{
    return when == ALWAYS || (when == FOR_PEOPLE && r->principal->kind == PRINCIPAL_OPERATOR) ||
           (when == AS_NEWS && r->is_news);
}

void audit_done(struct request *r)
{
    const char *key = r->about ? r->about : r->params[0];
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++)
        if (r->route->run == notes[i].of && is_due(r, notes[i].when))
            add(r->admin, audit_who(r), notes[i].action, notes[i].kind, key ? key : "");
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
