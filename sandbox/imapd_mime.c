#include "sandbox/imapd_mime.h"

#include <string.h>

#define DEPTH_MAX 40
#define PARTS_MAX 4000

struct parser {
    struct arena *arena;
    size_t parts;
};

/* Length of the line at the front, its end included. */
static size_t line_size(struct bytes rest)
{
    size_t newline = bytes_find(rest, BYTES_LIT("\n"));
    return newline == SIZE_MAX ? rest.size : newline + 1;
}

static bool is_empty_line(struct bytes line)
{
    return bytes_equal(line, BYTES_LIT("\n")) || bytes_equal(line, BYTES_LIT("\r\n"));
}

void imapd_split(struct bytes message, struct bytes *header, struct bytes *body)
{
    size_t at = 0;
    while (at < message.size) {
        struct bytes rest = bytes_slice(message, at, message.size);
        size_t size = line_size(rest);
        at += size;
        if (is_empty_line(bytes_slice(rest, 0, size)))
            break;
    }
    *header = bytes_slice(message, 0, at);
    *body = bytes_slice(message, at, message.size);
}

static bool is_fold(struct bytes header, size_t at)
{
    return at < header.size && (header.data[at] == ' ' || header.data[at] == '\t');
}

bool imapd_next_field(struct bytes *header, struct imapd_field *out)
{
    while (header->size > 0) {
        size_t size = line_size(*header);
        if (is_empty_line(bytes_slice(*header, 0, size)))
            return false;
        while (is_fold(*header, size))
            size += line_size(bytes_slice(*header, size, header->size));
        struct bytes whole = bytes_slice(*header, 0, size);
        *header = bytes_slice(*header, size, header->size);
        size_t colon = bytes_find(whole, BYTES_LIT(":"));
        if (colon == SIZE_MAX)
            continue; /* no field, such as mbox's "From " */
        *out = (struct imapd_field){ whole, bytes_trim(bytes_slice(whole, 0, colon)),
                                     bytes_trim(bytes_slice(whole, colon + 1, whole.size)) };
        return true;
    }
    return false;
}

struct bytes imapd_field_value(struct arena *arena, struct bytes header, const char *name)
{
    struct imapd_field f;
    while (imapd_next_field(&header, &f)) {
        if (!bytes_equal_nocase(f.name, bytes_of(name)))
            continue;
        uint8_t *made = arena_alloc(arena, f.value.size + 1);
        size_t size = 0;
        for (size_t i = 0; i < f.value.size; i++) {
            if (f.value.data[i] != '\r' && f.value.data[i] != '\n')
                made[size++] = f.value.data[i];
        }
        return (struct bytes){ made, size };
    }
    return BYTES_NONE;
}

/* Words of MIME headers (RFC 2045, 5.1): tokens, quoted strings, comments between. */
struct words {
    struct arena *arena;
    struct bytes rest;
};

static void skip_comment(struct words *w)
{
    unsigned depth = 0;
    size_t i = 0;
    for (; i < w->rest.size; i++) {
        uint8_t c = w->rest.data[i];
        depth += c == '(';
        depth -= c == ')';
        i += c == '\\';
        if (depth == 0)
            break;
    }
    w->rest = bytes_slice(w->rest, i + 1, w->rest.size);
}

static uint8_t next_char(struct words *w)
{
    for (;;) {
        while (w->rest.size > 0 && (w->rest.data[0] == ' ' || w->rest.data[0] == '\t'))
            w->rest = bytes_slice(w->rest, 1, w->rest.size);
        if (w->rest.size == 0)
            return 0;
        if (w->rest.data[0] != '(')
            return w->rest.data[0];
        skip_comment(w);
    }
}

static bool take_char(struct words *w, uint8_t c)
{
    if (next_char(w) != c)
        return false;
    w->rest = bytes_slice(w->rest, 1, w->rest.size);
    return true;
}

