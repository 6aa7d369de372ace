/* The console's first page: what needs a person, then each mailbox's day, its limits and what will end. Whoever is away is left out,
 * and named. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "admin/overview.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/text.h"

enum { ROLES, STATS, TRAFFIC, INBOUND, GRANTS, KEYS, WATCHES, ASKED }; /* those of one role side by side: see away() */

#define DAY_MS (24 * 3600 * 1000LL)
#define SOON_DAYS 30 /* before something ends, as the event secret.expiring says it first */

struct overview {
    struct request *request;
    int64_t now;
    struct map *traffic, *grants;        /* by address */
    struct map *counts, *keys, *watches; /* by endpoint */
    json_t *needing, *lines, *endpoints;
};

static json_t *found(const struct overview *o, const struct map *map, const char *key)
{
    return ask_index_get(o->request, map, key);
}

/* --- what needs a person --- */

struct need {
    const char *kind, *key, *severity, *finding, *link;
};

__attribute__((format(printf, 3, 4))) static void need_add(struct overview *o, const struct need *n, const char *format,
                                                           ...)
{
    char title[600];
    va_list args;
    va_start(args, format);
    vsnprintf(title, sizeof title, format, args);
    va_end(args);
    json_array_append_new(o->needing, json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "kind", n->kind, "key", n->key,
                                                "severity", n->severity, "title", title, "finding",
                                                n->finding ? n->finding : "", "link", n->link));
}

static void mailbox_needs(struct overview *o, const char *address, const char *state, json_t *grant, json_t *traffic)
{
    json_t *reason = mailbox_reason(grant, traffic);
    const char *text = json_string_value(json_object_get(reason, "text"));
    struct need n = { "mailbox", address, "error", json_string_value(json_object_get(reason, "id")),
                      arena_printf(o->request->arena, "/mailboxes/%s", address) };
    need_add(o, &n, "%s: %s", address,
             text                         ? text
             : strcmp(state, "none") == 0 ? "nobody has signed in for it yet"
                                          : "its mail waits for a person");
    json_decref(reason);
}

/* Said before any mail comes, as that would have to wait for it. */
static void key_needs(struct overview *o, const struct endpoint *e, json_int_t waiting)
{
    struct need n = { "endpoint", e->name, waiting > 0 ? "error" : "warning", "endpoint.no-key",
                      arena_printf(o->request->arena, "/endpoints/%s", e->name) };
    if (waiting > 0)
        need_add(o, &n, "%s: %lld message%s, as it has no key to sign with", e->name, (long long)waiting,
                 waiting == 1 ? " waits" : "s wait");
    else
        need_add(o, &n, "%s: it has no key to sign with, so nothing would be sent to it", e->name);
}

static void endpoint_needs(struct overview *o, const struct endpoint *e, bool is_shut, json_int_t parked, json_t *watch)
{
    const char *text = json_string_value(json_object_get(watch, "text"));
    struct need n = { "endpoint", e->name, is_shut ? "error" : "warning",
                      json_string_value(json_object_get(json_object_get(watch, "finding"), "id")),
                      arena_printf(o->request->arena, "/endpoints/%s", e->name) };
    if (is_shut)
        need_add(o, &n, "%s: %s", e->name, text ? text : "its folder can't be watched");
    else
        need_add(o, &n, "%s: %lld message%s parked, because the other side did not take %s", e->name, (long long)parked,
                 parked == 1 ? " is" : "s are", parked == 1 ? "it" : "them");
}

static bool add_endpoint(void *ctx, const void *object)
{
    struct overview *o = ctx;
    const struct endpoint *e = object;
    json_t *watch = found(o, o->watches, e->name), *counts = found(o, o->counts, e->name);
    json_int_t parked = json_integer_value(json_object_get(counts, "parked"));
    const char *state = json_string_value(json_object_get(watch, "state"));
    bool is_shut = text_equal(state, "needs-person"), is_stuck = is_shut || parked > 0;
    bool lacks_key = !e->is_paused && json_is_false(json_object_get(found(o, o->keys, e->name), "has_key"));
    json_array_append_new(o->endpoints,
                          json_pack("{s:s, s:s, s:s, s:b, s:O*, s:O*}", "name", e->name, "mailbox", e->mailbox, "state",
                                    e->is_paused ? "paused"
                                    : state      ? state
                                                 : "",
                                    "needs_person", (int)(is_stuck || lacks_key), "waiting",
                                    json_object_get(counts, "waiting"), "parked", json_object_get(counts, "parked")));
    if (lacks_key)
        key_needs(o, e, json_integer_value(json_object_get(counts, "waiting")));
    if (is_stuck)
        endpoint_needs(o, e, is_shut, parked, watch);
    return true;
}

/* By the calendar: a secret that ends on the 12th ends "in 2 days" all through the 10th, whatever the hour. */
static int64_t days_until(const struct overview *o, int64_t end)
{
    return end / DAY_MS - o->now / DAY_MS;
}

