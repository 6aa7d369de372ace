/* Modified UTF-7: how folder names with other letters look on the wire. */
#include <string.h>

#include "base/text.h"
#include "sandbox/imapd_parse.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

static bool add_utf8(struct buf *out, uint32_t c)
{
    uint8_t text[4];
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        text[i] = (uint8_t)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    text[0] = (uint8_t)(size == 1 ? c : (0xf00U >> size & 0xff) | c);
    return buf_add(out, text, size);
}

/* UTF-16 units, one after the other; a lead waits for its trail. */
struct units {
    struct buf *out;
    uint32_t lead;
};

static bool add_unit(struct units *u, uint32_t unit)
{
    bool is_lead = unit >= 0xd800 && unit < 0xdc00, is_trail = unit >= 0xdc00 && unit < 0xe000;
    if (is_trail != (u->lead != 0))
        return false;
    if (is_lead) {
        u->lead = unit;
        return true;
    }
    uint32_t c = is_trail ? 0x10000 + ((u->lead - 0xd800) << 10) + (unit - 0xdc00) : unit;
    u->lead = 0;
    return c >= 0x20 && add_utf8(u->out, c);
}

/* What stands between '&' and '-'. */
static bool decode_shifted(struct bytes in, struct buf *out)
{
    struct units units = { .out = out };
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < in.size; i++) {
        const char *at = in.data[i] != 0 ? strchr(alphabet, in.data[i]) : NULL;
        if (at == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(at - alphabet);
        count += 6;
        if (count < 16)
            continue;
        count -= 16;
        if (!add_unit(&units, bits >> count & 0xffff))
            return false;
        bits &= (1U << count) - 1;
    }
    return units.lead == 0 && count < 6 && bits == 0;
}

bool imapd_utf7_decode(struct bytes in, struct buf *out)
{
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        if (c < 0x20 || c > 0x7e)
            return false;
        if (c != '&') {
            if (!buf_add_byte(out, c))
                return false;
            continue;
        }
        struct bytes rest = bytes_slice(in, i + 1, in.size);
        size_t end = bytes_find(rest, BYTES_LIT("-"));
        if (end == SIZE_MAX)
            return false;
        if (end == 0 ? !buf_add_byte(out, '&') : !decode_shifted(bytes_slice(rest, 0, end), out))
            return false;
        i += end + 1;
    }
    return true;
}

struct shift {
    struct buf *out;
    bool is_on;
    uint32_t bits;
    unsigned count;
};

static bool shift_unit(struct shift *s, uint32_t unit)
{
    bool is_good = s->is_on || buf_add_byte(s->out, '&');
    s->is_on = true;
    s->bits = s->bits << 16 | unit;
    s->count += 16;
    while (is_good && s->count >= 6) {
        s->count -= 6;
        is_good = buf_add_byte(s->out, (uint8_t)alphabet[s->bits >> s->count & 63]);
        s->bits &= (1U << s->count) - 1;
    }
    return is_good;
}

static bool shift_end(struct shift *s)
{
    if (!s->is_on)
        return true;
    bool is_good = s->count == 0 || buf_add_byte(s->out, (uint8_t)alphabet[s->bits << (6 - s->count) & 63]);
    *s = (struct shift){ .out = s->out };
    return is_good && buf_add_byte(s->out, '-');
}

static uint32_t code_point(struct bytes sequence)
{
    static const uint8_t masks[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
    uint32_t c = sequence.data[0] & masks[sequence.size];
    for (size_t i = 1; i < sequence.size; i++)
        c = c << 6 | (sequence.data[i] & 0x3f);
    return c;
}

bool imapd_utf7_encode(struct bytes in, struct buf *out)
{
    struct shift s = { .out = out };
    for (size_t i = 0; i < in.size;) {
        size_t size = text_sequence(bytes_slice(in, i, in.size));
        if (size == 0)
            return false;
        uint32_t c = code_point(bytes_slice(in, i, i + size));
        i += size;
        bool is_good;
        if (c >= 0x20 && c < 0x7f)
            is_good = shift_end(&s) && buf_add_byte(out, (uint8_t)c) && (c != '&' || buf_add_byte(out, '-'));
        else if (c < 0x10000)
            is_good = shift_unit(&s, c);
        else
            is_good = shift_unit(&s, 0xd800 + ((c - 0x10000) >> 10)) &&
                      shift_unit(&s, 0xdc00 + ((c - 0x10000) & 0x3ff));
        if (!is_good)
            return false;
    }
    return shift_end(&s);
}
