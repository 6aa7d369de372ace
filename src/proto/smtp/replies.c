/* proto/smtp/replies.c - a bare LF ends a line as well as CRLF does: replies can't be smuggled, and some servers are careless. */
#include "proto/smtp/replies.h"

#include <string.h>

#include "base/text.h"

void smtp_replies_init(struct smtp_replies *r)
{
    *r = (struct smtp_replies){ .count = 0 };
    buf_init(&r->text, (SMTP_REPLY_LINE_LIMIT + 1) * SMTP_REPLY_LINES_LIMIT);
}

void smtp_replies_fini(struct smtp_replies *r)
{
    smtp_lines_release(&r->lines);
    buf_fini(&r->text);
}

static void note_breach(struct smtp_replies *r, const char *what, struct bytes line)
{
    r->breach = what;
    text_sanitize(line, r->seen, sizeof r->seen);
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* "250", "250-..." or "250 ...": the code, 0 if it is none. */
static int code_of(struct bytes line)
{
    if (line.size < 3 || line.data[0] < '2' || line.data[0] > '5' || !is_digit(line.data[1]) || !is_digit(line.data[2]))
        return 0;
    if (line.size > 3 && line.data[3] != ' ' && line.data[3] != '-')
        return 0;
    return (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0');
}

/* Length of "5.7.139" at the front (RFC 2034 4), 0 if there is none or its class is not the code's. */
static size_t enhanced_size(struct bytes text, int code)
{
    size_t at = 0;
    if (text.size == 0 || text.data[0] != '0' + code / 100)
        return 0;
    for (int part = 0; part < 3; part++) {
        size_t digits = 0;
        while (at < text.size && is_digit(text.data[at]))
            at++, digits++;
        if (digits == 0 || digits > 3)
            return 0;
        if (part < 2 && (at == text.size || text.data[at++] != '.'))
            return 0;
    }
    return at == text.size || text.data[at] == ' ' ? at : 0;
}

static void add_text(struct smtp_replies *r, struct bytes text)
{
    bool is_utf8 = text_is_utf8(text);
    if (r->count > 1)
        buf_add_byte(&r->text, '\n');
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        buf_add_byte(&r->text, c == '\t' ? ' ' : c < ' ' || c == 0x7f || (c >= 0x80 && !is_utf8) ? '?' : c);
    }
}

static void take_text(struct smtp_replies *r, struct bytes text)
{
    size_t size = enhanced_size(text, r->reply.code);
    if (size > 0 && size < sizeof r->reply.enhanced) {
        if (r->reply.enhanced[0] == 0)
            memcpy(r->reply.enhanced, text.data, size);
        text = bytes_slice(text, size + 1, text.size);
    }
    add_text(r, text);
}

/* Returns whether the reply is whole. */
static bool take_line(struct smtp_replies *r, struct bytes line)
{
    int code = code_of(line);
    if (r->count == 0) {
        r->reply = (struct smtp_reply){ .code = code };
        buf_clear(&r->text);
    }
    r->count++;
    if (code == 0)
        note_breach(r, "a line that is no SMTP reply", line);
    else if (code != r->reply.code)
        note_breach(r, "a reply whose code changes from line to line", line);
    else if (r->count > SMTP_REPLY_LINES_LIMIT)
        note_breach(r, "a reply of too many lines", line);
    if (r->breach)
        return false;
    take_text(r, bytes_slice(line, 4, line.size));
    if (line.size > 3 && line.data[3] == '-')
        return false;
    r->reply.text = buf_str(&r->text);
    r->count = 0;
    return true;
}

size_t smtp_replies_take(struct smtp_replies *r, struct bytes in, bool *is_whole)
{
    struct bytes line;
    enum smtp_line kind;
    size_t used = smtp_lines_take(&r->lines, SMTP_REPLY_LINE_LIMIT, in, &line, &kind);
    *is_whole = false;
    if (kind == SMTP_LINE_OVERLONG || r->lines.is_overlong)
        note_breach(r, "a line over 2,000 octets", in);
    else if (kind != SMTP_LINE_MORE)
        *is_whole = take_line(r, line);
    if (kind != SMTP_LINE_MORE)
        smtp_lines_release(&r->lines);
    return used;
}
