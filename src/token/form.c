#include "token/form.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"

void form_init(struct form *f)
{
    f->is_over = false;
    buf_init(&f->text, FORM_LIMIT);
    buf_reserve(&f->text, FORM_LIMIT / 2);
}

void form_fini(struct form *f)
{
    if (f->text.data)
        secret_wipe(f->text.data, f->text.capacity);
    buf_fini(&f->text);
}

static bool is_unreserved(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c && strchr("-._~", c));
}

static bool add_encoded(struct buf *out, struct bytes value)
{
    static const char digits[] = "0123456789ABCDEF";
    bool ok = true;
    for (size_t i = 0; ok && i < value.size; i++) {
        uint8_t c = value.data[i];
        char escaped[3] = { '%', digits[c >> 4], digits[c & 15] };
        ok = is_unreserved(c) ? buf_add_byte(out, c) : buf_add(out, escaped, sizeof escaped);
    }
    return ok;
}

void form_add_bytes(struct form *f, const char *name, struct bytes value)
{
    if (value.size == 0)
        return;
    bool ok = (f->text.size == 0 || buf_add_byte(&f->text, '&')) && buf_add_str(&f->text, name) &&
              buf_add_byte(&f->text, '=') && add_encoded(&f->text, value);
    f->is_over = f->is_over || !ok;
}

void form_add(struct form *f, const char *name, const char *value)
{
    form_add_bytes(f, name, bytes_of(value));
}

struct bytes form_bytes(const struct form *f)
{
    return buf_bytes(&f->text);
}

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static char *decode(struct bytes text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c == '%') {
            int high = i + 2 < text.size ? hex_value(text.data[i + 1]) : -1;
            int low = i + 2 < text.size ? hex_value(text.data[i + 2]) : -1;
            if (high < 0 || low < 0)
                return NULL;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+') {
            c = ' ';
        }
        if (c == '\0')
            return NULL;
        out[size++] = (char)c;
    }
    return out;
}

char *form_find(struct bytes text, const char *name, struct arena *arena)
{
    size_t name_size = strlen(name);
    while (text.size > 0) {
        size_t end = bytes_find(text, BYTES_LIT("&"));
        struct bytes pair = bytes_slice(text, 0, end);
        text = end == SIZE_MAX ? BYTES_NONE : bytes_slice(text, end + 1, text.size);
        if (pair.size > name_size && pair.data[name_size] == '=' && memcmp(pair.data, name, name_size) == 0)
            return decode(bytes_slice(pair, name_size + 1, pair.size), arena);
    }
    return NULL;
}

struct bytes form_query_of_url(struct bytes url)
{
    size_t fragment = bytes_find(url, BYTES_LIT("#"));
    size_t query = bytes_find(url, BYTES_LIT("?"));
    if (query < fragment)
        return bytes_slice(url, query + 1, fragment);
    return fragment == SIZE_MAX ? BYTES_NONE : bytes_slice(url, fragment + 1, url.size);
}
