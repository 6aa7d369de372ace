/* Who changed what, for people: a line in the transaction of the change, and the verbs that show and add lines. Objects hold no
 * secrets, so the values of their fields may stand there; of the vault's matters only that they were done. */
#include "store/audit.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "queue/queue_private.h"

enum { IDS_NAMED = 100, LIMIT_USUAL = 50, LIMIT_MOST = 500, CHANGES_MOST = 16384, NAME_MOST = 320 };

/* What the admin role says of who asks; another role's text is cut and cleaned. */
static const char *who_text(const struct ask *a, struct arena *arena, const char *key)
{
    const char *text = json_string_value(json_object_get(json_object_get(a->in, "who"), key));
    char *out = arena_alloc(arena, NAME_MOST + 1);
    text_sanitize(bytes_of(text ? text : ""), out, NAME_MOST);
    return out;
}

bool audit_write(struct ask *a, const struct audit_note *note, struct fault *why)
{
    struct arena *arena = arena_new();
    char *changes = note->changes ? json_dumps(note->changes, JSON_COMPACT) : NULL;
    if (changes && strlen(changes) > CHANGES_MOST) {
        free(changes);
        changes = NULL; /* half a JSON text is none */
    }
    struct store_audit line = { .time = queue_now(a->q),
                                .who_kind = who_text(a, arena, "kind"),
                                .who = who_text(a, arena, "name"),
                                .host = who_text(a, arena, "host"),
                                .action = note->action,
                                .kind = note->kind,
                                .key = note->key,
                                .changes = changes ? changes : "{}" };
    /* What nobody asked for (a test, the daemon itself) has no author. */
    bool ok = !line.who_kind[0] || store_audit_add(a->q->store, &line, why);
    free(changes);
    arena_free(arena);
    return ok;
}

/* Of a group only what differs in it, as "limits.connections": nobody finds it in the whole. */
static void add_differences(json_t *changes, const char *group, const json_t *before, const json_t *after)
{
    const json_t *from = after ? after : before;
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)from, name, value)
    {
        json_t *old = before ? json_object_get(before, name) : NULL, *new = after ? value : NULL;
        char *full = mem_printf("%s%s%s", group, *group ? "." : "", name);
        if (json_is_object(old) && json_is_object(new))
            add_differences(changes, full, old, new);
        else if (!old || !new || !json_equal(old, new))
            json_object_set_new(changes, full, json_pack("[O?, O?]", old, new));
        free(full);
    }
}

json_t *audit_difference(const json_t *before, const json_t *after)
{
    json_t *changes = json_object();
    add_differences(changes, "", before, after);
    return changes;
}

bool audit_write_ids(struct ask *a, const char *action, const char *kind, const json_t *done, struct fault *why)
{
    size_t count = json_array_size(done);
    if (count == 0)
        return true;
    json_t *ids = json_array(), *changes = json_pack("{s:o, s:I}", "ids", ids, "count", (json_int_t)count);
    for (size_t i = 0; i < count && i < IDS_NAMED; i++)
        json_array_append(ids, json_array_get(done, i));
    const char *key = count == 1 ? json_string_value(json_array_get(done, 0)) : "";
    struct audit_note note = { action, kind, key, changes };
    bool ok = store_begin(a->q->store, why) && audit_write(a, &note, why);
    json_decref(changes);
    return ok;
}

/* ---- the verbs ---- */

bool ask_audit_add(struct ask *a, struct fault *why)
{
    const char *action = ask_text(a, "action"), *kind = ask_text(a, "kind"), *key = ask_text(a, "key");
    struct audit_note note = { action, kind, key, json_object_get(a->in, "changes") };
    if (!*action || strlen(action) > 64 || strlen(kind) > 64 || strlen(key) > NAME_MOST) {
        a->status = 400;
        return fault_set(why, FAULT_REJECT, "api.json", "the line lacks an action, or is too long");
    }
    bool ok = store_begin(a->q->store, why) && audit_write(a, &note, why) && store_commit(a->q->store, why);
    if (!ok)
        store_rollback(a->q->store);
    a->out = json_object();
    return ok;
}

struct listing {
    json_t *items;
    uint64_t last;
};

static void list_one(void *ctx, const struct store_audit *l)
{
    struct listing *list = ctx;
    json_t *changes = json_loads(l->changes, 0, NULL);
    json_array_append_new(list->items, json_pack("{s:I, s:o, s:{s:o, s:o, s:o}, s:s, s:s, s:o, s:o}", "id",
                                                 (json_int_t)l->id, "time", ask_time_json(l->time), "who", "kind",
                                                 ask_text_json(l->who_kind), "name", ask_text_json(l->who), "host",
                                                 ask_text_json(l->host), "action", l->action, "kind", l->kind, "key",
                                                 ask_text_json(l->key), "changes", changes ? changes : json_object()));
    list->last = l->id;
}

static bool read_filter(struct ask *a, struct store_audit_filter *f, struct fault *why)
{
    const char *since = ask_text(a, "since"), *limit = ask_text(a, "limit"), *cursor = ask_text(a, "cursor");
    uint64_t number = LIMIT_USUAL;
    *f = (struct store_audit_filter){ .who = ask_text(a, "who_name"),
                                      .kind = ask_text(a, "kind"),
                                      .key = ask_text(a, "key") };
    a->status = 400;
    if (*since && !clock_parse(since, &f->since))
        return fault_set(why, FAULT_REJECT, "api.address", "since must be a time as in 2026-11-21T09:15:00Z");
    if (*limit && (!text_to_u64(limit, LIMIT_MOST, &number) || number == 0))
        return fault_set(why, FAULT_REJECT, "api.address", "limit must be a number from 1 to %d", LIMIT_MOST);
    if (*cursor && !text_to_u64(cursor, INT64_MAX, &f->before))
        return fault_set(why, FAULT_REJECT, "api.address", "cursor must be the \"next\" of an earlier answer");
    f->limit = (uint32_t)number;
    a->status = 0;
    return true;
}

bool ask_audit_list(struct ask *a, struct fault *why)
{
    struct store_audit_filter f;
    struct listing l = { .items = json_array() };
    char next[24];
    bool ok = read_filter(a, &f, why) && store_audit_list(a->q->store, &f, list_one, &l, why);
    snprintf(next, sizeof next, "%llu", (unsigned long long)l.last);
    bool is_more = ok && json_array_size(l.items) == f.limit;
    a->out = json_pack("{s:o, s:s?}", "items", l.items, "next", is_more ? next : NULL);
    return ok;
}
