/* token/state.c - does a mailbox need a person? Said to the queue at each change, and shown to people. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "doctor/finding.h"
#include "token/tokens_private.h"

struct said {
    bool needs_person;
    char id[FAULT_ID_SIZE];
};

bool mailbox_needs_person(struct tokens *t, const struct mailbox *m, struct fault *why)
{
    fault_clear(why);
    if (m->grant == OBJECT_GRANT_NONE)
        return false;
    if (m->grant == OBJECT_GRANT_BASIC)
        return !map_get(t->passwords, m->address) &&
               !fault_set(why, FAULT_HOLD, "mailbox.password-missing", "no password is stored for %s", m->address);
    const struct grant *g = grant_of(t, m);
    if (!g->is_app && !g->refresh)
        return !fault_set(why, FAULT_HOLD, "grant.missing", "nobody has signed in for %s yet", m->address);
    if (g->needs_person)
        *why = g->problem;
    return g->needs_person;
}

static void tell_people(const struct mailbox *m, bool needs_person, const struct fault *why)
{
    if (!needs_person)
        log_info("grant.ok", LOG_TEXT("mailbox", m->address));
    else if (text_equal(why->id, "grant.missing") || text_equal(why->id, "mailbox.password-missing"))
        log_warn("grant.needs-person", LOG_TEXT("mailbox", m->address), LOG_FAULT(why)); /* it was only just set up */
    else
        log_error("grant.needs-person", LOG_TEXT("mailbox", m->address), LOG_FAULT(why));
}

static void report(struct tokens *t, const struct mailbox *m, bool only_changes)
{
    struct fault why;
    bool needs_person = mailbox_needs_person(t, m, &why);
    struct said *before = map_get(t->said, m->address);
    bool is_new = !before, is_changed = is_new ? needs_person : before->needs_person != needs_person;
    bool is_other = !is_new && !text_equal(before->id, why.id);
    if (is_new) {
        before = mem_alloc(sizeof *before);
        map_put(t->said, m->address, before);
    }
    before->needs_person = needs_person;
    snprintf(before->id, sizeof before->id, "%s", why.id);
    if (is_changed || (needs_person && is_other))
        tell_people(m, needs_person, &why);
    if (is_new || is_changed || is_other || !only_changes)
        t->parts.state(t->parts.ctx, m->address, needs_person, needs_person ? &why : NULL);
}

void state_changed(struct tokens *t, const struct mailbox *m)
{
    report(t, m, true);
}

struct each {
    struct tokens *t;
    const char *registration; /* NULL: all */
    bool only_changes;
};

static bool report_each(void *ctx, const void *object)
{
    const struct each *e = ctx;
    const struct mailbox *m = object;
    if (!e->registration || (m->grant == OBJECT_GRANT_APP && text_equal_nocase(m->registration, e->registration)))
        report(e->t, m, e->only_changes);
    return true;
}

void state_changed_of_grant(struct grant *g)
{
    const struct mailbox *m = g->is_app ? NULL : directory_mailbox(g->home->parts.directory, g->name);
    if (m)
        report(g->home, m, true);
    else if (g->is_app)
        directory_each(g->home->parts.directory, OBJECT_MAILBOX, report_each, &(struct each){ g->home, g->name, true });
}

void tokens_report(struct tokens *t)
{
    t->is_settled = true;
    directory_each(t->parts.directory, OBJECT_MAILBOX, report_each, &(struct each){ t, NULL, false });
}

void state_forget(struct tokens *t, const char *address)
{
    free(map_remove(t->said, address));
}

struct touched {
    struct tokens *t;
    enum object_kind kind;
    const char *key;
};

/* What a refusal depended on has changed: one try at once, for everybody who waits for it, instead of after the pause. */
static void give_another_chance(struct grant *g, const struct subject *s)
{
    const char *permission = grant_home(g, s);
    grant_drop_access(g);
    if (!g->home->is_settled || !grant_may_be_mended(g) || !(g->refresh || g->is_app) || permission[0] == '\0')
        return;
    struct access *a = grant_access(g, permission);
    if (a)
        flight_want(g, a);
}

static bool touch_grant(void *ctx, const char *key, void *value)
{
    const struct touched *change = ctx;
    struct grant *g = value;
    struct subject s;
    if (!subject_of_grant(g, &s, NULL))
        return true;
    bool is_touched = (change->kind == OBJECT_REGISTRATION && text_equal_nocase(s.registration->name, change->key)) ||
                      (change->kind == OBJECT_PROVIDER && text_equal_nocase(s.provider->name, change->key)) ||
                      (change->kind == OBJECT_MAILBOX && !g->is_app && text_equal_nocase(g->name, change->key));
    if (is_touched)
        give_another_chance(g, &s);
    return true;
}