static struct bytes take_quoted(struct words *w)
{
    uint8_t *made = arena_alloc(w->arena, w->rest.size + 1);
    size_t size = 0, i = 1;
    for (; i < w->rest.size && w->rest.data[i] != '"'; i++) {
        if (w->rest.data[i] == '\\' && i + 1 < w->rest.size)
            i++;
        made[size++] = w->rest.data[i];
    }
    w->rest = bytes_slice(w->rest, i + 1, w->rest.size);
    return (struct bytes){ made, size };
}

static struct bytes take_token(struct words *w)
{
    if (next_char(w) == '"')
        return take_quoted(w);
    size_t size = 0;
    while (size < w->rest.size && w->rest.data[size] > 32 && strchr("()<>@,;:\\\"/[]?=", w->rest.data[size]) == NULL)
        size++;
    struct bytes token = bytes_slice(w->rest, 0, size);
    w->rest = bytes_slice(w->rest, size, w->rest.size);
    return token;
}

/* Up to the next semicolon, blanks at both ends left out. */
static struct bytes take_rest(struct words *w)
{
    size_t end = bytes_find(w->rest, BYTES_LIT(";"));
    struct bytes rest = bytes_slice(w->rest, 0, end);
    w->rest = bytes_slice(w->rest, rest.size, w->rest.size);
    return bytes_trim(rest);
}

/* A value that is badly written may hold what a token must not; what follows a quoted one is passed over. */
static struct bytes take_value(struct words *w)
{
    bool is_quoted = next_char(w) == '"';
    struct words before = *w;
    struct bytes value = take_token(w);
    if (next_char(w) == ';' || w->rest.size == 0)
        return value;
    if (!is_quoted)
        *w = before;
    struct bytes rest = take_rest(w);
    return is_quoted ? value : rest;
}

static struct imapd_param *take_params(struct words *w)
{
    struct imapd_param *first = NULL, **last = &first;
    while (take_char(w, ';')) {
        struct bytes name = take_token(w);
        if (name.size == 0 || !take_char(w, '='))
            continue;
        struct imapd_param *p = arena_alloc(w->arena, sizeof *p);
        p->name = name;
        p->value = take_value(w);
        *last = p;
        last = &p->next;
    }
    return first;
}

static struct bytes param(const struct imapd_param *p, const char *name)
{
    for (; p != NULL; p = p->next) {
        if (bytes_equal_nocase(p->name, bytes_of(name)))
            return p->value;
    }
    return BYTES_NONE;
}

static void read_headers(struct parser *p, struct imapd_part *part, bool is_digest)
{
    struct words w = { p->arena, imapd_field_value(p->arena, part->header, "Content-Type") };
    part->type = take_token(&w);
    bool is_typed = part->type.size > 0 && take_char(&w, '/');
    part->subtype = is_typed ? take_token(&w) : BYTES_NONE;
    if (part->subtype.size > 0) {
        part->params = take_params(&w);
    } else {
        part->type = is_digest ? BYTES_LIT("MESSAGE") : BYTES_LIT("TEXT");
        part->subtype = is_digest ? BYTES_LIT("RFC822") : BYTES_LIT("PLAIN");
    }
    struct words d = { p->arena, imapd_field_value(p->arena, part->header, "Content-Disposition") };
    part->disposition = take_token(&d);
    part->disposition_params = take_params(&d);
    struct words e = { p->arena, imapd_field_value(p->arena, part->header, "Content-Transfer-Encoding") };
    part->encoding = take_token(&e);
    part->id = imapd_field_value(p->arena, part->header, "Content-ID");
    part->description = imapd_field_value(p->arena, part->header, "Content-Description");
    part->md5 = imapd_field_value(p->arena, part->header, "Content-MD5");
    part->language = imapd_field_value(p->arena, part->header, "Content-Language");
    part->location = imapd_field_value(p->arena, part->header, "Content-Location");
}

static struct imapd_part *parse_part(struct parser *p, struct bytes whole, unsigned depth, bool is_digest);

