#include "sandbox/switches.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"

#define VALUE_MAX 4096
#define KEY_MAX 320

/* A value in force, and perhaps one that waits for `propagation` to pass. */
struct setting {
    char *now, *next;
    int64_t due_ms;
    uint64_t uses; /* left; 0: no end */
};

struct switches {
    struct loop *loop;
    struct setting general[SWITCH_COUNT];
    struct map *keyed[SWITCH_COUNT]; /* key -> struct setting, or NULL */
    switches_action_fn *action;
    void *ctx;
};

struct switches *switches_new(struct loop *loop)
{
    struct switches *s = mem_alloc(sizeof *s);
    s->loop = loop;
    for (size_t i = 0; i < SWITCH_COUNT; i++) {
        assert(switch_rows[i].name != NULL);
        s->general[i].now = mem_strdup(switch_rows[i].initial);
    }
    return s;
}

static bool setting_free(void *ctx, const char *key, void *value)
{
    struct setting *v = value;
    free(v->now);
    free(v->next);
    if (ctx != NULL)
        free(v);
    return true;
}

static void forget_keys(struct switches *s, enum switch_id id)
{
    if (s->keyed[id] == NULL)
        return;
    map_each(s->keyed[id], setting_free, s);
    map_free(s->keyed[id]);
    s->keyed[id] = NULL;
}

void switches_free(struct switches *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < SWITCH_COUNT; i++) {
        setting_free(NULL, NULL, &s->general[i]);
        forget_keys(s, (enum switch_id)i);
    }
    free(s);
}

void switches_on_action(struct switches *s, switches_action_fn *fn, void *ctx)
{
    s->action = fn;
    s->ctx = ctx;
}

static const char *setting_now(struct switches *s, struct setting *v)
{
    if (v->next != NULL && loop_wall_ms(s->loop) >= v->due_ms) {
        free(v->now);
        v->now = v->next;
        v->next = NULL;
    }
    return v->now;
}

const char *switches_text(struct switches *s, enum switch_id id)
{
    return setting_now(s, &s->general[id]);
}

bool switches_is(struct switches *s, enum switch_id id, const char *value)
{
    return strcmp(switches_text(s, id), value) == 0;
}

const char *switches_take(struct switches *s, enum switch_id id)
{
    static char used_up[VALUE_MAX];
    struct setting *v = &s->general[id];
    setting_now(s, v);
    if (v->uses == 0 || --v->uses > 0)
        return v->now;
    snprintf(used_up, sizeof used_up, "%s", v->now);
    free(v->now);
    v->now = mem_strdup(switch_rows[id].initial);
    return used_up;
}

/* Values were checked when they were set, so that reading them can't fail. */
static uint64_t to_number(const struct switch_row *row, const char *text)
{
    uint64_t value = 0;
    bool is_good = row->type == SWITCH_DURATION ? text_to_duration(text, &value)
                   : row->type == SWITCH_SIZE   ? text_to_size(text, &value)
                                                : text_to_u64(text, UINT64_MAX, &value);
    assert(is_good);
    return is_good ? value : 0;
}

uint64_t switches_number(struct switches *s, enum switch_id id)
{
    return to_number(&switch_rows[id], switches_text(s, id));
}

/* Keys are addresses, GUIDs and domains: all compare without case. */
static void fold(const char *key, size_t size, char out[KEY_MAX])
{
    size_t i = 0;
    for (; i < size && i < KEY_MAX - 1; i++)
        out[i] = (char)tolower((unsigned char)key[i]);
    out[i] = 0;
}

const char *switches_keyed(struct switches *s, enum switch_id id, const char *key)
{
    assert(switch_rows[id].flags & SWITCH_KEYED);
    char folded[KEY_MAX];
    fold(key, strlen(key), folded);
    struct setting *own = s->keyed[id] != NULL ? map_get(s->keyed[id], folded) : NULL;
    return own != NULL ? setting_now(s, own) : switches_text(s, id);
}

/* Each name of a list "a|b|c" in turn; NULL at its end. `at` starts at the list. */
static bool next_choice(const char **at, char separator, struct bytes *out)
{
    if (**at == 0)
        return false;
    size_t size = strcspn(*at, (char[]){ separator, 0 });
    *out = (struct bytes){ (const uint8_t *)*at, size };
    *at += size + ((*at)[size] != 0);
    return true;
}

static bool is_choice(const char *list, char separator, struct bytes value)
{
    struct bytes choice;
    while (next_choice(&list, separator, &choice)) {
        if (bytes_equal_nocase(choice, value))
            return true;
    }
    return false;
}

static bool are_choices(const char *list, const char *value)
{
    if (strcmp(value, "none") == 0 || strcmp(value, "all") == 0)
        return true;
    struct bytes one;
    while (next_choice(&value, ',', &one)) {
        if (!is_choice(list, ',', one))
            return false;
    }
    return true;
}

static bool is_in_range(const char *range, const char *value)
{
    uint64_t number = 0;
    char *end = NULL;
    unsigned long long low = strtoull(range, &end, 10);
    unsigned long long high = strtoull(end + 2, NULL, 10);
    return text_to_u64(value, UINT64_MAX, &number) && number >= low && number <= high;
}

