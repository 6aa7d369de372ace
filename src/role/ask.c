/* role/ask.c - what the admin role asks: which roles run, and to reload. */
#include <jansson.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/text.h"
#include "role/parent.h"

#define MISTAKES_MAX 16384

static json_t *role_json(const struct child *c)
{
    char since[32];
    clock_iso(c->since_wall_ms, since, sizeof since);
    return json_pack("{s:s, s:i, s:i, s:s, s:i, s:s}", "role", c->hooks->name, "index", (int)c->index, "pid",
                     (int)c->pid, "state", child_state_name(c->state), "restarts", (int)c->restarts, "since", since);
}

static json_t *roles_json(const struct parent *p)
{
    json_t *list = json_array();
    for (const struct child *c = p->children; c < p->children + p->children_count; c++)
        json_array_append_new(list, role_json(c));
    return json_pack("{s:o}", "roles", list);
}

static json_t *refusal(const char *title, const char *detail)
{
    return json_pack("{s:s, s:s, s:[]}", "title", title, "detail", detail, "findings");
}

static json_t *reload_json(struct parent *p)
{
    struct fault why;
    struct buf mistakes;
    buf_init(&mistakes, MISTAKES_MAX);
    json_t *answer = reload(p, &mistakes, &why) ? json_object()
                                                : refusal("The configuration was not taken; the old one stays in force",
                                                          mistakes.size > 0 ? buf_str(&mistakes) : why.text);
    buf_fini(&mistakes);
    return answer;
}

static json_t *answer_to(struct parent *p, const char *verb)
{
    if (text_equal(verb, "roles"))
        return roles_json(p);
    if (text_equal(verb, "reload"))
        return reload_json(p);
    return refusal("The parent does not know this request", verb ? verb : "");
}

void ask_heard(struct child *c, const struct parent_text *m)
{
    if (c->hooks->kind != ROLE_ADMIN)
        return;
    json_t *ask = json_loads(m->text, 0, NULL);
    json_t *answer = answer_to(c->parent, json_string_value(json_object_get(ask, "verb")));
    char *text = json_dumps(answer, JSON_COMPACT);
    channel_send(c->control, PARENT_ANSWER, &(struct parent_text){ .tag = m->tag, .text = text });
    free(text);
    json_decref(answer);
    json_decref(ask);
}
