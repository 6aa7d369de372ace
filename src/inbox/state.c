/* inbox/state.c - "inbox.state": how each endpoint's folder is doing, for people. */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "inbox/inbox_private.h"

static const char *state_of(const struct desk *d, const struct endpoint *e, const struct watcher *w)
{
    static const char *const names[] = {
        [WATCHER_RESTING] = "waiting", [WATCHER_QUEUING] = "queuing", [WATCHER_CONNECTING] = "connecting",
        [WATCHER_WORKING] = "working", [WATCHER_OPEN] = "waiting",    [WATCHER_IDLING] = "idle",
    };
    const struct mailbox *m = directory_mailbox(d->inbox->directory, e->mailbox);

    if (e->is_paused || (m && m->is_paused))
        return "paused";
    if (!w)
        return "unwatched";
    if (w->needs_person)
        return "needs-person";
    if (w->failures > 0)
        return "failing";
    /* An endpoint that joins others at a folder waits for the next look: until then new mail is not yet its own. */
    bool has_begun = d->place && d->place->m.began_ms != 0;
    return names[w->state == WATCHER_IDLING && !has_begun ? WATCHER_WORKING : w->state];
}

static void set_time(json_t *j, const char *key, int64_t ms)
{
    char text[32];

    if (ms == 0)
        return;
    clock_iso(ms, text, sizeof text);
    json_object_set_new(j, key, json_string(text));
}

json_t *state_finding(const struct inbox *i, const struct watcher *w)
{
    const struct finding *f = finding_by_id(w->finding);
    const struct mailbox *m = directory_mailbox(i->directory, w->mailbox);
    const struct registration *reg = m ? directory_registration(i->directory, m->registration) : NULL;
    const struct finding_facts facts = { .mailbox = w->mailbox,
                                         .tenant = reg ? reg->tenant : NULL,
                                         .client_id = reg ? reg->client_id : NULL };

    return f ? finding_json(f, w->text, &facts) : NULL;
}

static void set_trouble(json_t *j, const struct inbox *i, const struct watcher *w)
{
    json_t *finding = w->failures > 0 ? state_finding(i, w) : NULL;

    if (w->failures > 0)
        json_object_set_new(j, "text", json_string(w->text));
    if (finding)
        json_object_set_new(j, "finding", finding);
}

static unsigned count(const struct desk *d, enum inbox_state state)
{
    unsigned n = 0;

    LIST_EACH (node, &d->items)
        n += LIST_OF(node, struct item, node)->m.state == state;
    return n;
}

static json_t *desk_json(const struct desk *d, const struct endpoint *e)
{
    const struct watcher *w = d->watcher;
    json_t *j = json_pack("{s:s, s:s, s:s, s:s, s:i, s:i, s:i, s:i, s:i}", "endpoint", e->name, "mailbox", e->mailbox,
                          "folder", w ? w->folder : e->folder, "state", state_of(d, e, w), "waiting",
                          (int)count(d, INBOX_WAITING), "parked", (int)count(d, INBOX_PARKED), "to_put_away",
                          (int)count(d, INBOX_HANDED), "in_hand", (int)d->hands, "failures", (int)d->failures);

    set_time(j, "last_handed", d->last_handed_ms);
    json_object_set_new(j, "needs_person", json_boolean(w && w->needs_person));
    if (!w)
        return j;
    json_object_set_new(j, "protocol", json_string(w->protocol == OBJECT_IMAP ? "imap" : "pop3"));
    set_time(j, "since", w->since_ms);
    set_time(j, "last_look", w->looked_ms);
    set_time(j, "next_look", w->next_look_ms);
    set_trouble(j, d->inbox, w);
    return j;
}

static bool add(void *ctx, const char *key, void *value)
{
    const struct desk *d = value;
    const struct endpoint *e = desk_object(d);

    if (e)
        json_array_append_new(ctx, desk_json(d, e));
    return true;
}

void state_answer(struct inbox *i, const struct admin_ask *ask)
{
    json_t *items = json_array();
    map_each(i->desks, add, items);
    json_t *j = json_pack("{s:o}", "items", items);
    char *text = json_dumps(j, JSON_COMPACT);
    const struct admin_answer m = { .tag = ask->tag, .status = 200, .json = text, .fd = -1 };

    i->host.answer(i->ctx, &m);
    free(text);
    json_decref(j);
}
