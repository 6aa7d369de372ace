/* proto/mime/letter_text.c - from whatever charset a letter uses to UTF-8 that every reader can take. */
#include <ctype.h>
#include <errno.h>
#include <gmime/gmime.h>
#include <iconv.h>
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

#define WORDS_LIMIT 16384
#define UNKNOWN "\xef\xbf\xbd" /* U+FFFD */
#define CONVERT_LIMIT (4 * LETTER_TEXT_LIMIT)

char *letter_unfold(struct arena *arena, struct bytes value)
{
    value = bytes_trim(value);
    char *text = arena_alloc(arena, value.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] != '\r' && value.data[i] != '\n')
            text[size++] = value.data[i] == '\t' ? ' ' : value.data[i] ? (char)value.data[i] : '?';
    return text;
}

/* Octets of a control character, C1 as UTF-8 writes it among them. */
static bool is_control(const uint8_t *at, size_t size)
{
    return (size == 1 && (*at < ' ' || *at == 0x7f)) || (size == 2 && at[0] == 0xc2 && at[1] < 0xa0);
}

/* False: the buffer is full. */
static bool put_clean(struct buf *out, struct bytes in)
{
    size_t size;
    bool fits = true;
    for (size_t at = 0; fits && at < in.size; at += size ? size : 1) {
        size = text_sequence(bytes_slice(in, at, in.size));
        if (size == 0)
            fits = buf_add_str(out, UNKNOWN);
        else if (is_control(in.data + at, size))
            fits = buf_add_byte(out, '?');
        else
            fits = buf_add(out, in.data + at, size);
    }
    return fits;
}

static bool is_clean(const char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~')
            return false;
    return true;
}

const char *letter_clean(struct arena *arena, const char *text)
{
    struct buf out;
    if (is_clean(text))
        return text;
    buf_init(&out, WORDS_LIMIT);
    put_clean(&out, bytes_of(text));
    const char *clean = arena_strdup(arena, buf_str(&out));
    buf_fini(&out);
    return clean;
}

const char *letter_words(struct arena *arena, struct bytes value)
{
    char *text = letter_unfold(arena, value);
    if (strlen(text) > WORDS_LIMIT)
        text[text_cut(bytes_of(text), WORDS_LIMIT)] = '\0';
    if (is_clean(text) && !strstr(text, "=?"))
        return text;
    g_mime_init();
    char *decoded = g_mime_utils_header_decode_text(NULL, text);
    const char *words = letter_clean(arena, decoded ? decoded : text);
    words = words == decoded ? arena_strdup(arena, decoded) : words;
    g_free(decoded);
    return words;
}

/* What mail means by a name, where that differs from what the standard says: the larger set that programs really use. */
static const char *charset_of(const char *name)
{
    static const char *const meant[][2] = {
        { "us-ascii", "" },
        { "utf8", "utf-8" },
        { "iso-8859-1", "windows-1252" },
        { "gb2312", "gb18030" },
        { "gbk", "gb18030" },
        { "ks_c_5601-1987", "cp949" },
        { "euc-kr", "cp949" },
        { "shift_jis", "cp932" },
        { "x-sjis", "cp932" },
        { "x-unknown", "" },
        { "unknown-8bit", "" },
        { "8bit", "" },
        { "iso-8859-8-i", "iso-8859-8" },
    };
    if (!name[0] || strlen(name) > 40 ||
        strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.:+") < strlen(name))
        return "";
    for (size_t i = 0; i < sizeof meant / sizeof *meant; i++)
        if (text_equal_nocase(name, meant[i][0]))
            return meant[i][1];
    return name;
}

/* What can't be converted becomes U+FFFD, octet for octet. False: the name is no charset that is known here. */
static bool convert(struct bytes in, const char *charset, struct buf *out)
{
    iconv_t how = iconv_open("UTF-8", charset);
    if (how == (iconv_t)-1)
        return false;
    char *from = (char *)(uintptr_t)in.data, room[4096];
    size_t left = in.size;
    bool fits = true;
    while (fits && left > 0) {
        char *to = room;
        size_t space = sizeof room;
        size_t result = iconv(how, &from, &left, &to, &space);
        int error = result == (size_t)-1 ? errno : 0;
        fits = buf_add(out, room, sizeof room - space);
        if (error == EILSEQ || error == EINVAL) {
            fits = fits && buf_add_str(out, UNKNOWN);
            from++;
            left--;
        } else if (error && error != E2BIG) {
            break;
        }
    }
    iconv_close(how);
    return true;
}

static void add_run(struct buf *out, struct bytes in, bool *fits)
{
    *fits = *fits && buf_add_bytes(out, in);
}

/* Line ends become LF; other controls than the tab go. */
static bool put_body(struct buf *out, struct bytes in)
{
    bool fits = true;
    size_t size;
    for (size_t at = 0; fits && at < in.size; at += size) {
        size = text_sequence(bytes_slice(in, at, in.size));
        uint8_t c = in.data[at];
        if (size == 0) {
            size = 1;
            add_run(out, BYTES_LIT(UNKNOWN), &fits);
        } else if (c == '\r') {
            size = at + 1 < in.size && in.data[at + 1] == '\n' ? 2 : 1;
            add_run(out, BYTES_LIT("\n"), &fits);
        } else if (c == '\n' || c == '\t' || !is_control(in.data + at, size)) {
            add_run(out, bytes_slice(in, at, at + size), &fits);
        }
    }
    return fits;
}

static bool is_utf8_name(const char *charset)
{
    return text_equal_nocase(charset, "utf-8");
}

bool letter_text(struct arena *arena, struct bytes decoded, const char *charset, const char **out)
{
    struct buf utf8, text;
    charset = charset_of(charset);
    if (!*charset)
        charset = text_is_utf8(bytes_slice(decoded, 0, text_cut(decoded, decoded.size))) ? "utf-8" : "windows-1252";
    buf_init(&utf8, CONVERT_LIMIT);
    buf_init(&text, LETTER_TEXT_LIMIT);
    bool is_converted = !is_utf8_name(charset) && convert(decoded, charset, &utf8);
    struct bytes in = is_converted ? buf_bytes(&utf8) : decoded;
    if (in.size >= 3 && memcmp(in.data, "\xef\xbb\xbf", 3) == 0)
        in = bytes_slice(in, 3, in.size);
    bool fits = put_body(&text, in);
    *out = arena_strndup(arena, buf_str(&text), text.size);
    buf_fini(&text);
    buf_fini(&utf8);
    return !fits;
}