void tokens_object_changed(struct tokens *t, enum object_kind kind, const char *key)
{
    if (kind == OBJECT_PROVIDER)
        subject_forget_files(t);
    if (kind != OBJECT_APP)
        map_each(t->grants, touch_grant, &(struct touched){ t, kind, key });
    if (kind != OBJECT_MAILBOX)
        return;
    const struct mailbox *m = directory_mailbox(t->parts.directory, key);
    if (m)
        report(t, m, true);
    else
        state_forget(t, key);
}

void tokens_secret_changed(struct tokens *t, const char *registration)
{
    map_each(t->grants, touch_grant, &(struct touched){ t, OBJECT_REGISTRATION, registration });
}

void tokens_password_changed(struct tokens *t, const char *mailbox)
{
    const struct mailbox *m = directory_mailbox(t->parts.directory, mailbox);
    map_put(t->passwords, m ? m->address : mailbox, t);
    if (m)
        report(t, m, true);
}

bool tokens_forget(struct tokens *t, const char *mailbox, struct fault *why)
{
    struct grant *g = grant_find(t, false, mailbox);
    if (!vault_remove(t->parts.vault, VAULT_GRANT, mailbox, why) ||
        !vault_remove(t->parts.vault, VAULT_MAILBOX_PASSWORD, mailbox, why))
        return false;
    map_remove(t->passwords, mailbox);
    trouble_forget(t, mailbox); /* of another mailbox, should the address come again */
    if (g)
        grant_drop_sign_in(g);
    const struct mailbox *m = directory_mailbox(t->parts.directory, mailbox);
    if (m)
        report(t, m, true);
    return true;
}

static void set_time(json_t *json, const char *key, int64_t wall_ms)
{
    char text[32];
    if (wall_ms <= 0)
        return;
    clock_iso(wall_ms, text, sizeof text);
    json_object_set_new(json, key, json_string(text));
}

static json_t *findings_of(struct tokens *t, const struct mailbox *m, const struct fault *why)
{
    const struct registration *r = directory_registration(t->parts.directory, m->registration);
    struct finding_facts facts = { .mailbox = m->address,
                                   .tenant = r ? r->tenant : NULL,
                                   .client_id = r ? r->client_id : NULL };
    json_t *list = json_array();
    json_array_append_new(list, finding_json_of_fault(why, &facts));
    return list;
}

static void add_error(json_t *json, const struct fault *why, int64_t wall_ms)
{
    json_t *error = json_pack("{s:s, s:s}", "id", why->id, "text", why->text);
    set_time(error, "at", wall_ms);
    json_object_set_new(json, "last_error", error);
}

static void add_grant(json_t *json, const struct grant *g)
{
    int64_t expires_ms = 0;
    for (size_t i = 0; i < g->access_count; i++) {
        if (access_is_good(g, &g->access[i]) && g->access[i].expires_wall_ms > expires_ms)
            expires_ms = g->access[i].expires_wall_ms;
    }
    json_object_set_new(json, "user", json_string(g->user));
    json_object_set_new(json, "scopes", json_string(g->scopes));
    set_time(json, "since", g->since_ms);
    set_time(json, "access_expires", expires_ms);
    set_time(json, "refresh_used", g->refresh ? g->used_ms : 0);
    set_time(json, "refresh_ends", g->refresh && g->used_ms > 0 ? g->used_ms + REFRESH_IDLE_MS : 0);
    if (g->problem.kind != FAULT_NONE)
        add_error(json, &g->problem, g->problem_ms);
}

json_t *tokens_grant_json(struct tokens *t, const char *mailbox)
{
    const struct mailbox *m = directory_mailbox(t->parts.directory, mailbox);
    if (!m)
        return NULL;
    struct fault why;
    bool needs_person = mailbox_needs_person(t, m, &why);
    bool is_missing = text_equal(why.id, "grant.missing");
    const struct trouble *trouble = needs_person ? NULL : trouble_of(t, m);
    const char *state = trouble ? "unreadable" : !needs_person ? "ok" : !is_missing ? "needs-person" : "none";
    if (is_missing && authorization_is_pending(t, m->address))
        state = "pending";
    json_t *json = json_pack("{s:s, s:s}", "address", m->address, "state", state);
    const struct grant *g = grant_of(t, m);
    if (g)
        add_grant(json, g);
    if (trouble)
        add_error(json, &trouble->why, trouble->since_ms);
    const struct fault *worst = needs_person ? &why : trouble ? &trouble->why : NULL;
    json_object_set_new(json, "findings", worst ? findings_of(t, m, worst) : json_array());
    return json;
}
