/* cli/sendmail_message.c - reads line by line; holds back the header until it is whole, lets the body through. */
#include "cli/sendmail_message.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "cli/files.h"

#define HEADER_MOST (1u << 20)
#define CHUNK 65536

enum place { AT_START, IN_HEADER, IN_BODY, AT_END };

struct copy {
    int out;
    const struct sendmail_rules *rules;
    struct arena *arena;
    struct sendmail_result *result;
    struct fault *why;
    enum place place;
    bool is_header_done;
    struct buf line;    /* what is not a whole line yet */
    struct buf header;  /* CRLF lines */
    struct buf body;    /* on its way to the file */
    bool is_line_begun; /* a part of an over-long body line is out already */
};

/* ---- header fields ---- */

/* The size of a field with its folds, at the beginning of `rest`. */
static size_t field_size(struct bytes rest)
{
    size_t size = 0;
    while (size < rest.size) {
        size_t end = bytes_find(bytes_slice(rest, size, rest.size), BYTES_LIT("\r\n"));
        size = end == SIZE_MAX ? rest.size : size + end + 2;
        if (size >= rest.size || (rest.data[size] != ' ' && rest.data[size] != '\t'))
            break;
    }
    return size;
}

static bool is_field(struct bytes field, const char *name)
{
    size_t size = strlen(name);
    return field.size > size && field.data[size] == ':' && bytes_starts_nocase(field, name);
}

static bool has_field(struct bytes header, const char *name)
{
    for (size_t at = 0; at < header.size;) {
        size_t size = field_size(bytes_slice(header, at, header.size));
        if (is_field(bytes_slice(header, at, at + size), name))
            return true;
        at += size;
    }
    return false;
}

/* A field's value without its folds. */
static const char *value_of(struct bytes field, const char *name, struct arena *arena)
{
    struct bytes value = bytes_trim(bytes_slice(field, strlen(name) + 1, field.size));
    char *text = arena_strndup(arena, value.data, value.size);
    for (char *at = text; *at; at++) {
        if (*at == '\r' || *at == '\n')
            *at = ' ';
    }
    return text;
}

/* ---- recipients ---- */

const char *sendmail_complete(const char *address, const char *hostname, struct arena *arena)
{
    return strchr(address, '@') ? address : arena_printf(arena, "%s@%s", address, hostname);
}

/* Local names stand alone only where a program wrote nothing else: "root", "root, admin". */
static const char *complete_list(const char *value, const char *hostname, struct arena *arena)
{
    if (strpbrk(value, "@<>\"(:;") || !*value)
        return value;
    const char *list = "";
    for (const char *at = value; *at;) {
        at += strspn(at, ", \t");
        size_t size = strcspn(at, ", \t");
        if (size)
            list = arena_printf(arena, "%s%s%.*s@%s", list, *list ? ", " : "", (int)size, at, hostname);
        at += size;
    }
    return list;
}

static bool gather(struct copy *c, struct bytes header, const char *const *names)
{
    for (size_t at = 0; at < header.size;) {
        struct bytes field = bytes_slice(header, at, at + field_size(bytes_slice(header, at, header.size)));
        for (size_t i = 0; names[i]; i++) {
            if (!is_field(field, names[i]))
                continue;
            const char *value = complete_list(value_of(field, names[i], c->arena), c->rules->hostname, c->arena);
            if (*value && !compose_addresses(value, c->arena, &c->result->recipients, c->why))
                return fault_wrap(c->why, "%s", names[i]);
        }
        at += field.size;
    }
    return true;
}

static bool gather_recipients(struct copy *c, struct bytes header)
{
    static const char *const plain[] = { "To", "Cc", "Bcc", NULL };
    static const char *const resent[] = { "Resent-To", "Resent-Cc", "Resent-Bcc", NULL };
    bool is_resent = has_field(header, "Resent-To") || has_field(header, "Resent-Cc") ||
                     has_field(header, "Resent-Bcc");
    return gather(c, header, is_resent ? resent : plain);
}