bool switch_allows(const struct switch_row *row, const char *value, struct fault *why)
{
    uint64_t number;
    bool is_good = strlen(value) < VALUE_MAX;
    switch (row->type) {
    case SWITCH_CHOICE:
        is_good = is_choice(row->values, '|', bytes_of(value));
        break;
    case SWITCH_CHOICES:
        is_good = are_choices(row->values, value);
        break;
    case SWITCH_NUMBER:
        is_good = is_in_range(row->values, value);
        break;
    case SWITCH_DURATION:
        is_good = text_to_duration(value, &number);
        break;
    case SWITCH_SIZE:
        is_good = text_to_size(value, &number);
        break;
    case SWITCH_TEXT:
    case SWITCH_ACTION:
        break;
    }
    if (is_good)
        return true;
    return fault_set(why, FAULT_REJECT, "sandbox.switch-value", "switch %s can't be \"%.60s\"; it takes %s", row->name,
                     value, row->values);
}

static void setting_change(struct switches *s, struct setting *v, enum switch_id id, const char *value, uint64_t uses)
{
    uint64_t wait_s = switch_rows[id].flags & SWITCH_PROPAGATES ? switches_number(s, SWITCH_PROPAGATION) : 0;
    free(v->next);
    v->next = mem_strdup(value);
    v->due_ms = loop_wall_ms(s->loop) + (int64_t)wait_s * 1000;
    v->uses = uses;
    setting_now(s, v);
}

static struct setting *keyed_setting(struct switches *s, enum switch_id id, const char *key, size_t size)
{
    char folded[KEY_MAX];
    fold(key, size, folded);
    if (s->keyed[id] == NULL)
        s->keyed[id] = map_new();
    struct setting *v = map_get(s->keyed[id], folded);
    if (v == NULL) {
        v = mem_alloc(sizeof *v);
        v->now = mem_strdup(switch_rows[id].initial);
        map_put(s->keyed[id], folded, v);
    }
    return v;
}

bool switches_set(struct switches *s, const char *name, const char *value, uint64_t uses, struct fault *why)
{
    enum switch_id id = switches_find(name, why);
    if (id == SWITCH_COUNT)
        return false;
    const struct switch_row *row = &switch_rows[id];
    if (uses > 0 && !(row->flags & SWITCH_COUNTED))
        return fault_set(why, FAULT_REJECT, "sandbox.switch-value",
                         "switch %s can't be set for a number of uses; set it back when it is enough", row->name);
    if (row->type == SWITCH_ACTION)
        return s->action(s->ctx, id, value, uses, why);
    const char *equals = row->flags & SWITCH_KEYED ? strchr(value, '=') : NULL;
    const char *wanted = equals != NULL ? equals + 1 : value;
    if (!switch_allows(row, wanted, why))
        return false;
    if (equals != NULL) {
        setting_change(s, keyed_setting(s, id, value, (size_t)(equals - value)), id, wanted, uses);
        return true;
    }
    forget_keys(s, id);
    setting_change(s, &s->general[id], id, wanted, uses);
    return true;
}

void switches_reset(struct switches *s)
{
    for (size_t i = 0; i < SWITCH_COUNT; i++) {
        setting_free(NULL, NULL, &s->general[i]);
        s->general[i] = (struct setting){ .now = mem_strdup(switch_rows[i].initial) };
        forget_keys(s, (enum switch_id)i);
    }
}

static size_t edit_distance(const char *a, const char *b)
{
    size_t row[64];
    size_t b_size = strlen(b);
    if (b_size >= 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1] != 0; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t replace = corner + (a[i - 1] != b[j - 1]);
            size_t shorter = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            corner = row[j];
            row[j] = replace < shorter ? replace : shorter;
        }
    }
    return row[b_size];
}

static bool comes_near(const char *name, const char *typed)
{
    return strstr(name, typed) != NULL || strstr(typed, name) != NULL ||
           edit_distance(typed, name) <= 2 + strlen(name) / 6;
}

enum switch_id switches_find(const char *name, struct fault *why)
{
    char near[160] = "";
    size_t used = 0;
    for (size_t i = 0; i < SWITCH_COUNT; i++) {
        if (strcmp(switch_rows[i].name, name) == 0)
            return (enum switch_id)i;
        if (*name != 0 && used < sizeof near - 40 && comes_near(switch_rows[i].name, name))
            used += (size_t)snprintf(near + used, sizeof near - used, "%s%s", used > 0 ? ", " : "",
                                     switch_rows[i].name);
    }
    fault_set(why, FAULT_REJECT, "sandbox.switch-name",
              "there is no switch \"%.60s\"%s%s; `postern sandbox set --list` shows all", name,
              used > 0 ? "; near it: " : "", near);
    return SWITCH_COUNT;
}

struct key_list {
    struct switches *switches;
    json_t *keys;
};

static bool add_key(void *ctx, const char *key, void *value)
{
    struct key_list *list = ctx;
    json_object_set_new(list->keys, key, json_string(setting_now(list->switches, value)));
    return true;
}

json_t *switches_json(struct switches *s, enum switch_id id)
{
    const struct switch_row *row = &switch_rows[id];
    struct setting *v = &s->general[id];
    json_t *json = json_pack("{s:s, s:s, s:s, s:s, s:s}", "name", row->name, "value", setting_now(s, v), "initial",
                             row->initial, "values", row->values, "text", row->text);
    if (row->flags & SWITCH_KEYED) {
        struct key_list list = { s, json_object() };
        if (s->keyed[id] != NULL)
            map_each(s->keyed[id], add_key, &list);
        json_object_set_new(json, "keys", list.keys);
    }
    if (v->uses > 0)
        json_object_set_new(json, "uses", json_integer((json_int_t)v->uses));
    if (v->next != NULL)
        json_object_set_new(json, "pending", json_string(v->next));
    return json;
}
