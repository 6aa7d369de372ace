/* base/text.c - comparing, checking and cutting text; numbers with units. */
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

bool text_equal(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

bool text_equal_nocase(const char *a, const char *b)
{
    return a && b ? bytes_equal_nocase(bytes_of(a), bytes_of(b)) : a == b;
}

/* Reads the digits at the front; `rest` is where they end. False: none, or past UINT64_MAX. */
static bool take_digits(const char *text, uint64_t *out, const char **rest)
{
    *out = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(*out, 10, out) || __builtin_add_overflow(*out, (uint64_t)(*at - '0'), out))
            return false;
    *rest = at;
    return at > text;
}

bool text_to_u64(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value;
    const char *rest;
    if (!text || !take_digits(text, &value, &rest) || *rest || value > max)
        return false;
    *out = value;
    return true;
}

/* RFC 3629 section 4: the second byte's range is what keeps out overlong forms, surrogates and what is past U+10FFFF. */
size_t text_sequence(struct bytes data)
{
    if (data.size == 0)
        return 0;
    uint8_t first = data.data[0], low = 0x80, high = 0xBF;
    size_t size;
    if (first < 0x80)
        return 1;
    if (first >= 0xC2 && first <= 0xDF) {
        size = 2;
    } else if (first >= 0xE0 && first <= 0xEF) {
        size = 3;
        low = first == 0xE0 ? 0xA0 : 0x80;
        high = first == 0xED ? 0x9F : 0xBF;
    } else if (first >= 0xF0 && first <= 0xF4) {
        size = 4;
        low = first == 0xF0 ? 0x90 : 0x80;
        high = first == 0xF4 ? 0x8F : 0xBF;
    } else {
        return 0;
    }
    if (data.size < size || data.data[1] < low || data.data[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((data.data[i] & 0xC0) != 0x80)
            return 0;
    return size;
}

bool text_is_utf8(struct bytes data)
{
    for (size_t at = 0; at < data.size;) {
        size_t step = data.data[at] < 0x80 ? 1 : text_sequence(bytes_slice(data, at, data.size));
        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

bool text_utf8_feed(struct text_utf8 *u, struct bytes piece)
{
    for (size_t i = 0; i < piece.size; i++) {
        if (u->size == 0 && piece.data[i] < 0x80)
            continue;
        if (u->size == sizeof u->held)
            return false;
        u->held[u->size++] = piece.data[i];
        if (text_sequence((struct bytes){ u->held, u->size }) == u->size)
            u->size = 0;
    }
    return true;
}

bool text_utf8_end(const struct text_utf8 *u)
{
    return u->size == 0;
}

bool text_is_line(const char *text)
{
    for (const char *at = text; *at; at++) {
        if ((unsigned char)*at < 0x20 || *at == 0x7f)
            return false;
    }
    return text_is_utf8(bytes_of(text));
}

bool text_is_ascii(struct bytes data)
{
    for (size_t i = 0; i < data.size; i++)
        if (data.data[i] >= 0x80)
            return false;
    return true;
}

static const char *entity_of(char c)
{
    return c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : c == '"' ? "&quot;" : NULL;
}

const char *text_html(struct arena *arena, const char *text)
{
    char *out = arena_alloc(arena, strlen(text) * strlen("&quot;") + 1);
    size_t used = 0;
    for (; *text; text++) {
        const char *entity = entity_of(*text);
        size_t size = entity ? strlen(entity) : 1;
        memcpy(out + used, entity ? entity : text, size);
        used += size;
    }
    return out;
}

size_t text_cut(struct bytes data, size_t max)
{
    if (data.size <= max)
        return data.size;
    size_t at = max;
    /* At most three continuation bytes belong to a sequence; more are malformed anyway and may be cut anywhere. */
    while (at > 0 && max - at < 4 && (data.data[at] & 0xC0) == 0x80)
        at--;
    return (data.data[at] & 0xC0) == 0x80 ? max : at;
}

/* What stands for the front of `data` in sanitised text; `used` bytes of it are spoken for. */
static size_t sanitized(struct bytes data, char out[5], size_t *used)
{
    uint8_t c = data.data[0];
    size_t step = text_sequence(data);
    *used = step ? step : 1;
    if (step == 0)
        return (size_t)snprintf(out, 5, "?");
    if (c < 0x20 || c == 0x7F)
        return (size_t)snprintf(out, 5, "\\x%02x", c);
    /* C1 controls: some terminals obey them. */
    if (step == 2 && c == 0xC2 && data.data[1] < 0xA0)
        return (size_t)snprintf(out, 5, "\\x%02x", data.data[1]);
    memcpy(out, data.data, step);
    return step;
}

void text_sanitize(struct bytes data, char *out, size_t size)
{
    assert(size > 0);
    size_t filled = 0;
    for (size_t at = 0; at < data.size;) {
        char piece[5];
        size_t used, added = sanitized(bytes_slice(data, at, data.size), piece, &used);
        if (added > size - 1 - filled)
            break;
        memcpy(out + filled, piece, added);
        filled += added;
        at += used;
    }
    out[filled] = 0;
}

struct unit {
    char letter;
    uint64_t factor;
};

static const struct unit durations[] = { { 'w', 604800 }, { 'd', 86400 }, { 'h', 3600 }, { 'm', 60 }, { 's', 1 } };
static const struct unit sizes[] = { { 'K', 1u << 10 }, { 'M', 1u << 20 }, { 'G', 1u << 30 } };

static bool scale(const char *text, const struct unit *units, size_t count, uint64_t *out)
{
    uint64_t value;
    const char *rest;
    if (!text || !take_digits(text, &value, &rest))
        return false;
    if (*rest) {
        const struct unit *u = units;
        while (u < units + count && u->letter != *rest)
            u++;
        if (u == units + count || rest[1] || __builtin_mul_overflow(value, u->factor, &value))
            return false;
    }
    *out = value;
    return true;
}

bool text_to_duration(const char *text, uint64_t *seconds)
{
    return scale(text, durations, sizeof durations / sizeof *durations, seconds);
}

void text_from_duration(uint64_t seconds, char *out, size_t size)
{
    const struct unit *u = durations;
    while (u->factor > 1 && (seconds == 0 || seconds % u->factor != 0))
        u++;
    snprintf(out, size, "%llu%c", (unsigned long long)(seconds / u->factor), u->letter);
}

bool text_to_size(const char *text, uint64_t *bytes)
{
    return scale(text, sizes, sizeof sizes / sizeof *sizes, bytes);
}
