/* cli/option.c - the one parser of options. */
#include "cli/option.h"

#include <string.h>

#include "base/nearest.h"
#include "base/text.h"

struct parse {
    const struct option_row *const *tables;
    struct arena *arena;
    struct options *out;
    size_t operands_most;
    const struct option_row *open_list; /* words may go on filling it */
    struct fault *why;
};

static const struct option_row *find(const struct parse *p, const char *name, size_t size)
{
    for (const struct option_row *const *table = p->tables; *table; table++) {
        for (const struct option_row *row = *table; row->name; row++) {
            if (strlen(row->name) == size && memcmp(row->name, name, size) == 0)
                return row;
        }
    }
    return NULL;
}

static const struct option_row *find_letter(const struct parse *p, char letter)
{
    for (const struct option_row *const *table = p->tables; *table; table++) {
        for (const struct option_row *row = *table; row->name; row++) {
            if (row->letter && row->letter == letter)
                return row;
        }
    }
    return NULL;
}

static bool refuse_unknown(struct parse *p, const char *word)
{
    struct nearest near;
    char *name = arena_strndup(p->arena, word + 2, strcspn(word + 2, "="));
    nearest_init(&near, name);
    for (const struct option_row *const *table = p->tables; *table; table++) {
        for (const struct option_row *row = *table; row->name; row++)
            nearest_offer(&near, row->name);
    }
    if (near.best)
        return fault_set(p->why, FAULT_REJECT, "", "there is no option --%s; did you mean --%s?", name, near.best);
    return fault_set(p->why, FAULT_REJECT, "", "there is no option --%s", name);
}

static void add(struct parse *p, const struct option_row *row, const char *text, bool is_off)
{
    p->out->values[p->out->count++] = (struct option_value){ row, text, is_off };
}

/* Every part takes a slot; options_parse() made room for as many as there are octets that could separate them. */
static void add_value(struct parse *p, const struct option_row *row, const char *text)
{
    bool is_list = row->type == OPTION_LIST;
    p->open_list = is_list || row->type == OPTION_TEXTS ? row : NULL;
    if (!is_list || !strchr(text, ',')) {
        add(p, row, text, false);
        return;
    }
    for (const char *at = text; *at;) {
        size_t size = strcspn(at, ",");
        if (size)
            add(p, row, arena_strndup(p->arena, at, size), false);
        at += size + (at[size] == ',');
    }
}

/* One option at argv[*i]; moves *i on when it takes the next word too. */
static bool take_named(struct parse *p, const struct option_row *row, const char *inline_value, int argc, char **argv,
                       int *i)
{
    p->open_list = NULL;
    if (row->type == OPTION_FLAG) {
        if (inline_value)
            return fault_set(p->why, FAULT_REJECT, "", "--%s takes no value", row->name);
        add(p, row, NULL, false);
        return true;
    }
    if (!inline_value && *i + 1 >= argc)
        return fault_set(p->why, FAULT_REJECT, "", "--%s needs a value: %s", row->name, row->value);
    add_value(p, row, inline_value ? inline_value : argv[++*i]);
    return true;
}

static bool take_long(struct parse *p, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    size_t size = strcspn(word + 2, "=");
    const char *value = word[2 + size] == '=' ? word + 2 + size + 1 : NULL;
    const struct option_row *row = find(p, word + 2, size);
    if (row)
        return take_named(p, row, value, argc, argv, i);
    if (strncmp(word + 2, "no-", 3) == 0 && !value && (row = find(p, word + 5, size - 3)) && row->type == OPTION_FLAG) {
        p->open_list = NULL;
        add(p, row, NULL, true);
        return true;
    }
    return refuse_unknown(p, word);
}

static bool take_short(struct parse *p, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    const struct option_row *row = find_letter(p, word[1]);
    if (!row || (row->type == OPTION_FLAG && word[2]))
        return fault_set(p->why, FAULT_REJECT, "", "there is no option %s", word);
    return take_named(p, row, word[2] ? word + 2 : NULL, argc, argv, i);
}

static void take_word(struct parse *p, const char *word)
{
    if (p->open_list && p->out->operands_count >= p->operands_most)
        add_value(p, p->open_list, word);
    else
        p->out->operands[p->out->operands_count++] = word;
}

bool options_parse(int argc, char **argv, const struct option_row *const *tables, size_t operands_most,
                   struct arena *arena, struct options *out, struct fault *why)
{
    struct parse p = { tables, arena, out, operands_most, NULL, why };
    size_t slots = 1;
    for (int i = 0; i < argc; i++) {
        slots++;
        for (const char *at = argv[i]; *at; at++)
            slots += *at == ',';
    }
    *out = (struct options){ .values = arena_array(arena, slots, sizeof *out->values),
                             .operands = arena_array(arena, slots, sizeof *out->operands) };
    bool is_over = false;
    for (int i = 0; i < argc; i++) {
        bool is_option = !is_over && argv[i][0] == '-' && argv[i][1];
        if (is_option && strcmp(argv[i], "--") == 0)
            is_over = true;
        else if (!is_option)
            take_word(&p, argv[i]);
        else if (!(argv[i][1] == '-' ? take_long(&p, argc, argv, &i) : take_short(&p, argc, argv, &i)))
            return false;
    }
    return true;
}

static const struct option_value *last(const struct options *o, const char *name)
{
    for (size_t i = o->count; i > 0; i--) {
        if (strcmp(o->values[i - 1].row->name, name) == 0)
            return &o->values[i - 1];
    }
    return NULL;
}

bool option_given(const struct options *o, const char *name)
{
    return last(o, name) != NULL;
}

const char *option_text(const struct options *o, const char *name, const char *otherwise)
{
    const struct option_value *v = last(o, name);
    return v && v->text ? v->text : otherwise;
}

bool option_flag(const struct options *o, const char *name)
{
    const struct option_value *v = last(o, name);
    return v && !v->is_off;
}

const char *option_at(const struct options *o, const char *name, size_t index)
{
    for (size_t i = 0; i < o->count; i++) {
        if (strcmp(o->values[i].row->name, name) == 0 && index-- == 0)
            return o->values[i].text;
    }
    return NULL;
}