static bool end_of_credential(const struct registration *r, const char **what, int64_t *end)
{
    bool is_certificate = r->credential == OBJECT_CREDENTIAL_CERTIFICATE;
    const char *day = is_certificate ? r->certificate_expires : r->secret_expires;
    *what = is_certificate ? "certificate" : "secret";
    return r->credential != OBJECT_CREDENTIAL_NONE && day[0] && clock_parse(day, end);
}

static bool add_registration(void *ctx, const void *object)
{
    struct overview *o = ctx;
    const struct registration *r = object;
    const char *what;
    int64_t end;
    if (!end_of_credential(r, &what, &end) || days_until(o, end) > SOON_DAYS)
        return true;
    bool is_certificate = strcmp(what, "certificate") == 0;
    int64_t days = days_until(o, end);
    const char *day = is_certificate ? r->certificate_expires : r->secret_expires;
    struct need n = { "registration", r->name, days < 1 ? "error" : "warning",
                      is_certificate ? "oauth.certificate-expired" : "oauth.secret-expired",
                      arena_printf(o->request->arena, "/settings/registrations/%s", r->name) };
    const char *name = is_certificate ? "certificate" : "client secret";
    if (days < 0)
        need_add(o, &n, "%s: its %s ended on %.10s", r->name, name, day);
    else if (days == 0)
        need_add(o, &n, "%s: its %s ends today, on %.10s", r->name, name, day);
    else
        need_add(o, &n, "%s: its %s ends on %.10s, in %lld day%s", r->name, name, day, (long long)days,
                 days == 1 ? "" : "s");
    return true;
}

/* Who signs in with Entra would only be told that nobody can. */
static void add_entra(struct overview *o)
{
    const struct admin *a = o->request->admin;
    const char *name = a->conf->console.entra_registration;
    if (text_is_empty(name))
        return;
    struct need n = { "registration", name, "warning", "entra.anybody",
                      arena_printf(o->request->arena, "/settings/registrations/%s", name) };
    if (!directory_registration(a->directory, name)) {
        n.finding = "entra.not-set-up";
        n.link = "/settings";
        need_add(o, &n,
                 "%s: nobody can sign in with Entra, as console.entra-registration names no registration that "
                 "is here",
                 name);
    } else if (entra_is_for_anybody(a)) {
        need_add(o, &n, "%s: nobody can sign in with Entra through it, as people of every organization could", name);
    }
}

/* As long as it happens: what a person tried once by hand is forgotten after a day. */
static void add_proxy(struct overview *o)
{
    const struct admin *a = o->request->admin;
    const char *host = a->unnamed_proxy.host;
    if (!host[0] || guard_is_proxy(a->conf, host) || o->now - a->unnamed_proxy.seen_ms > DAY_MS)
        return;
    struct need n = { "console", host, "warning", "console.proxy-unnamed", "/settings/configuration" };
    need_add(o, &n,
             "%s: a web server there passes requests on, and console.proxy does not name it, so all its visitors "
             "share one count of wrong passwords. In the file: console: { proxy: [\"%s\"] }, then reload",
             host, host);
}

static void add_queue(struct overview *o)
{
    json_t *stats = o->request->asks[STATS].json;
    const char *why = json_string_value(json_object_get(stats, "closed_why"));
    struct need n = { "queue", "", "error", "queue.closed", "/" };
    if (o->request->asks[STATS].status == 200 && json_is_false(json_object_get(stats, "is_open")))
        need_add(o, &n, "Queue: no mail is taken: %s", why ? why : "");
}

/* --- mailboxes --- */

static void end_add(const struct overview *o, json_t *ends, const char *what, int64_t end)
{
    char at[32];
    clock_iso(end, at, sizeof at);
    json_array_append_new(ends,
                          json_pack("{s:s, s:s, s:I}", "what", what, "at", at, "days", (json_int_t)days_until(o, end)));
}

static void end_add_text(const struct overview *o, json_t *ends, const char *what, json_t *at)
{
    int64_t end;
    if (json_is_string(at) && clock_parse(json_string_value(at), &end))
        end_add(o, ends, what, end);
}

static json_t *ends_of(const struct overview *o, const struct mailbox *m, json_t *grant)
{
    json_t *ends = json_array();
    const struct registration *r = directory_registration(o->request->admin->directory, m->registration);
    const char *what;
    int64_t end;
    if (r && end_of_credential(r, &what, &end))
        end_add(o, ends, what, end);
    end_add_text(o, ends, "refresh_token", json_object_get(grant, "refresh_ends"));
    end_add_text(o, ends, "access", json_object_get(grant, "access_expires"));
    return ends;
}

/* A sign-in that nobody uses ends by itself; one in use never comes near. */
static void idle_needs(struct overview *o, const struct mailbox *m, json_t *grant)
{
    int64_t end;
    const char *at = json_string_value(json_object_get(grant, "refresh_ends"));
    if (!at || !clock_parse(at, &end) || days_until(o, end) > SOON_DAYS)
        return;
    struct need n = { "mailbox", m->address, "warning", "grant.expired",
                      arena_printf(o->request->arena, "/mailboxes/%s", m->address) };
    need_add(o, &n, "%s: its sign-in was not used for long, and ends on %.10s unless it is", m->address, at);
}

