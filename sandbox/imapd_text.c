#include "sandbox/imapd_text.h"

#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/imapd_parse.h"

/* Whose small letter stands 32 places on, in the last octet of UTF-8. */
static bool is_capital(uint8_t before, uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (before == 0xc3 && c >= 0x80 && c <= 0x9e && c != 0x97) /* À to Þ */
           || (before == 0xce && c >= 0x91 && c <= 0x9f)                                     /* Α to Ο */
           || (before == 0xd0 && c >= 0x90 && c <= 0x9f);                                    /* А to П */
}

struct bytes imapd_fold(struct arena *arena, struct bytes text)
{
    uint8_t *made = arena_alloc(arena, text.size + 1);
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i], before = i > 0 ? text.data[i - 1] : 0;
        made[i] = is_capital(before, c) ? c + 32 : c;
    }
    return (struct bytes){ made, text.size };
}

static size_t add_latin1(uint8_t *out, uint8_t c)
{
    if (c < 0x80) {
        *out = c;
        return 1;
    }
    out[0] = (uint8_t)(0xc0 | c >> 6);
    out[1] = (uint8_t)(0x80 | (c & 0x3f));
    return 2;
}

static bool is_latin1(struct bytes charset)
{
    return bytes_equal_nocase(charset, BYTES_LIT("iso-8859-1")) ||
           bytes_equal_nocase(charset, BYTES_LIT("windows-1252")) ||
           bytes_equal_nocase(charset, BYTES_LIT("iso-8859-15"));
}

static struct bytes from_latin1(struct arena *arena, struct bytes text)
{
    uint8_t *made = arena_alloc(arena, text.size * 2 + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++)
        size += add_latin1(made + size, text.data[i]);
    return (struct bytes){ made, size };
}

static int hex_value(uint8_t c)
{
    return c >= '0' && c <= '9' ? c - '0' : isxdigit(c) ? (c | 0x20) - 'a' + 10 : -1;
}

static struct bytes from_quoted(struct arena *arena, struct bytes text, bool is_word)
{
    uint8_t *made = arena_alloc(arena, text.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        if (c != '=') {
            made[size++] = c == '_' && is_word ? ' ' : c;
        } else if (i + 2 < text.size && hex_value(text.data[i + 1]) >= 0 && hex_value(text.data[i + 2]) >= 0) {
            made[size++] = (uint8_t)(hex_value(text.data[i + 1]) * 16 + hex_value(text.data[i + 2]));
            i += 2;
        } else if (i + 1 < text.size && (text.data[i + 1] == '\r' || text.data[i + 1] == '\n')) { /* a soft line end */
            i += text.data[i + 1] == '\r' && i + 2 < text.size && text.data[i + 2] == '\n' ? 2 : 1;
        } else {
            made[size++] = '=';
        }
    }
    return (struct bytes){ made, size };
}

/* Whatever is no letter of the alphabet is passed over. */
static struct bytes from_base64(struct arena *arena, struct bytes text)
{
    uint8_t *made = arena_alloc(arena, text.size + 3);
    size_t size = 0;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 26
                    : c >= '0' && c <= '9' ? c - '0' + 52
                    : c == '+'             ? 62
                    : c == '/'             ? 63
                                           : -1;
        if (value < 0)
            continue;
        bits = (bits << 6 | (uint32_t)value) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            made[size++] = (uint8_t)(bits >> count);
        }
    }
    return (struct bytes){ made, size };
}

/* "=?charset?B?text?=" at the front; its size, or 0. */
static size_t encoded_word(struct arena *arena, struct bytes in, struct bytes *out)
{
    if (!bytes_starts_nocase(in, "=?"))
        return 0;
    size_t first = bytes_find(bytes_slice(in, 2, in.size), BYTES_LIT("?"));
    if (first == SIZE_MAX || first + 5 > in.size || in.data[first + 4] != '?')
        return 0;
    struct bytes charset = bytes_slice(in, 2, first + 2);
    uint8_t how = in.data[first + 3] | 0x20;
    struct bytes rest = bytes_slice(in, first + 5, in.size);
    size_t end = bytes_find(rest, BYTES_LIT("?="));
    if (end == SIZE_MAX || (how != 'b' && how != 'q') || end > 300)
        return 0;
    struct bytes text = bytes_slice(rest, 0, end);
    struct bytes clear = how == 'b' ? from_base64(arena, text) : from_quoted(arena, text, true);
    *out = is_latin1(charset) ? from_latin1(arena, clear) : clear;
    return first + 5 + end + 2;
}

struct bytes imapd_words(struct arena *arena, struct bytes value)
{
    uint8_t *made = arena_alloc(arena, value.size * 2 + 1);
    size_t size = 0, word_end = SIZE_MAX; /* where the last encoded word ended in `made` */
    for (size_t i = 0; i < value.size;) {
        struct bytes clear;
        size_t used = encoded_word(arena, bytes_slice(value, i, value.size), &clear);
        if (used == 0) {
            if (value.data[i] != '\r' && value.data[i] != '\n')
                made[size++] = value.data[i];
            i++;
            continue;
        }
        bool is_next_word = word_end != SIZE_MAX &&
                            bytes_trim((struct bytes){ made + word_end, size - word_end }).size == 0;
        if (is_next_word)
            size = word_end; /* blanks between two encoded words are none */
        memcpy(made + size, clear.data, clear.size);
        word_end = size += clear.size;
        i += used;
    }
    return (struct bytes){ made, size };
}

static struct bytes charset_of(const struct imapd_part *part)
{
    for (const struct imapd_param *p = part->params; p != NULL; p = p->next) {
        if (bytes_equal_nocase(p->name, BYTES_LIT("charset")))
            return p->value;
    }
    return BYTES_NONE;
}

struct bytes imapd_decoded(struct arena *arena, const struct imapd_part *part)
{
    struct bytes body = part->body;
    if (bytes_equal_nocase(part->encoding, BYTES_LIT("base64")))
        body = from_base64(arena, body);
    else if (bytes_equal_nocase(part->encoding, BYTES_LIT("quoted-printable")))
        body = from_quoted(arena, body, false);
    return is_latin1(charset_of(part)) ? from_latin1(arena, body) : body;
}

/* "Sat, 21 Nov 2026 09:15:00 +0000", with or without the day's name. */
bool imapd_header_day(struct bytes date, int64_t *day)
{
    size_t comma = bytes_find(date, BYTES_LIT(","));
    struct imapd_in in = { .rest = bytes_trim(comma == SIZE_MAX ? date : bytes_slice(date, comma + 1, date.size)) };
    uint32_t number, year;
    if (!imapd_take_number(&in, &number) || !imapd_take_blank(&in) || in.rest.size < 8)
        return false;
    unsigned month = imapd_month(bytes_slice(in.rest, 0, 3));
    in.rest = bytes_slice(in.rest, 3, in.rest.size);
    if (month == 0 || !imapd_take_blank(&in) || !imapd_take_number(&in, &year) || number < 1 || number > 31 ||
        year > 9999)
        return false;
    *day = imapd_day((int)(year < 50 ? year + 2000 : year < 100 ? year + 1900 : year), month, number);
    return true;
}
