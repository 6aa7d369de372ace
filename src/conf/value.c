/* conf/value.c - one setting's text into its place and back. The range in its row is what is checked, and what is shown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/nearest.h"
#include "base/text.h"
#include "conf/schema.h"
#include "net/addr.h"
#include "object/object.h"

#define INVALID "conf.invalid"

/* "a, b, c": the place of `text` in it, or -1. */
static int place_in(const char *range, const char *text)
{
    size_t size = strlen(text);
    int place = 0;
    for (const char *at = range; *at; place++) {
        size_t word = strcspn(at, ",");
        if (word == size && memcmp(at, text, size) == 0)
            return place;
        at += word;
        at += strspn(at, ", ");
    }
    return -1;
}

/* What is promised for later deserves a truer answer than "not known". */
static const char *later_of(const char *name, const char *text)
{
    static const struct {
        const char *name, *prefix;
    } later[] = {
        { "store", "postgresql://" },
    };
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        if (strcmp(later[i].name, name) == 0 && strncmp(text, later[i].prefix, strlen(later[i].prefix)) == 0)
            return later[i].prefix;
    }
    return NULL;
}

static bool refuse_choice(const struct conf_row *row, const char *text, struct fault *why)
{
    char shown[64];
    text_sanitize(bytes_of(text), shown, sizeof shown - 1);
    if (later_of(row->name, text))
        return fault_set(why, FAULT_CONFIG, INVALID, "%s %s is not built into this version yet; use %s", row->name,
                         later_of(row->name, text), row->range);
    return fault_set(why, FAULT_CONFIG, INVALID, "%s must be one of: %s (not %s)", row->name, row->range, shown);
}

typedef bool number_fn(const char *text, uint64_t *out);

static bool read_plain(const char *text, uint64_t *out)
{
    return text_to_u64(text, UINT64_MAX, out);
}

static number_fn *number_of(enum conf_type type)
{
    return type == CONF_DURATION ? text_to_duration : type == CONF_SIZE ? text_to_size : read_plain;
}

static const char *example_of(enum conf_type type)
{
    return type == CONF_DURATION ? "a duration like 90s, 10m, 2h or 5d"
           : type == CONF_SIZE   ? "a size like 512K, 35M or 1G"
                                 : "a number";
}

/* "1m..30d" */
static bool is_in_range(const struct conf_row *row, uint64_t value)
{
    char least[24];
    uint64_t from = 0, to = UINT64_MAX;
    const char *dots = strstr(row->range, "..");
    if (!dots)
        return true;
    snprintf(least, sizeof least, "%.*s", (int)(dots - row->range), row->range);
    bool is_good = number_of(row->type)(least, &from) && number_of(row->type)(dots + 2, &to);
    return is_good && value >= from && value <= to;
}

static bool read_number(const struct conf_row *row, const char *text, uint64_t *out, struct fault *why)
{
    if (!number_of(row->type)(text, out))
        return fault_set(why, FAULT_CONFIG, INVALID, "%s must be %s", row->name, example_of(row->type));
    if (!is_in_range(row, *out))
        return fault_set(why, FAULT_CONFIG, INVALID, "%s must be within %s", row->name, row->range);
    return true;
}

static const char *resolve_path(const char *text, const struct conf_base *base, struct arena *arena)
{
    static const char mark[] = "{state}";
    if (!*text || *text == '/')
        return arena_strdup(arena, text);
    if (strncmp(text, mark, sizeof mark - 1) == 0)
        return arena_printf(arena, "%s%s", base->state, text + sizeof mark - 1);
    return arena_printf(arena, "%s/%s", base->folder, text);
}

static bool read_text(const struct conf_row *row, const char *text, const struct conf_base *base, struct arena *arena,
                      const char **out, struct fault *why)
{
    struct net_addr address;
    if (!text_is_line(text) || strlen(text) > 1024)
        return fault_set(why, FAULT_CONFIG, INVALID, "%s must be one line of text", row->name);
    bool is_none = *row->range && text_equal(text, row->range);
    if (row->type == CONF_ADDRESS && *text && !is_none && !net_addr_parse(text, &address, why))
        return fault_wrap(why, "%s", row->name);
    if (row->type == CONF_MAILBOX && *text && !object_address_is_valid(text))
        return fault_set(why, FAULT_CONFIG, INVALID, "%s must be an address like box@example.org", row->name);
    if (row->type == CONF_CHOICE && place_in(row->range, text) < 0)
        return refuse_choice(row, text, why);
    *out = row->type == CONF_PATH ? resolve_path(text, base, arena) : arena_strdup(arena, text);
    return true;
}