/* ---- what the header lacks ---- */

/* A name in an RFC 5322 phrase: quoted, with what a quoted string can't hold escaped. */
static void add_quoted(struct buf *out, const char *name)
{
    buf_add_byte(out, '"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            buf_add_byte(out, '\\');
        if ((unsigned char)*name >= 0x20)
            buf_add_byte(out, (uint8_t)*name);
    }
    buf_add_str(out, "\" ");
}

static void add_missing(const struct copy *c, struct bytes header, struct buf *out)
{
    char date[40], word[33];
    uint8_t random[16];
    if (!has_field(header, "From")) {
        buf_add_str(out, "From: ");
        if (*c->rules->full_name)
            add_quoted(out, c->rules->full_name);
        buf_addf(out, "<%s>\r\n", c->rules->sender);
    }
    if (!has_field(header, "Date")) {
        clock_rfc5322(c->rules->now_ms, date, sizeof date);
        buf_addf(out, "Date: %s\r\n", date);
    }
    if (!has_field(header, "Message-ID")) {
        secret_random(random, sizeof random);
        hex_encode((struct bytes){ random, sizeof random }, word, sizeof word);
        buf_addf(out, "Message-ID: <%s@%s>\r\n", word, c->rules->hostname);
    }
}

static bool finish_header(struct copy *c)
{
    struct bytes header = buf_bytes(&c->header);
    struct buf out;
    if (c->rules->from_headers && !gather_recipients(c, header))
        return false;
    c->result->has_utf8_header = !text_is_ascii(header);
    buf_init(&out, HEADER_MOST + 4096);
    for (size_t at = 0; at < header.size;) {
        struct bytes field = bytes_slice(header, at, at + field_size(bytes_slice(header, at, header.size)));
        if (!is_field(field, "Bcc") && !is_field(field, "Resent-Bcc"))
            buf_add_bytes(&out, field);
        at += field.size;
    }
    add_missing(c, header, &out);
    buf_add_str(&out, "\r\n");
    bool is_written = file_write_all(c->out, buf_bytes(&out), c->why);
    buf_fini(&out);
    c->place = IN_BODY;
    c->is_header_done = true;
    return is_written;
}

/* ---- lines ---- */

static bool flush_body(struct copy *c)
{
    bool is_written = file_write_all(c->out, buf_bytes(&c->body), c->why);
    buf_clear(&c->body);
    return is_written;
}

/* A piece of a line of the body; `is_end` where the line ends with it. */
static bool put_piece(struct copy *c, struct bytes piece, bool is_end)
{
    if (c->body.size + piece.size + 2 > c->body.limit && !flush_body(c))
        return false;
    c->result->is_8bit = c->result->is_8bit || !text_is_ascii(piece);
    buf_add_bytes(&c->body, piece);
    if (is_end)
        buf_add_str(&c->body, "\r\n");
    c->is_line_begun = !is_end;
    return true;
}

/* A CR alone ends a line too: it is how programs draw a progress bar, and no mail server may be given one. */
static bool put_body(struct copy *c, struct bytes piece, bool is_end)
{
    const uint8_t *cr;
    while (piece.size && (cr = memchr(piece.data, '\r', piece.size))) {
        size_t size = (size_t)(cr - piece.data);
        if (!put_piece(c, bytes_slice(piece, 0, size), true))
            return false;
        piece = bytes_slice(piece, size + 1, piece.size);
    }
    return put_piece(c, piece, is_end);
}

static bool looks_like_field(struct bytes line)
{
    size_t i = 0;
    while (i < line.size && line.data[i] > 0x20 && line.data[i] < 0x7f && line.data[i] != ':')
        i++;
    size_t name = i;
    while (i < line.size && (line.data[i] == ' ' || line.data[i] == '\t'))
        i++;
    return name > 0 && i < line.size && line.data[i] == ':';
}

