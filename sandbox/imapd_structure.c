/* BODYSTRUCTURE and ENVELOPE (RFC 3501, 7.4.2), as text. */
#include <string.h>

#include "sandbox/imapd_mime.h"

void imapd_add_nstring(struct buf *out, struct bytes text)
{
    if (text.data == NULL) {
        buf_add_str(out, "NIL");
        return;
    }
    bool is_plain = text.size < 1000;
    for (size_t i = 0; i < text.size && is_plain; i++)
        is_plain = text.data[i] >= 32 && text.data[i] < 127;
    if (!is_plain) {
        buf_addf(out, "{%zu}\r\n", text.size);
        buf_add_bytes(out, text);
        return;
    }
    buf_add_byte(out, '"');
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '"' || text.data[i] == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, text.data[i]);
    }
    buf_add_byte(out, '"');
}

static void add_params(struct buf *out, const struct imapd_param *p)
{
    if (p == NULL) {
        buf_add_str(out, "NIL");
        return;
    }
    for (const char *before = "("; p != NULL; p = p->next, before = " ") {
        buf_add_str(out, before);
        imapd_add_nstring(out, p->name);
        buf_add_byte(out, ' ');
        imapd_add_nstring(out, p->value.data != NULL ? p->value : BYTES_LIT(""));
    }
    buf_add_byte(out, ')');
}

static size_t count_lines(struct bytes body)
{
    size_t count = 0;
    for (size_t at = 0; at < body.size; count++) {
        const uint8_t *newline = memchr(body.data + at, '\n', body.size - at);
        at = newline != NULL ? (size_t)(newline - body.data) + 1 : body.size;
    }
    return count;
}

static void add_extension(struct buf *out, const struct imapd_part *part)
{
    if (part->disposition.size > 0) {
        buf_add_str(out, " (");
        imapd_add_nstring(out, part->disposition);
        buf_add_byte(out, ' ');
        add_params(out, part->disposition_params);
        buf_add_byte(out, ')');
    } else {
        buf_add_str(out, " NIL");
    }
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->language);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->location);
}

static void add_multipart(struct buf *out, const struct imapd_part *part, bool is_extended)
{
    for (const struct imapd_part *child = part->children; child != NULL; child = child->next)
        imapd_add_structure(out, child, is_extended);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->subtype);
    if (!is_extended)
        return;
    buf_add_byte(out, ' ');
    add_params(out, part->params);
    add_extension(out, part);
}

static void add_single(struct buf *out, const struct imapd_part *part, bool is_extended)
{
    bool is_text = bytes_equal_nocase(part->type, BYTES_LIT("TEXT"));
    imapd_add_nstring(out, part->type);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->subtype);
    buf_add_byte(out, ' ');
    if (part->params == NULL && is_text)
        buf_add_str(out, "(\"charset\" \"us-ascii\")");
    else
        add_params(out, part->params);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->id);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->description);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->encoding.size > 0 ? part->encoding : BYTES_LIT("7bit"));
    buf_addf(out, " %zu", part->body.size);
    if (part->message != NULL) {
        buf_add_byte(out, ' ');
        imapd_add_envelope(out, part->message->header);
        buf_add_byte(out, ' ');
        imapd_add_structure(out, part->message, is_extended);
    }
    if (is_text || part->message != NULL)
        buf_addf(out, " %zu", count_lines(part->body));
    if (!is_extended)
        return;
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, part->md5);
    add_extension(out, part);
}

void imapd_add_structure(struct buf *out, const struct imapd_part *part, bool is_extended)
{
    buf_add_byte(out, '(');
    if (part->children != NULL)
        add_multipart(out, part, is_extended);
    else
        add_single(out, part, is_extended);
    buf_add_byte(out, ')');
}

/* Addresses (RFC 5322, 3.4): enough for what people and programs write. */
struct cursor {
    struct arena *arena;
    struct bytes rest;
    bool is_in_group;
};

static void advance(struct cursor *c, size_t size)
{
    c->rest = bytes_slice(c->rest, size, c->rest.size);
}

/* Blanks and comments; the last comment's text may be a name. */
static uint8_t look(struct cursor *c, struct bytes *comment)
{
    for (;;) {
        while (c->rest.size > 0 && strchr(" \t\r\n", c->rest.data[0]) != NULL && c->rest.data[0] != 0)
            advance(c, 1);
        if (c->rest.size == 0 || c->rest.data[0] != '(')
            return c->rest.size > 0 ? c->rest.data[0] : 0;
        size_t i = 0;
        for (int depth = 0; i < c->rest.size; i++) {
            uint8_t at = c->rest.data[i];
            i += at == '\\';
            depth += (at == '(') - (at == ')');
            if (depth == 0)
                break;
        }
        *comment = bytes_slice(c->rest, 1, i);
        advance(c, i + 1);
    }
}

/* A word with its quotes taken off. */
static struct bytes take_word(struct cursor *c)
{
    uint8_t *made = arena_alloc(c->arena, c->rest.size + 1);
    size_t size = 0, i = 0;
    if (c->rest.data[0] == '"') {
        for (i = 1; i < c->rest.size && c->rest.data[i] != '"'; i++) {
            i += c->rest.data[i] == '\\' && i + 1 < c->rest.size;
            made[size++] = c->rest.data[i];
        }
        advance(c, i + 1);
        return (struct bytes){ made, size };
    }
    while (i < c->rest.size && (c->rest.data[i] == 0 || strchr(" \t\r\n()<>,;:\"@", c->rest.data[i]) == NULL))
        made[size++] = c->rest.data[i++];
    if (i == 0)
        i = 1; /* a lone ')' or '>' leads nowhere */
    advance(c, i);
    return (struct bytes){ made, size };
}