/* Is this line "--boundary", and does "--" follow? */
static bool is_boundary(struct bytes line, struct bytes boundary, bool *is_last)
{
    if (line.size < boundary.size + 2 || line.data[0] != '-' || line.data[1] != '-' ||
        memcmp(line.data + 2, boundary.data, boundary.size) != 0)
        return false;
    struct bytes rest = bytes_slice(line, boundary.size + 2, line.size);
    *is_last = rest.size >= 2 && rest.data[0] == '-' && rest.data[1] == '-';
    return *is_last || bytes_trim(rest).size == 0;
}

/* The line end before a boundary is the boundary's. */
static size_t end_before(struct bytes body, size_t at)
{
    if (at > 0 && body.data[at - 1] == '\n')
        at--;
    if (at > 0 && body.data[at - 1] == '\r')
        at--;
    return at;
}

/* Where the next line that begins with "--" starts, from `at` on (which is at a line's start). */
static size_t next_dashes(struct bytes body, size_t at)
{
    if (at + 1 < body.size && body.data[at] == '-' && body.data[at + 1] == '-')
        return at;
    size_t found = bytes_find(bytes_slice(body, at, body.size), BYTES_LIT("\n--"));
    return found == SIZE_MAX ? body.size : at + found + 1;
}

static void parse_children(struct parser *p, struct imapd_part *part, struct bytes boundary, unsigned depth)
{
    struct imapd_part **last = &part->children;
    bool is_digest = bytes_equal_nocase(part->subtype, BYTES_LIT("DIGEST"));
    bool is_over = false;
    size_t from = SIZE_MAX;
    for (size_t at = next_dashes(part->body, 0); !is_over && p->parts < PARTS_MAX; at = next_dashes(part->body, at)) {
        struct bytes rest = bytes_slice(part->body, at, part->body.size);
        size_t size = line_size(rest);
        bool is_end = rest.size == 0;
        if (!is_end && !is_boundary(bytes_slice(rest, 0, size), boundary, &is_over)) {
            at += size;
            continue;
        }
        if (from != SIZE_MAX) {
            size_t end = is_end ? at : end_before(part->body, at);
            *last = parse_part(p, bytes_slice(part->body, from, end < from ? from : end), depth + 1, is_digest);
            last = &(*last)->next;
        }
        is_over |= is_end;
        from = at += size;
    }
}

static struct imapd_part *parse_part(struct parser *p, struct bytes whole, unsigned depth, bool is_digest)
{
    struct imapd_part *part = arena_alloc(p->arena, sizeof *part);
    p->parts++;
    imapd_split(whole, &part->header, &part->body);
    read_headers(p, part, is_digest);
    if (depth >= DEPTH_MAX)
        return part;
    if (bytes_equal_nocase(part->type, BYTES_LIT("MULTIPART"))) {
        struct bytes boundary = param(part->params, "boundary");
        if (boundary.size > 0)
            parse_children(p, part, boundary, depth);
    } else if (bytes_equal_nocase(part->type, BYTES_LIT("MESSAGE")) &&
               bytes_equal_nocase(part->subtype, BYTES_LIT("RFC822"))) {
        part->message = parse_part(p, part->body, depth + 1, false);
    }
    return part;
}

struct imapd_part *imapd_mime_parse(struct arena *arena, struct bytes message)
{
    struct parser p = { .arena = arena };
    return parse_part(&p, message, 0, false);
}

const struct imapd_part *imapd_mime_find(const struct imapd_part *root, const uint32_t *numbers, size_t count)
{
    const struct imapd_part *part = root;
    for (size_t i = 0; i < count && part != NULL; i++) {
        bool is_message = i == 0 || part->message != NULL;
        if (i > 0 && is_message)
            part = part->message;
        if (part->children == NULL) { /* a message that is no multipart is its own part 1 */
            part = is_message && numbers[i] == 1 ? part : NULL;
            continue;
        }
        const struct imapd_part *child = part->children;
        for (uint32_t n = 1; n < numbers[i] && child != NULL; n++)
            child = child->next;
        part = numbers[i] > 0 ? child : NULL;
    }
    return part;
}