static bool take_header_line(struct copy *c, struct bytes line)
{
    bool is_fold = c->header.size && line.size && (line.data[0] == ' ' || line.data[0] == '\t');
    if (c->place == AT_START && bytes_starts_nocase(line, "From ")) {
        c->place = IN_HEADER; /* an mbox line is not of the message */
        return true;
    }
    c->place = IN_HEADER;
    if (memchr(line.data ? line.data : (const uint8_t *)"", '\r', line.size))
        return fault_set(c->why, FAULT_REJECT, "", "the header has a CR in the middle of a line");
    if (line.size && (is_fold || looks_like_field(line))) {
        if (buf_add_bytes(&c->header, line) && buf_add_str(&c->header, "\r\n"))
            return true;
        return fault_set(c->why, FAULT_REJECT, "", "the header is larger than %u octets", HEADER_MOST);
    }
    /* Text right after the header, or with no header at all, is the body. */
    return finish_header(c) && (!line.size || put_body(c, line, true));
}

static bool take_line(struct copy *c, struct bytes line)
{
    if (line.size && line.data[line.size - 1] == '\r')
        line.size--;
    if (!c->is_line_begun && !c->rules->ignores_dots && bytes_equal(line, BYTES_LIT("."))) {
        c->place = AT_END;
        return true;
    }
    return c->place == IN_BODY ? put_body(c, line, true) : take_header_line(c, line);
}

static bool take_chunk(struct copy *c, struct bytes chunk)
{
    if (memchr(chunk.data, 0, chunk.size))
        return fault_set(c->why, FAULT_REJECT, "", "the message holds a NUL octet, which mail can't carry: encode it");
    while (chunk.size && c->place != AT_END) {
        const uint8_t *end = memchr(chunk.data, '\n', chunk.size);
        size_t size = end ? (size_t)(end - chunk.data) : chunk.size;
        if (!buf_add(&c->line, chunk.data, size))
            return fault_set(c->why, FAULT_REJECT, "", "the header has a line of more than %u octets", HEADER_MOST);
        if (end) {
            if (!take_line(c, buf_bytes(&c->line)))
                return false;
            buf_clear(&c->line);
        } else if (c->place == IN_BODY && c->line.size > CHUNK) {
            /* All but the last octet, which may be the CR of the line's end. */
            if (!put_body(c, bytes_slice(buf_bytes(&c->line), 0, c->line.size - 1), false))
                return false;
            buf_consume(&c->line, c->line.size - 1);
        }
        chunk = bytes_slice(chunk, end ? size + 1 : size, chunk.size);
    }
    return true;
}

static bool copy_all(struct copy *c, int in)
{
    static uint8_t room[CHUNK];
    ssize_t n = 1;
    while (n != 0 && c->place != AT_END) {
        n = read(in, room, sizeof room);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(c->why, FAULT_LOCAL, errno, "the message can't be read");
        if (!take_chunk(c, (struct bytes){ room, (size_t)n }))
            return false;
    }
    /* A last line without its end is a line all the same. */
    if (c->place != AT_END && c->line.size && !take_line(c, buf_bytes(&c->line)))
        return false;
    return (c->is_header_done || finish_header(c)) && flush_body(c);
}

bool sendmail_message_copy(int in, int out, const struct sendmail_rules *rules, struct arena *arena,
                           struct sendmail_result *result, struct fault *why)
{
    *result = (struct sendmail_result){ 0 };
    struct copy c = { .out = out, .rules = rules, .arena = arena, .result = result, .why = why };
    buf_init(&c.line, HEADER_MOST);
    buf_init(&c.header, HEADER_MOST);
    buf_init(&c.body, 4 * CHUNK);
    bool is_good = copy_all(&c, in);
    buf_fini(&c.line);
    buf_fini(&c.header);
    buf_fini(&c.body);
    return is_good;
}
