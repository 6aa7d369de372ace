/* What Postern knows of itself: the fields of its objects, the settings as they stand, and what a finding means. Forms and pages
 * are made from it, so that they say what parser and manual say. */
#include <stdlib.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"
#include "doctor/finding.h"

static bool add_field(void *ctx, const struct object_field *f)
{
    json_t *line = json_pack("{s:s, s:s, s:s, s:b, s:b, s:s}", "key", f->key, "type", f->type, "range", f->range,
                             "is_required", (int)f->is_required, "is_read_only", (int)f->is_read_only, "help", f->help);
    return json_array_append_new(ctx, line) == 0;
}

void fields_get(struct request *r)
{
    json_t *kinds = json_object();
    for (unsigned kind = 0; kind < OBJECT_KINDS; kind++) {
        json_t *fields = json_array();
        object_each_field((enum object_kind)kind, add_field, fields);
        json_object_set_new(kinds, object_kind_name((enum object_kind)kind), fields);
    }
    respond_json(r, 200, kinds);
}

/* A proxy's or a database's address may hold a password: "http://user:secret@host". */
static json_t *without_password(struct request *r, json_t *value)
{
    const char *text = json_string_value(value), *start = text ? strstr(text, "://") : NULL;
    const char *at = start ? strrchr(start, '@') : NULL;
    if (!at)
        return json_incref(value);
    return json_string(arena_printf(r->arena, "%.*s://(hidden)%s", (int)(start - text), text, at));
}

static json_t *value_at(json_t *root, const char *name)
{
    const char *dot = strchr(name, '.');
    if (!dot)
        return json_object_get(root, name);
    return json_object_get(json_object_getn(root, name, (size_t)(dot - name)), dot + 1);
}

void config_get(struct request *r)
{
    json_t *all = conf_to_json(r->admin->conf), *settings = json_array();
    struct conf_setting s;
    for (size_t i = 0; conf_setting_at(i, &s); i++) {
        json_t *value = value_at(all, s.name);
        if (!value)
            continue; /* of a listener: those are shown one by one */
        json_array_append_new(settings, json_pack("{s:s, s:s, s:s, s:s, s:o, s:b, s:s}", "name", s.name, "type", s.type,
                                                  "range", s.range, "initial", s.initial ? s.initial : "", "value",
                                                  without_password(r, value), "is_reloadable", (int)s.is_reloadable,
                                                  "text", s.text));
    }
    json_t *answer = json_pack("{s:s, s:o, s:O}", "file", r->admin->conf->file ? r->admin->conf->file : "", "settings",
                               settings, "listeners", json_object_get(all, "listeners"));
    json_decref(all);
    respond_json(r, 200, answer);
}

/* With the values of the mailbox, or the registration, that it is about put into its steps. */
void finding_get(struct request *r)
{
    const struct finding *f = finding_by_id(r->params[0]);
    if (!f) {
        respond_finding(r, 404, "api.unknown", "no finding has the id %.80s", r->params[0]);
        return;
    }
    struct finding_facts facts = { .mailbox = request_query(r, "mailbox"),
                                   .app = request_query(r, "app"),
                                   .endpoint = request_query(r, "endpoint") };
    const struct mailbox *m = facts.mailbox ? directory_mailbox(r->admin->directory, facts.mailbox) : NULL;
    const char *name = m ? m->registration : request_query(r, "registration");
    const struct registration *reg = name ? directory_registration(r->admin->directory, name) : NULL;
    if (reg) {
        facts.tenant = reg->tenant;
        facts.client_id = reg->client_id;
    }
    const char *seen = request_query(r, "seen");
    respond_json(r, 200, finding_json(f, seen ? seen : "", &facts));
}

/* Every refusal that Postern can explain, once each. */
void findings_get(struct request *r)
{
    json_t *items = json_array();
    for (size_t i = 0; i < finding_count(); i++) {
        const struct finding *f = finding_at(i);
        if (finding_by_id(f->id) == f)
            json_array_append_new(items, finding_json(f, "", NULL));
    }
    respond_json(r, 200, json_pack("{s:o}", "items", items));
}

/* Where apps reach Postern: as it was opened, so that a port of 0 is the one that was given. */
void listeners_get(struct request *r)
{
    const struct conf *conf = r->admin->conf;
    json_t *opened = json_load_file(arena_printf(r->arena, "%s/listeners.json", conf->state), 0, NULL);
    json_t *items = json_object_get(opened, "listeners");
    char *console = conf_console_url(conf, r->admin->bound), *callback = authorize_callback_url(r->admin);
    json_t *answer = json_pack("{s:s, s:s, s:s, s:O?}", "hostname", conf->hostname, "console", console, "callback",
                               callback, "items", items);
    if (!items)
        json_object_set_new(answer, "items", json_array());
    free(console);
    free(callback);
    json_decref(opened);
    respond_json(r, 200, answer);
}
