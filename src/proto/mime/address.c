/* proto/mime/address.c - words are read once and kept in two readings: as they stand (a display name) and put together (an
 * address). The '<' that follows, or its absence, says which it was. */
#include "proto/mime/address.h"

#include <string.h>

#include "base/text.h"

/* local@domain under way. Words that stand side by side without '.' or '@' can only be a display name: is_phrase. */
struct spec {
    char local[MIME_ADDRESS_SIZE], domain[MIME_ADDRESS_SIZE];
    size_t local_size, domain_size;
    bool is_begun, has_at, after_word, is_phrase;
};

struct parser {
    struct bytes in;
    size_t at;
    struct arena *arena;
    struct mime_addresses *out;
    size_t room;
    struct fault *why;
    bool in_group;
    /* the entry under way */
    struct spec words, angle;
    size_t words_from, words_to; /* where the words stand in `in` */
    bool has_angle;
    struct bytes comment;
};

static bool refuse(struct parser *p, const char *what)
{
    return fault_set(p->why, FAULT_REJECT, "", "%s (octet %zu of the address list)", what, p->at + 1);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_special(uint8_t c)
{
    return strchr("()<>[]:;@\\,.\"", c) != NULL;
}

/* Other controls than those of folding let one reader see what another does not. */
static bool has_control(struct bytes text)
{
    for (size_t i = 0; i < text.size; i++)
        if ((text.data[i] < ' ' && !is_space(text.data[i])) || text.data[i] == 0x7f)
            return true;
    return false;
}

/* Comments nest (RFC 5322 3.2.2); counted, not recursed into. */
static bool skip_comment(struct parser *p)
{
    size_t from = p->at;
    unsigned depth = 0;
    do {
        if (p->at >= p->in.size)
            return refuse(p, "an unended comment");
        uint8_t c = p->in.data[p->at++];
        depth += c == '(';
        depth -= c == ')';
        p->at += c == '\\';
    } while (depth > 0);
    p->comment = bytes_slice(p->in, from, p->at);
    return true;
}

static bool skip_blank(struct parser *p)
{
    while (p->at < p->in.size) {
        if (p->in.data[p->at] == '(') {
            if (!skip_comment(p))
                return false;
        } else if (is_space(p->in.data[p->at])) {
            p->at++;
        } else {
            break;
        }
    }
    return true;
}

/* What is too long for an address can still be a name. */
static void spec_put(struct spec *s, uint8_t c)
{
    char *text = s->has_at ? s->domain : s->local;
    size_t *size = s->has_at ? &s->domain_size : &s->local_size;
    s->is_phrase = s->is_phrase || *size + 1 >= MIME_ADDRESS_SIZE;
    if (!s->is_phrase)
        text[(*size)++] = (char)c;
}

/* Not the texts: they are large, and their sizes say what counts. */
static void spec_clear(struct spec *s)
{
    s->local_size = s->domain_size = 0;
    s->is_begun = s->has_at = s->after_word = s->is_phrase = false;
}

static void spec_begin_word(struct spec *s)
{
    s->is_phrase = s->is_phrase || s->after_word;
    s->is_begun = s->after_word = true;
}

static bool read_quoted(struct parser *p, struct spec *s)
{
    spec_begin_word(s);
    s->is_phrase = s->is_phrase || s->has_at;
    for (p->at++; p->at < p->in.size; p->at++) {
        uint8_t c = p->in.data[p->at];
        if (c == '"') {
            p->at++;
            return true;
        }
        if (c == '\\' && p->at + 1 < p->in.size)
            c = p->in.data[++p->at];
        if (c != '\r' && c != '\n')
            spec_put(s, c);
    }
    return refuse(p, "an unended quotation");
}

static bool read_literal(struct parser *p, struct spec *s)
{
    spec_begin_word(s);
    s->is_phrase = s->is_phrase || !s->has_at;
    for (; p->at < p->in.size; p->at++) {
        uint8_t c = p->in.data[p->at];
        if (!is_space(c))
            spec_put(s, c);
        if (c == ']') {
            p->at++;
            return true;
        }
    }
    return refuse(p, "an unended address literal");
}

static bool read_atom(struct parser *p, struct spec *s)
{
    size_t from = p->at;
    spec_begin_word(s);
    while (p->at < p->in.size && !is_special(p->in.data[p->at]) && !is_space(p->in.data[p->at]))
        spec_put(s, p->in.data[p->at++]);
    return p->at > from || refuse(p, "an unexpected character");
}

/* One word, dot or '@'. */
static bool read_word(struct parser *p, struct spec *s)
{
    switch (p->in.data[p->at]) {
    case '"':
        return read_quoted(p, s);
    case '[':
        return read_literal(p, s);
    case '.':
        s->is_begun = true;
        s->after_word = false;
        p->at++;
        spec_put(s, '.');
        return true;
    case '@':
        s->is_phrase = s->is_phrase || s->has_at || !s->is_begun;
        s->is_begun = s->has_at = true;
        s->after_word = false;
        p->at++;
        return true;
    default:
        return read_atom(p, s);
    }
}

static bool is_dot_atom(const struct spec *s)
{
    for (size_t i = 0; i < s->local_size; i++)
        if (s->local[i] == ' ' || s->local[i] == '\t' || (s->local[i] != '.' && is_special((uint8_t)s->local[i])))
            return false;
    return s->local_size > 0 && s->local[0] != '.' && s->local[s->local_size - 1] != '.';
}

static bool put_local(const struct spec *s, struct buf *out)
{
    if (is_dot_atom(s))
        return buf_add(out, s->local, s->local_size);
    bool fits = buf_add_byte(out, '"');
    for (size_t i = 0; i < s->local_size && fits; i++) {
        if (s->local[i] == '"' || s->local[i] == '\\')
            fits = buf_add_byte(out, '\\');
        fits = fits && buf_add_byte(out, (uint8_t)s->local[i]);
    }
    return fits && buf_add_byte(out, '"');
}

/* The address in its plainest form, or NULL if the words are none. */
static const char *spec_address(struct parser *p, const struct spec *s)
{
    if (s->is_phrase || !s->is_begun || (s->has_at && s->domain_size == 0))
        return NULL;
    struct buf text;
    buf_init(&text, MIME_ADDRESS_SIZE - 1);
    bool fits = put_local(s, &text);
    if (s->has_at)
        fits = fits && buf_add_byte(&text, '@') && buf_add(&text, s->domain, s->domain_size);
    bool is_good = fits && text_is_utf8(buf_bytes(&text));
    const char *address = is_good ? arena_strdup(p->arena, buf_str(&text)) : NULL;
    buf_fini(&text);
    return address;
}

static void begin_entry(struct parser *p)
{
    spec_clear(&p->words);
    spec_clear(&p->angle);
    p->has_angle = false;
    p->comment = BYTES_NONE;
}

static bool add_entry(struct parser *p, const char *address)
{
    if (p->out->count == MIME_ADDRESSES_LIMIT)
        return fault_set(p->why, FAULT_REJECT, "", "over %d addresses in a field", MIME_ADDRESSES_LIMIT);
    if (p->out->count == p->room) {
        p->room = p->room ? p->room * 2 : 1;
        struct mime_address *larger = arena_array(p->arena, p->room, sizeof *larger);
        if (p->out->count)
            memcpy(larger, p->out->items, p->out->count * sizeof *larger);
        p->out->items = larger;
    }
    bool has_phrase = p->has_angle && p->words.is_begun;
    p->out->items[p->out->count++] = (struct mime_address){
        .phrase = has_phrase ? bytes_slice(p->in, p->words_from, p->words_to) : BYTES_NONE,
        .comment = p->comment,
        .address = address,
    };
    return true;
}

/* At a ',' or ';' or the end. Empty entries are obsolete and harmless (RFC 5322 4.4). */
static bool end_entry(struct parser *p)
{
    if (p->words.is_begun || p->has_angle) {
        const char *address = spec_address(p, p->has_angle ? &p->angle : &p->words);
        if (!address)
            return refuse(p, "words that are no address");
        if (!add_entry(p, address))
            return false;
    }
    begin_entry(p);
    return true;
}

/* "@one,@two:" before an address (RFC 5322 4.4 obs-route). */
static bool skip_route(struct parser *p)
{
    if (p->at >= p->in.size || p->in.data[p->at] != '@')
        return true;
    while (p->at < p->in.size && p->in.data[p->at] != ':' && p->in.data[p->at] != '>')
        p->at++;
    if (p->at >= p->in.size || p->in.data[p->at] != ':')
        return refuse(p, "a route without an address");
    p->at++;
    return true;
}

static bool read_angle(struct parser *p)
{
    p->at++;
    p->has_angle = true;
    struct bytes comment = p->comment;
    if (!skip_blank(p) || !skip_route(p) || !skip_blank(p))
        return false;
    while (p->at < p->in.size && p->in.data[p->at] != '>')
        if (!read_word(p, &p->angle) || !skip_blank(p))
            return false;
    if (p->at >= p->in.size)
        return refuse(p, "a '<' without its '>'");
    p->at++;
    p->comment = comment;
    return true;
}

static bool begin_group(struct parser *p)
{
    if (p->in_group || !p->words.is_begun || p->words.has_at)
        return refuse(p, "an unexpected ':'");
    p->at++;
    p->in_group = true;
    begin_entry(p);
    return true;
}

static bool end_group(struct parser *p)
{
    if (!p->in_group)
        return refuse(p, "an unexpected ';'");
    p->at++;
    p->in_group = false;
    return end_entry(p);
}

static bool read_words(struct parser *p)
{
    if (!p->words.is_begun)
        p->words_from = p->at;
    bool is_good = read_word(p, &p->words);
    p->words_to = p->at;
    return is_good;
}

static bool read_next(struct parser *p)
{
    uint8_t c = p->in.data[p->at];
    if (c == ',') {
        p->at++;
        return end_entry(p);
    }
    if (c == ';')
        return end_group(p);
    if (p->has_angle)
        return refuse(p, "something behind an address's '>'");
    if (c == ':')
        return begin_group(p);
    return c == '<' ? read_angle(p) : read_words(p);
}

bool mime_addresses_parse(struct bytes value, struct arena *arena, struct mime_addresses *out, struct fault *why)
{
    struct parser p;
    memset(&p, 0, offsetof(struct parser, words));
    p.in = value;
    p.arena = arena;
    p.out = out;
    p.why = why;
    begin_entry(&p);
    *out = (struct mime_addresses){ .count = 0 };
    if (has_control(value))
        return fault_set(why, FAULT_REJECT, "", "a control character in an address list");
    while (p.at < p.in.size)
        if (!skip_blank(&p) || (p.at < p.in.size && !read_next(&p)))
            return false;
    return end_entry(&p);
}
