/* proto/front/front_lines.c - lines of a client that has not signed in, and what is no line: too long, without an end, another protocol. */
#include <string.h>

#include "proto/front/front_private.h"

#define TLS_HANDSHAKE 0x16

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes front_first_word(struct bytes line, struct bytes *rest)
{
    size_t size = 0;
    while (size < line.size && !is_blank(line.data[size]))
        size++;
    *rest = bytes_trim(bytes_slice(line, size, line.size));
    return bytes_slice(line, 0, size);
}

bool front_next_name(struct bytes *list, const char *parted_by, struct bytes *name)
{
    size_t from = 0, to;
    while (from < list->size && strchr(parted_by, list->data[from]))
        from++;
    for (to = from; to < list->size && list->data[to] >= ' ' && !strchr(parted_by, list->data[to]);)
        to++;
    *name = bytes_slice(*list, from, to);
    *list = bytes_slice(*list, to, list->size);
    return name->size > 0;
}

/* Neither a scanner's request nor a page in a browser that was made to send mail may go on: what it says next would be its body. */
static bool is_http(struct bytes line)
{
    static const char *const methods[] = { "GET", "POST", "PUT", "HEAD", "CONNECT", "OPTIONS", "PRI" };
    struct bytes rest, method = front_first_word(line, &rest);
    size_t from = rest.size;
    while (from > 0 && !is_blank(rest.data[from - 1]))
        from--;
    if (!bytes_starts_nocase(rest, "/") && !bytes_starts_nocase(bytes_slice(rest, from, rest.size), "HTTP/"))
        return false;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (bytes_equal(method, bytes_of(methods[i])))
            return true;
    return false;
}

static bool has_control(struct bytes line)
{
    for (size_t i = 0; i < line.size; i++)
        if ((line.data[i] < ' ' && line.data[i] != '\t') || line.data[i] == 0x7f)
            return true;
    return false;
}

static void heard_tls(struct front *f)
{
    front_notice(
        f, "tls-on-plain",
        "the client began with a TLS handshake where the protocol in clear is spoken first; set it to STARTTLS or "
        "to no encryption, or give it a listener with \"tls: implicit\"");
    front_sayf(f, "%s%s", f->kind->ending,
               "A TLS handshake came, but this port begins in clear (use STARTTLS, or another port)");
    front_quit(f);
}

static void heard_http(struct front *f)
{
    front_notice(f, "http", "the client speaks HTTP");
    front_sayf(f, "%s%s", f->kind->ending, "This is a mail server's port, not HTTP");
    front_quit(f);
}

static void leave_exchange(struct front *f)
{
    if (f->state != FRONT_SASL)
        return;
    front_auth_forget(f);
    front_enter(f, FRONT_READY);
}

static void heard_line(struct front *f, struct bytes line)
{
    bool is_command = f->state != FRONT_SASL && !f->pieces.data;
    if (has_control(line)) {
        f->kind->bad_line(f, "Control characters in the line (a bare CR or a NUL, perhaps)");
        leave_exchange(f);
    } else if (is_command && is_http(line)) {
        heard_http(f);
    } else if (f->state == FRONT_SASL) {
        front_auth_line(f, line);
    } else {
        f->kind->command(f, line);
    }
}

static void heard_bare_lf(struct front *f)
{
    front_notice(f, "bare-lf", "the client ended a command with a bare LF; RFC 5321 2.3.8 asks for CRLF");
    f->kind->bad_line(f, "The line ended with a bare LF; lines must end with CRLF");
    leave_exchange(f);
}

static void heard_long_line(struct front *f)
{
    front_notice(f, "too-long", "the client sent a line over %d octets before it signed in", FRONT_LINE_LIMIT);
    if (f->kind->ends_at_long_line) {
        front_sayf(f, "%sLine too long", f->kind->ending);
        front_quit(f);
    } else {
        f->kind->bad_line(f, "Line too long");
        leave_exchange(f);
    }
}

size_t front_feed_line(struct front *f, struct bytes in)
{
    if (!f->is_secure && in.data[0] == TLS_HANDSHAKE && smtp_lines_is_empty(&f->lines) && !f->skips_line) {
        heard_tls(f);
        return in.size;
    }
    struct bytes line;
    enum smtp_line kind;
    size_t used = smtp_lines_take(&f->lines, FRONT_LINE_LIMIT, in, &line, &kind);
    bool is_long = kind == SMTP_LINE_OVERLONG || (f->lines.is_overlong && f->kind->ends_at_long_line);
    if (kind == SMTP_LINE_MORE && !is_long)
        return used;
    if (f->skips_line)
        f->skips_line = false;
    else if (is_long)
        heard_long_line(f);
    else if (kind == SMTP_LINE_BARE_LF && !f->kind->takes_bare_lf)
        heard_bare_lf(f);
    else
        heard_line(f, line);
    smtp_lines_release(&f->lines);
    return used;
}