static json_t *named(const json_t *counts)
{
    static const char *const names[] = { "accepted", "delivered", "failed", "received" };
    json_t *object = json_object();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_set(object, names[i], json_array_get(counts, i));
    return object;
}

static json_t *hours_of(json_t *traffic)
{
    json_t *hours = json_array(), *counts;
    size_t i;
    json_array_foreach(json_object_get(traffic, "hours"), i, counts) json_array_append_new(hours, named(counts));
    return hours;
}

static void add_traffic(json_t *line, json_t *traffic)
{
    static const char *const same[] = { "queued", "oldest", "recipients_today", "recipients_per_day" };
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        json_object_set(line, same[i], json_object_get(traffic, same[i]));
    json_object_set_new(line, "hours", hours_of(traffic));
    json_object_set_new(line, "totals", named(json_object_get(traffic, "totals")));
    json_object_set_new(
        line, "rate",
        json_pack("{s:O, s:O}", "used", json_object_get(traffic, "used"), "limit", json_object_get(traffic, "limit")));
}

static bool add_mailbox(void *ctx, const void *object)
{
    struct overview *o = ctx;
    const struct mailbox *m = object;
    json_t *grant = found(o, o->grants, m->address), *traffic = found(o, o->traffic, m->address);
    const char *state = mailbox_state(m->is_paused, grant, traffic);
    json_t *line = json_pack("{s:s, s:s, s:o}", "address", m->address, "state", state, "ends", ends_of(o, m, grant));
    if (traffic)
        add_traffic(line, traffic);
    bool needs_person = mailbox_state_needs_person(state);
    json_object_set_new(line, "needs_person", json_boolean(needs_person));
    if (needs_person)
        mailbox_needs(o, m->address, state, grant, traffic);
    else
        idle_needs(o, m, grant);
    json_array_append_new(o->lines, line);
    return true;
}

/* --- the whole --- */

static json_t *away(struct request *r)
{
    static const char *const names[ASKED] = { "parent", "queue", "queue", "queue", "vault", "vault", "inbox" };
    json_t *list = json_array();
    for (size_t i = 0; i < ASKED; i++) {
        bool is_said = i > 0 && r->asks[i - 1].status != 200 && strcmp(names[i], names[i - 1]) == 0;
        if (r->asks[i].status != 200 && !is_said)
            json_array_append_new(list, json_string(names[i]));
    }
    return list;
}

json_t *overview_json(struct request *r)
{
    struct directory *d = r->admin->directory;
    char now[32];
    struct overview o = {
        .request = r,
        .now = loop_wall_ms(r->admin->loop),
        .traffic = ask_index(&r->asks[TRAFFIC], "items", "mailbox"),
        .grants = ask_index(&r->asks[GRANTS], "items", "address"),
        .counts = ask_index(&r->asks[INBOUND], "items", "endpoint"),
        .keys = ask_index(&r->asks[KEYS], "items", "endpoint"),
        .watches = ask_index(&r->asks[WATCHES], "items", "endpoint"),
        .needing = json_array(),
        .lines = json_array(),
        .endpoints = json_array(),
    };
    clock_iso(o.now, now, sizeof now);
    add_queue(&o);
    directory_each(d, OBJECT_MAILBOX, add_mailbox, &o);
    directory_each(d, OBJECT_ENDPOINT, add_endpoint, &o);
    directory_each(d, OBJECT_REGISTRATION, add_registration, &o);
    add_entra(&o);
    add_proxy(&o);
    map_free(o.traffic);
    map_free(o.grants);
    map_free(o.counts);
    map_free(o.keys);
    map_free(o.watches);
    json_t *stats = r->asks[STATS].status == 200 ? r->asks[STATS].json : NULL;
    if (stats)
        json_object_del(stats, "by_mailbox");
    return json_pack("{s:s, s:s, s:o, s:o, s:o, s:O*, s:O*, s:o}", "now", now, "version", POSTERN_VERSION,
                     "needs_person", o.needing, "mailboxes", o.lines, "endpoints", o.endpoints, "queue", stats, "roles",
                     json_object_get(r->asks[ROLES].json, "roles"), "away", away(r));
}

void overview_ask(struct request *r)
{
    request_ask(r, ADMIN_PEER_PARENT, "", json_pack("{s:s}", "verb", "roles"));
    request_ask(r, ADMIN_PEER_QUEUE, "queue.stats", NULL);
    request_ask(r, ADMIN_PEER_QUEUE, "queue.overview", NULL);
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.stats", NULL);
    request_ask(r, ADMIN_PEER_VAULT, "grant.list", NULL);
    request_ask(r, ADMIN_PEER_VAULT, "endpoint.list", NULL);
    request_ask(r, ADMIN_PEER_INBOX, "inbox.state", NULL);
}

static void respond_overview(struct request *r)
{
    respond_json(r, 200, overview_json(r));
}

void overview_get(struct request *r)
{
    overview_ask(r);
    request_then(r, respond_overview);
}