struct address {
    struct bytes name, route, local, domain; /* .data NULL: NIL */
};

static struct bytes join(struct cursor *c, struct bytes a, const char *between, struct bytes b)
{
    if (a.data == NULL)
        return b;
    char *made = arena_printf(c->arena, "%.*s%s%.*s", (int)a.size, (const char *)a.data, between, (int)b.size,
                              (const char *)b.data);
    return bytes_of(made);
}

/* After '<': perhaps a route, then local part and domain, up to '>'. */
static void take_angle(struct cursor *c, struct address *a, struct bytes *comment)
{
    advance(c, 1);
    if (look(c, comment) == '@') {
        size_t colon = bytes_find(c->rest, BYTES_LIT(":"));
        if (colon != SIZE_MAX) {
            a->route = bytes_slice(c->rest, 0, colon);
            advance(c, colon + 1);
        }
    }
    a->local = BYTES_NONE;
    a->domain = BYTES_NONE;
    bool is_domain = false;
    for (uint8_t at; (at = look(c, comment)) != 0 && at != '>';) {
        if (at == '@') {
            is_domain = true;
            advance(c, 1);
            continue;
        }
        struct bytes *part = is_domain ? &a->domain : &a->local;
        *part = join(c, *part, "", take_word(c));
    }
    advance(c, 1);
}

static void add_address(struct buf *out, const struct address *a)
{
    buf_add_byte(out, '(');
    imapd_add_nstring(out, a->name);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, a->route);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, a->local);
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, a->domain);
    buf_add_byte(out, ')');
}

static bool take_address(struct cursor *c, struct buf *out);

/* A group's name and its end are marks of their own (RFC 3501, 7.4.2). */
static void take_group(struct cursor *c, struct bytes name, struct buf *out)
{
    struct bytes comment = BYTES_NONE;
    struct address group = { .local = name.data != NULL ? name : BYTES_LIT("") };
    add_address(out, &group);
    advance(c, 1);
    c->is_in_group = true;
    while (take_address(c, out) || look(c, &comment) == ',') {
        if (look(c, &comment) == ',')
            advance(c, 1);
    }
    if (look(c, &comment) == ';')
        advance(c, 1);
    c->is_in_group = false;
    add_address(out, &(struct address){ .name = BYTES_NONE });
}

/* One mailbox, up to a comma, semicolon or the end; false: there was none. */
static bool take_address(struct cursor *c, struct buf *out)
{
    struct address a = { .name = BYTES_NONE };
    struct bytes comment = BYTES_NONE, phrase = BYTES_NONE;
    bool has_angle = false;
    for (uint8_t at; (at = look(c, &comment)) != 0 && at != ',' && at != ';';) {
        if (at == '<') {
            take_angle(c, &a, &comment);
            has_angle = true;
        } else if (at == ':' && !c->is_in_group) {
            take_group(c, phrase, out);
            return true;
        } else if (at == '@' && !has_angle) {
            advance(c, 1);
            a.local = phrase.data != NULL ? phrase : BYTES_LIT("");
            a.domain = look(c, &comment) != 0 ? take_word(c) : BYTES_LIT("");
        } else {
            struct bytes word = take_word(c);
            phrase = join(c, phrase, " ", word);
        }
    }
    if (has_angle)
        a.name = phrase;
    else if (a.local.data != NULL)
        a.name = comment;
    else
        a.local = phrase;
    if (a.local.data == NULL && !has_angle)
        return false;
    if (a.local.data == NULL)
        a.local = BYTES_LIT("");
    if (a.domain.data == NULL)
        a.domain = BYTES_LIT("");
    add_address(out, &a);
    return true;
}

static void add_addresses(struct buf *out, struct arena *arena, struct bytes value)
{
    struct cursor c = { .arena = arena, .rest = value };
    struct bytes comment = BYTES_NONE;
    size_t before = out->size;
    buf_add_byte(out, '(');
    while (look(&c, &comment) != 0) {
        take_address(&c, out);
        if (look(&c, &comment) == ',' || look(&c, &comment) == ';')
            advance(&c, 1);
    }
    if (out->size == before + 1) {
        out->size = before;
        buf_add_str(out, "NIL");
    } else {
        buf_add_byte(out, ')');
    }
}

void imapd_add_envelope(struct buf *out, struct bytes header)
{
    static const char *const people[] = { "From", "Sender", "Reply-To", "To", "Cc", "Bcc" };
    struct arena *arena = arena_new();
    struct bytes from = imapd_field_value(arena, header, "From");
    buf_add_byte(out, '(');
    imapd_add_nstring(out, imapd_field_value(arena, header, "Date"));
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, imapd_field_value(arena, header, "Subject"));
    for (size_t i = 0; i < sizeof people / sizeof *people; i++) {
        struct bytes value = imapd_field_value(arena, header, people[i]);
        bool falls_back = value.size == 0 && (i == 1 || i == 2); /* Sender and Reply-To are From where they are not */
        buf_add_byte(out, ' ');
        add_addresses(out, arena, falls_back ? from : value);
    }
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, imapd_field_value(arena, header, "In-Reply-To"));
    buf_add_byte(out, ' ');
    imapd_add_nstring(out, imapd_field_value(arena, header, "Message-ID"));
    buf_add_byte(out, ')');
    arena_free(arena);
}
