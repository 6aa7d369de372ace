/* One screen of how things are, gathered from everybody; and the parent's two services. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"
#include "doctor/finding.h"

enum { ROLES, STATS, MAILBOXES, GRANTS, INBOUND, WATCHES };

static json_t *find_by_address(json_t *list, const char *address)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        const char *other = json_string_value(json_object_get(item, "address"));
        if (!other)
            other = json_string_value(json_object_get(item, "mailbox"));
        if (other && text_equal_nocase(other, address))
            return item;
    }
    return NULL;
}

const char *mailbox_state(bool is_paused, json_t *grant, json_t *traffic)
{
    if (is_paused)
        return "paused";
    const char *state = json_string_value(json_object_get(grant, "state"));
    if (state && strcmp(state, "ok") != 0)
        return state;
    const char *lane = json_string_value(json_object_get(traffic, "state"));
    return lane && strcmp(lane, "open") != 0 ? lane : "ok";
}

/* Neither a pause that somebody chose nor a rest that ends by itself. */
bool mailbox_state_needs_person(const char *state)
{
    static const char *const fine[] = { "ok", "paused", "deferred", "pending" };
    for (size_t i = 0; i < sizeof fine / sizeof *fine; i++)
        if (strcmp(state, fine[i]) == 0)
            return false;
    return true;
}

json_t *mailbox_reason(json_t *grant, json_t *traffic)
{
    json_t *error = json_object_get(grant, "last_error");
    if (json_is_object(error))
        return json_incref(error);
    const char *text = json_string_value(json_object_get(traffic, "text"));
    const char *id = json_string_value(json_object_get(traffic, "finding"));
    return text && text[0] ? json_pack("{s:s, s:s}", "id", id ? id : "", "text", text) : NULL;
}

static json_t *mailbox_line(struct request *r, json_t *mailbox, json_t *needing)
{
    const char *address = json_string_value(json_object_get(mailbox, "address"));
    json_t *grant = find_by_address(json_object_get(r->asks[GRANTS].json, "items"), address);
    json_t *traffic = find_by_address(json_object_get(r->asks[STATS].json, "by_mailbox"), address);
    const char *state = mailbox_state(json_is_true(json_object_get(mailbox, "is_paused")), grant, traffic);
    bool needs_person = mailbox_state_needs_person(state);
    json_t *line = json_pack("{s:s, s:s, s:b, s:O*, s:O*, s:o*}", "address", address, "state", state, "needs_person",
                             (int)needs_person, "grant_state", grant, "queue", traffic, "reason",
                             mailbox_reason(grant, traffic));
    if (needs_person)
        json_array_append(needing, line);
    return line;
}

/* Parked mail waits for a person, and so does a folder that nobody can sign in to. */
static json_t *endpoint_line(struct request *r, const struct endpoint *e, json_t *needing)
{
    json_t *counts = endpoint_line_of(&r->asks[INBOUND], e->name);
    json_t *watch = endpoint_line_of(&r->asks[WATCHES], e->name);
    const char *state = json_string_value(json_object_get(watch, "state"));
    json_int_t parked = json_integer_value(json_object_get(counts, "parked"));
    bool needs_person = parked > 0 || text_equal(state, "needs-person");
    json_t *line = json_pack(
        "{s:s, s:s, s:s, s:I, s:I, s:b, s:O*, s:O*}", "endpoint", e->name, "mailbox", e->mailbox, "state",
        e->is_paused ? "paused"
        : state      ? state
                     : "",
        "waiting", json_integer_value(json_object_get(counts, "waiting")), "parked", parked, "needs_person",
        (int)needs_person, "text", json_object_get(watch, "text"), "finding", json_object_get(watch, "finding"));
    if (needs_person)
        json_array_append(needing, line);
    return line;
}

struct endpoints_listing {
    struct request *request;
    json_t *lines, *needing;
};

static bool add_endpoint(void *ctx, const void *object)
{
    struct endpoints_listing *l = ctx;
    json_array_append_new(l->lines, endpoint_line(l->request, object, l->needing));
    return true;
}

static void gather_status(struct request *r)
{
    json_t *lines = json_array(), *needing = json_array();
    size_t i;
    json_t *mailbox;
    if (r->asks[MAILBOXES].status == 200) {
        json_array_foreach(json_object_get(r->asks[MAILBOXES].json, "items"), i, mailbox)
            json_array_append_new(lines, mailbox_line(r, mailbox, needing));
    }
    struct endpoints_listing endpoints = { r, json_array(), needing };
    directory_each(r->admin->directory, OBJECT_ENDPOINT, add_endpoint, &endpoints);
    json_t *roles = json_object_get(r->asks[ROLES].json, "roles");
    respond_json(r, 200,
                 json_pack("{s:s, s:O*, s:O*, s:o, s:o, s:o}", "version", POSTERN_VERSION, "roles", roles, "queue",
                           r->asks[STATS].status == 200 ? r->asks[STATS].json : NULL, "mailboxes", lines, "endpoints",
                           endpoints.lines, "needs_person", needing));
}

void status_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_PARENT, "", json_pack("{s:s}", "verb", "roles"));
    request_ask(r, ADMIN_PEER_QUEUE, "queue.stats", NULL);
    request_ask(r, ADMIN_PEER_QUEUE, "object.list", json_pack("{s:s}", "kind", "mailbox"));
    request_ask(r, ADMIN_PEER_VAULT, "grant.list", NULL);
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.stats", NULL);
    request_ask(r, ADMIN_PEER_INBOX, "inbox.state", NULL);
    request_then(r, gather_status);
}

void roles_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_PARENT, "", json_pack("{s:s}", "verb", "roles"));
    request_then(r, respond_first);
}

/* The new settings are in force here by now. What in them has no effect as things stand is said at once, not only to those whom it
 * keeps out. */
static void reloaded(struct request *r)
{
    struct fault why;
    if (r->asks[0].status < 400 && entra_is_for_anybody(r->admin)) {
        fault_set(&why, FAULT_CONFIG, "entra.anybody", "the registration of console.entra-registration, %s",
                  r->admin->conf->console.entra_registration);
        json_object_set_new(r->asks[0].json, "findings", json_pack("[o]", finding_json_of_fault(&why, NULL)));
    }
    respond_first(r);
}

void daemon_reload(struct request *r)
{
    request_ask(r, ADMIN_PEER_PARENT, "", json_pack("{s:s}", "verb", "reload"));
    request_then(r, reloaded);
}
