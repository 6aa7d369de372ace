/* proto/imap/cursor.c - tolerant where servers are careless, never past the end. */
#include "proto/imap/cursor.h"

#include <string.h>

#include "base/text.h"

#define DIGITS 20

static void skip_blanks(struct imap_cursor *c)
{
    while (c->rest.size > 0 && c->rest.data[0] == ' ')
        c->rest = bytes_slice(c->rest, 1, c->rest.size);
}

bool imap_cursor_is_end(struct imap_cursor *c)
{
    skip_blanks(c);
    return c->rest.size == 0;
}

bool imap_cursor_byte(struct imap_cursor *c, char byte)
{
    if (imap_cursor_is_end(c) || c->rest.data[0] != (uint8_t)byte)
        return false;
    c->rest = bytes_slice(c->rest, 1, c->rest.size);
    return true;
}

static struct bytes advance(struct imap_cursor *c, size_t size)
{
    struct bytes taken = bytes_slice(c->rest, 0, size);
    c->rest = bytes_slice(c->rest, size, c->rest.size);
    return taken;
}

bool imap_cursor_word(struct imap_cursor *c, struct bytes *word)
{
    size_t at = 0;
    bool is_bracketed = false;
    skip_blanks(c);
    for (; at < c->rest.size; at++) {
        uint8_t b = c->rest.data[at];
        if (!is_bracketed && (b == ' ' || b == '(' || b == ')' || b == '"'))
            break;
        is_bracketed = b == '[' || (is_bracketed && b != ']');
    }
    *word = advance(c, at);
    return at > 0;
}

bool imap_number(struct bytes word, uint64_t *number)
{
    char digits[DIGITS + 1] = "";
    if (word.size == 0 || word.size > DIGITS || memchr(word.data, 0, word.size))
        return false;
    memcpy(digits, word.data, word.size);
    return text_to_u64(digits, UINT64_MAX, number);
}

bool imap_cursor_number(struct imap_cursor *c, uint64_t *number)
{
    struct bytes word;
    return imap_cursor_word(c, &word) && imap_number(word, number);
}

/* Behind the opening quote. */
static bool take_quoted(struct imap_cursor *c, struct imap_value *v)
{
    size_t at = 0;
    while (at < c->rest.size && c->rest.data[at] != '"')
        at += c->rest.data[at] == '\\' ? 2 : 1;
    if (at >= c->rest.size)
        return false;
    v->kind = IMAP_QUOTED;
    v->raw = advance(c, at);
    advance(c, 1);
    return true;
}

/* Behind the opening brace; the mark is our own wire's, so its form is sure where it is one. */
static bool take_literal(struct imap_cursor *c, struct imap_value *v)
{
    size_t digits = 0;
    uint64_t size;
    while (digits < c->rest.size && c->rest.data[digits] != '}')
        digits++;
    if (!imap_number(bytes_slice(c->rest, 0, digits), &size))
        return false;
    advance(c, digits);
    if (!bytes_starts_nocase(c->rest, "}\r\n") || size > c->rest.size - 3)
        return false;
    advance(c, 3);
    v->kind = IMAP_LITERAL;
    v->raw = advance(c, (size_t)size);
    return true;
}

/* Behind the opening parenthesis. Without recursion, so that depth costs nothing. */
static bool take_list(struct imap_cursor *c, struct imap_value *v)
{
    struct bytes begin = c->rest;
    for (size_t depth = 1;;) {
        struct imap_value inner;
        struct bytes word;
        if (imap_cursor_is_end(c))
            return false;
        if (imap_cursor_byte(c, '(')) {
            depth++;
        } else if (imap_cursor_byte(c, ')')) {
            if (--depth == 0)
                break;
        } else if (c->rest.data[0] == '"' || c->rest.data[0] == '{') {
            if (!imap_cursor_value(c, &inner))
                return false;
        } else if (!imap_cursor_word(c, &word)) {
            return false;
        }
    }
    v->kind = IMAP_LIST;
    v->raw = bytes_slice(begin, 0, begin.size - c->rest.size - 1);
    return true;
}

bool imap_cursor_value(struct imap_cursor *c, struct imap_value *v)
{
    if (imap_cursor_byte(c, '"'))
        return take_quoted(c, v);
    if (imap_cursor_byte(c, '{'))
        return take_literal(c, v);
    if (imap_cursor_byte(c, '('))
        return take_list(c, v);
    if (!imap_cursor_word(c, &v->raw))
        return false;
    v->kind = bytes_equal_nocase(v->raw, BYTES_LIT("NIL")) ? IMAP_NIL : IMAP_ATOM;
    return true;
}

bool imap_value_add(const struct imap_value *v, struct buf *out)
{
    if (v->kind == IMAP_NIL || v->kind == IMAP_LIST)
        return true;
    if (v->kind != IMAP_QUOTED)
        return buf_add_bytes(out, v->raw);
    for (size_t i = 0; i < v->raw.size; i++) {
        if (v->raw.data[i] == '\\' && i + 1 < v->raw.size)
            i++;
        if (!buf_add_byte(out, v->raw.data[i]))
            return false;
    }
    return true;
}
