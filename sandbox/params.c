#include "sandbox/params.h"

#include <ctype.h>
#include <string.h>

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes into the arena; false if an escape is broken or hides a NUL. The text so far is given all the same. */
static bool decode(struct bytes in, struct arena *arena, const char **out)
{
    char *text = arena_alloc(arena, in.size + 1);
    size_t used = 0;
    bool is_good = true;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c == '+') {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < in.size ? hex_value(in.data[i + 1]) : -1;
            int low = i + 2 < in.size ? hex_value(in.data[i + 2]) : -1;
            if (high < 0 || low < 0) {
                is_good = false;
            } else {
                c = (uint8_t)(high << 4 | low);
                i += 2;
            }
        }
        if (c == 0)
            is_good = false;
        else
            text[used++] = (char)c;
    }
    *out = text;
    return is_good;
}

static void take_field(struct bytes field, struct arena *arena, struct web_params *out)
{
    if (field.size == 0)
        return;
    if (out->count == WEB_PARAMS_MAX) {
        out->is_malformed = true;
        return;
    }
    size_t equals = bytes_find(field, BYTES_LIT("="));
    if (equals == SIZE_MAX)
        equals = field.size;
    struct web_param *p = &out->items[out->count++];
    bool is_good = decode(bytes_slice(field, 0, equals), arena, &p->name);
    is_good &= decode(bytes_slice(field, equals + 1, field.size), arena, &p->value);
    out->is_malformed |= !is_good;
}

void web_params_parse(struct bytes text, struct arena *arena, struct web_params *out)
{
    memset(out, 0, sizeof *out);
    while (text.size > 0) {
        size_t end = bytes_find(text, BYTES_LIT("&"));
        if (end == SIZE_MAX)
            end = text.size;
        take_field(bytes_slice(text, 0, end), arena, out);
        text = bytes_slice(text, end + 1, text.size);
    }
}

const char *web_params_get(const struct web_params *p, const char *name)
{
    for (size_t i = 0; i < p->count; i++) {
        if (strcmp(p->items[i].name, name) == 0)
            return p->items[i].value;
    }
    return NULL;
}

const char *web_params_text(const struct web_params *p, const char *name)
{
    const char *value = web_params_get(p, name);
    return value != NULL ? value : "";
}

size_t web_params_times(const struct web_params *p, const char *name)
{
    size_t times = 0;
    for (size_t i = 0; i < p->count; i++)
        times += strcmp(p->items[i].name, name) == 0;
    return times;
}

bool web_percent_encode(struct buf *out, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    for (const uint8_t *at = (const uint8_t *)text; *at != 0; at++) {
        bool is_plain = *at < 128 && (isalnum(*at) || strchr("-._~", *at) != NULL);
        uint8_t escaped[3] = { '%', (uint8_t)digits[*at >> 4], (uint8_t)digits[*at & 15] };
        if (is_plain ? !buf_add_byte(out, *at) : !buf_add(out, escaped, sizeof escaped))
            return false;
    }
    return true;
}

bool web_params_add(struct buf *out, const char *name, const char *value)
{
    return web_percent_encode(out, name) && buf_add_byte(out, '=') && web_percent_encode(out, value);
}
