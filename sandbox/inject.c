#include "sandbox/inject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/list.h"
#include "base/text.h"

struct row {
    struct list node;
    char step[16], word[128];
    struct injection does;
    uint64_t uses; /* 0: without end */
    char text[640];
};

struct injections {
    const struct inject_rules *rules;
    struct list rows;
};

struct injections *injections_new(const struct inject_rules *rules)
{
    struct injections *j = mem_alloc(sizeof *j);
    j->rules = rules;
    list_init(&j->rows);
    return j;
}

static void clear(struct injections *j)
{
    for (struct list *node; (node = list_pop(&j->rows)) != NULL;)
        free(LIST_OF(node, struct row, node));
}

void injections_free(struct injections *j)
{
    if (j == NULL)
        return;
    clear(j);
    free(j);
}

static bool is_step(const struct inject_rules *rules, const char *name)
{
    for (const char *const *step = rules->steps; *step != NULL; step++) {
        if (strcmp(*step, name) == 0)
            return true;
    }
    return false;
}

static bool refuse_step(const struct inject_rules *rules, const char *name, struct fault *why)
{
    char names[400] = "";
    size_t used = 0;
    for (const char *const *step = rules->steps; *step != NULL && used < sizeof names - 24; step++)
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "", *step);
    return fault_set(why, FAULT_REJECT, "sandbox.inject", "\"%s\" is no step; the steps are %s", name, names);
}

/* The part before '=': a step, and perhaps a word that its line must hold. */
static bool parse_step(const struct inject_rules *rules, struct row *r, struct bytes text, struct fault *why)
{
    size_t colon = bytes_find(text, BYTES_LIT(":"));
    size_t step_size = colon != SIZE_MAX ? colon : text.size;
    snprintf(r->step, sizeof r->step, "%.*s", (int)step_size, (const char *)text.data);
    if (colon != SIZE_MAX)
        snprintf(r->word, sizeof r->word, "%.*s", (int)(text.size - colon - 1), (const char *)text.data + colon + 1);
    return is_step(rules, r->step) || refuse_step(rules, r->step, why);
}

static bool parse_action(const struct inject_rules *rules, struct injection *does, const char *text, struct fault *why)
{
    uint64_t ms = 0;
    if (strcmp(text, "drop") == 0)
        does->what = INJECT_DROP;
    else if (strcmp(text, "drop-after") == 0)
        does->what = INJECT_DROP_AFTER;
    else if (strcmp(text, "stall") == 0)
        does->what = INJECT_STALL;
    else if (strncmp(text, "slow:", 5) == 0 && text_to_u64(text + 5, 3600000, &ms))
        does->what = INJECT_SLOW;
    else if (strncmp(text, "cut:", 4) == 0 && text_to_u64(text + 4, UINT64_MAX, &does->bytes))
        does->what = INJECT_CUT;
    else if (rules->is_reply(text) && strlen(text) < sizeof does->reply && strpbrk(text, "\r\n") == NULL)
        does->what = INJECT_REPLY;
    else
        return fault_set(why, FAULT_REJECT, "sandbox.inject",
                         "\"%.80s\" is none of: a reply line such as \"%s\", drop, drop-after, stall, "
                         "slow:MILLISECONDS, cut:OCTETS",
                         text, rules->example);
    does->delay_ms = (int64_t)ms;
    if (does->what == INJECT_REPLY)
        snprintf(does->reply, sizeof does->reply, "%s", text);
    return true;
}

bool injections_add(struct injections *j, const char *text, uint64_t uses, struct fault *why)
{
    if (strcmp(text, "off") == 0 || strcmp(text, "none") == 0) {
        clear(j);
        return true;
    }
    const char *equals = strchr(text, '=');
    if (equals == NULL)
        return fault_set(why, FAULT_REJECT, "sandbox.inject", "an injection reads STEP=REPLY, or off");
    struct row *r = mem_alloc(sizeof *r);
    r->uses = uses;
    snprintf(r->text, sizeof r->text, "%s", text);
    if (!parse_step(j->rules, r, (struct bytes){ (const uint8_t *)text, (size_t)(equals - text) }, why) ||
        !parse_action(j->rules, &r->does, equals + 1, why)) {
        free(r);
        return false;
    }
    list_append(&j->rows, &r->node);
    return true;
}

static bool holds_word(struct bytes line, const char *word)
{
    struct bytes needle = bytes_of(word);
    for (size_t at = 0; at + needle.size <= line.size; at++) {
        if (bytes_equal_nocase(bytes_slice(line, at, at + needle.size), needle))
            return true;
    }
    return false;
}

struct injection injections_take(struct injections *j, const char *step, struct bytes line)
{
    LIST_EACH (at, &j->rows) {
        struct row *r = LIST_OF(at, struct row, node);
        if (strcmp(r->step, step) != 0 || !holds_word(line, r->word))
            continue;
        struct injection does = r->does;
        if (r->uses > 0 && --r->uses == 0) {
            list_remove(&r->node);
            free(r);
        }
        return does;
    }
    return (struct injection){ .what = INJECT_NOTHING };
}

json_t *injections_json(const struct injections *j)
{
    json_t *list = json_array();
    LIST_EACH (at, &j->rows) {
        const struct row *r = LIST_OF(at, struct row, node);
        json_array_append_new(list, json_pack("{s:s, s:I}", "value", r->text, "uses", (json_int_t)r->uses));
    }
    return list;
}
