/* proto/imap/utf7.c - folder names on the wire: printable ASCII as it is, '&' as "&-", all else as UTF-16 in a base64 with ',' for '/'
 * (RFC 3501 5.1.3). */
#include <string.h>

#include "base/text.h"
#include "proto/imap/client.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

struct output {
    char *out;
    size_t size, used;
    bool is_full;
};

static void output_init(struct output *o, char *out, size_t size)
{
    *o = (struct output){ .size = size };
    o->out = out;
}

static void put(struct output *o, uint8_t byte)
{
    if (o->used + 1 < o->size)
        o->out[o->used++] = (char)byte;
    else
        o->is_full = true;
}

static bool finish(struct output *o)
{
    if (o->size == 0)
        return false;
    o->out[o->used] = 0;
    return !o->is_full;
}

static bool is_direct(uint32_t code)
{
    return code >= ' ' && code <= '~';
}

/* The code point of the sequence of `size` octets. */
static uint32_t code_of(const uint8_t *at, size_t size)
{
    static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t code = at[0] & masks[size];
    for (size_t i = 1; i < size; i++)
        code = code << 6 | (at[i] & 0x3f);
    return code;
}

struct bits {
    uint32_t held;
    unsigned count;
};

static void put_unit(struct output *o, struct bits *b, uint32_t unit)
{
    b->held = b->held << 16 | unit;
    for (b->count += 16; b->count >= 6; b->count -= 6)
        put(o, (uint8_t)alphabet[b->held >> (b->count - 6) & 63]);
}

static void put_code(struct output *o, struct bits *b, uint32_t code)
{
    if (code >= 0x10000) {
        put_unit(o, b, 0xd800 + ((code - 0x10000) >> 10));
        code = 0xdc00 + ((code - 0x10000) & 0x3ff);
    }
    put_unit(o, b, code);
}

static void put_rest(struct output *o, struct bits *b)
{
    if (b->count > 0)
        put(o, (uint8_t)alphabet[b->held << (6 - b->count) & 63]);
    put(o, '-');
}

bool imap_utf7_encode(const char *utf8, char *out, size_t size)
{
    struct output o;
    struct bytes in = bytes_of(utf8);
    struct bits bits = { 0, 0 };
    bool is_shifted = false;

    output_init(&o, out, size);
    while (in.size > 0) {
        size_t length = text_sequence(in);
        if (length == 0)
            return false;
        uint32_t code = code_of(in.data, length);
        in = bytes_slice(in, length, in.size);
        if (is_direct(code) && is_shifted) {
            put_rest(&o, &bits);
            is_shifted = false;
        } else if (!is_direct(code) && !is_shifted) {
            put(&o, '&');
            bits = (struct bits){ 0, 0 };
            is_shifted = true;
        }
        if (is_shifted)
            put_code(&o, &bits, code);
        else
            put(&o, (uint8_t)code);
        if (code == '&')
            put(&o, '-');
    }
    if (is_shifted)
        put_rest(&o, &bits);
    return finish(&o);
}

static void put_utf8(struct output *o, uint32_t code)
{
    if (code < 0x80) {
        put(o, (uint8_t)code);
    } else if (code < 0x800) {
        put(o, (uint8_t)(0xc0 | code >> 6));
    } else if (code < 0x10000) {
        put(o, (uint8_t)(0xe0 | code >> 12));
        put(o, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    } else {
        put(o, (uint8_t)(0xf0 | code >> 18));
        put(o, (uint8_t)(0x80 | (code >> 12 & 0x3f)));
        put(o, (uint8_t)(0x80 | (code >> 6 & 0x3f)));
    }
    if (code >= 0x80)
        put(o, (uint8_t)(0x80 | (code & 0x3f)));
}

/* One UTF-16 unit of a shifted part; `high` is the half that waits for its other, 0 none. NUL ends nothing and is no name. */
static bool take_unit(struct output *o, uint32_t unit, uint32_t *high)
{
    bool is_low = unit >= 0xdc00 && unit < 0xe000;
    if (unit == 0 || is_low != (*high != 0))
        return false;
    if (is_low) {
        put_utf8(o, 0x10000 + ((*high - 0xd800) << 10) + (unit - 0xdc00));
        *high = 0;
    } else if (unit >= 0xd800 && unit < 0xdc00) {
        *high = unit;
    } else {
        put_utf8(o, unit);
    }
    return true;
}

/* Between '&' and '-'. */
static bool take_shifted(struct output *o, const char *at, size_t size)
{
    uint32_t held = 0, high = 0;
    unsigned count = 0;
    for (size_t i = 0; i < size; i++) {
        const char *digit = strchr(alphabet, at[i]);
        if (!digit)
            return false;
        held = held << 6 | (uint32_t)(digit - alphabet);
        count += 6;
        if (count >= 16) {
            count -= 16;
            if (!take_unit(o, held >> count & 0xffff, &high))
                return false;
        }
    }
    return high == 0 && count < 6 && (held & ((1u << count) - 1)) == 0;
}

bool imap_utf7_decode(const char *utf7, char *out, size_t size)
{
    struct output o;

    output_init(&o, out, size);
    for (const char *at = utf7; *at; at++) {
        if (!is_direct((uint8_t)*at))
            return false;
        if (*at != '&') {
            put(&o, (uint8_t)*at);
            continue;
        }
        const char *end = strchr(++at, '-');
        if (!end)
            return false;
        if (end == at)
            put(&o, '&');
        else if (!take_shifted(&o, at, (size_t)(end - at)))
            return false;
        at = end;
    }
    return finish(&o);
}