static bool is_word(const struct conf_row *row, const char *word, struct fault *why)
{
    struct net_range range;
    if (row->type == CONF_RANGES && !net_range_parse(word, &range, why))
        return fault_wrap(why, "%s", row->name);
    return true;
}

static bool read_list(const struct conf_row *row, const char *text, struct arena *arena, struct conf_list *out,
                      struct fault *why)
{
    enum { MOST = 256 };
    const char **words = arena_array(arena, MOST, sizeof *words);
    size_t count = 0;
    if (!text_is_line(text))
        return fault_set(why, FAULT_CONFIG, INVALID, "%s must be a list of words", row->name);
    for (const char *at = text; *at; at += strspn(at, ", ")) {
        size_t size = strcspn(at, ",");
        if (count == MOST)
            return fault_set(why, FAULT_CONFIG, INVALID, "%s may have %d words at most", row->name, MOST);
        struct bytes word = bytes_trim((struct bytes){ (const uint8_t *)at, size });
        at += size;
        if (word.size == 0)
            continue;
        words[count] = arena_strndup(arena, (const char *)word.data, word.size);
        if (!is_word(row, words[count++], why))
            return false;
    }
    *out = (struct conf_list){ words, count };
    return true;
}

static bool read_enum(const struct conf_row *row, const char *text, unsigned *out, struct fault *why)
{
    int place = place_in(row->range, text);
    if (place < 0)
        return refuse_choice(row, text, why);
    *out = (unsigned)place;
    return true;
}

static bool read_flag(const struct conf_row *row, const char *text, bool *out, struct fault *why)
{
    if (place_in(row->range, text) < 0)
        return fault_set(why, FAULT_CONFIG, INVALID, "%s must be true or false", row->name);
    *out = place_in(row->range, text) == 0;
    return true;
}

bool conf_value_read(const struct conf_row *row, const char *text, const struct conf_base *base, struct arena *arena,
                     void *owner, struct fault *why)
{
    void *into = (char *)owner + row->offset;
    uint64_t number = 0;
    switch (row->type) {
    case CONF_TEXT:
    case CONF_PATH:
    case CONF_ADDRESS:
    case CONF_MAILBOX:
    case CONF_CHOICE:
        return read_text(row, text, base, arena, into, why);
    case CONF_LIST:
    case CONF_RANGES:
        return read_list(row, text, arena, into, why);
    case CONF_ENUM:
        return read_enum(row, text, into, why);
    case CONF_FLAG:
        return read_flag(row, text, into, why);
    case CONF_DURATION:
    case CONF_SIZE:
    case CONF_NUMBER:
        return read_number(row, text, into, why);
    case CONF_COUNT:
        if (!read_number(row, text, &number, why))
            return false;
        *(uint32_t *)into = (uint32_t)number; /* every range of a count ends below 2^32 */
        return true;
    }
    return false;
}

static json_t *json_of_place(const char *range, unsigned place)
{
    const char *at = range;
    for (; place; place--) {
        at += strcspn(at, ",");
        at += strspn(at, ", ");
    }
    return json_stringn(at, strcspn(at, ","));
}

static json_t *json_of_list(const struct conf_list *list)
{
    json_t *out = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(out, json_string(list->items[i]));
    return out;
}

json_t *conf_value_json(const struct conf_row *row, const void *owner)
{
    const void *at = (const char *)owner + row->offset;
    char text[32];
    switch (row->type) {
    case CONF_ENUM:
        return json_of_place(row->range, *(const unsigned *)at);
    case CONF_FLAG:
        return json_boolean(*(const bool *)at);
    case CONF_DURATION:
        text_from_duration(*(const uint64_t *)at, text, sizeof text);
        return json_string(text);
    case CONF_SIZE:
    case CONF_NUMBER:
        return json_integer((json_int_t) * (const uint64_t *)at);
    case CONF_COUNT:
        return json_integer(*(const uint32_t *)at);
    case CONF_LIST:
    case CONF_RANGES:
        return json_of_list(at);
    default:
        return json_string(*(const char *const *)at);
    }
}

bool conf_value_equal(const struct conf_row *row, const void *a, const void *b)
{
    json_t *left = conf_value_json(row, a), *right = conf_value_json(row, b);
    bool is_equal = json_equal(left, right) != 0;
    json_decref(left);
    json_decref(right);
    return is_equal;
}
