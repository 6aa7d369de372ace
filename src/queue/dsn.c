/* Composing reports with GMime. The parts' contents are made here, line ends included; GMime does headers, boundaries and encodings.
 *
 * RFC 3464 is the machine's part, RFC 6522 the whole, RFC 6533 the variant for addresses that are not ASCII. */
#include "queue/dsn.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"

enum { LINE_SIZE = 900, DATE_SIZE = 40 };

static const struct {
    const char *subject, *action, *opening;
} words[REPORT_KINDS] = {
    [REPORT_FAILURE] = { "Undelivered mail returned to sender", "failed",
                         "Your message could not be delivered to the following recipients:" },
    [REPORT_DELAY] = { "Delayed mail (still being tried)", "delayed",
                       "Your message has not been delivered to the following recipients yet. You need not send it "
                       "again;"
                       " it is tried further." },
    [REPORT_SUCCESS] = { "Delivered to the next mail system", "relayed",
                         "Your message was handed to the next mail system, which gives no further notice, for the "
                         "following"
                         " recipients:" },
};

void dsn_status(enum report_kind kind, bool is_expired, uint32_t code, const char *enhanced, char *out, size_t size)
{
    unsigned class, subject, detail;
    int end = 0;
    char wanted = kind == REPORT_SUCCESS ? '2' : kind == REPORT_DELAY || is_expired ? '4' : '5';
    if (enhanced && sscanf(enhanced, "%1u.%3u.%3u%n", &class, &subject, &detail, &end) == 3 && !enhanced[end] &&
        enhanced[0] == wanted)
        snprintf(out, size, "%s", enhanced);
    else if (is_expired)
        snprintf(out, size, "4.4.7");
    else
        snprintf(out, size, "%c.0.0", kind == REPORT_FAILURE && code / 100 == 4 ? '4' : wanted);
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void dsn_xtext(const char *in, char *out, size_t size)
{
    size_t n = 0;
    for (; *in && n + 1 < size; in++) {
        char c = *in;
        if (c == '+' && hex_digit(in[1]) >= 0 && hex_digit(in[2]) >= 0) {
            c = (char)(hex_digit(in[1]) * 16 + hex_digit(in[2]));
            in += 2;
        }
        out[n++] = c >= ' ' && c <= '~' ? c : '?';
    }
    out[n] = '\0';
}

/* A server's words on one line that fits. */
static void one_line(const char *text, bool is_utf8, char out[LINE_SIZE])
{
    char flat[LINE_SIZE];
    size_t n = 0;
    for (; *text && n + 1 < sizeof flat; text++)
        flat[n++] = *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : *text;
    flat[n] = '\0';
    text_sanitize(bytes_of(flat), out, LINE_SIZE - 1);
    for (char *c = out; *c && !is_utf8; c++)
        if ((unsigned char)*c > '~')
            *c = '?';
}

/* --- the part for people --- */

static void say_finding(const json_t *finding, struct buf *out)
{
    const char *cause = json_string_value(json_object_get(finding, "cause"));
    const json_t *steps = json_object_get(finding, "fix");
    size_t i;
    json_t *step;
    if (!text_is_empty(cause))
        buf_addf(out, "    What it means: %s\n", cause);
    if (json_array_size(steps))
        buf_add_str(out, "    What to do:\n");
    json_array_foreach(steps, i, step)
    {
        const char *text = json_string_value(step);
        buf_addf(out, "      %zu. %s\n", i + 1, text ? text : "");
    }
}

static void say_recipient(const struct dsn *d, const struct dsn_recipient *r, struct buf *out)
{
    char line[LINE_SIZE], address[LINE_SIZE];
    one_line(r->last, true, line);
    one_line(r->address, true, address);
    buf_addf(out, "\n  <%s>\n", address);
    if (line[0] && d->kind != REPORT_SUCCESS) {
        if (r->code)
            buf_addf(out, "    %s said: %u %s%s%s\n", d->host[0] ? d->host : "The server", r->code, r->enhanced,
                     r->enhanced[0] ? " " : "", line);
        else
            buf_addf(out, "    %s\n", line);
    }
    if (d->kind != REPORT_SUCCESS)
        say_finding(r->finding, out);
}

static void say_text(const struct dsn *d, struct buf *out)
{
    char date[DATE_SIZE];
    buf_addf(out, "This is the mail gateway at %s.\n\n%s\n", d->hostname, words[d->kind].opening);
    for (size_t i = 0; i < d->count; i++)
        say_recipient(d, &d->recipients[i], out);
    if (d->is_expired)
        buf_add_str(out, "\nIt was tried for as long as mail is kept here, and is not tried any more.\n");
    if (d->kind == REPORT_DELAY && d->expires) {
        clock_rfc5322(d->expires, date, sizeof date);
        buf_addf(out, "\nIt is tried until %s. If it can't be delivered by then, you will be told.\n", date);
    }
    buf_addf(out, "\nMessage number here: %016llx\n", (unsigned long long)d->id);
}

/* --- the part for machines --- */

static void field_date(struct buf *out, const char *name, int64_t time)
{
    char date[DATE_SIZE];
    if (!time)
        return;
    clock_rfc5322(time, date, sizeof date);
    buf_addf(out, "%s: %s\r\n", name, date);
}

/* "rfc822;a+2Bb@c" as it was given with RCPT. */
static void field_original(struct buf *out, const char *orcpt)
{
    char decoded[LINE_SIZE];
    const char *semicolon = strchr(orcpt, ';');
    if (!semicolon || semicolon - orcpt > 32)
        return;
    dsn_xtext(semicolon + 1, decoded, sizeof decoded);
    buf_add_str(out, "Original-Recipient: ");
    for (const char *c = orcpt; c < semicolon; c++)
        buf_add_byte(out, *c > ' ' && *c <= '~' ? (uint8_t)*c : '?');
    buf_addf(out, ";%s\r\n", decoded);
}

static void status_recipient(const struct dsn *d, const struct dsn_recipient *r, struct buf *out)
{
    char status[16], line[LINE_SIZE], address[LINE_SIZE];
    dsn_status(d->kind, d->is_expired, r->code, r->enhanced, status, sizeof status);
    one_line(r->last, d->is_utf8, line);
    one_line(r->address, d->is_utf8, address);
    buf_add_str(out, "\r\n");
    field_original(out, r->orcpt);
    buf_addf(out, "Final-Recipient: %s;%s\r\n", text_is_ascii(bytes_of(r->address)) ? "rfc822" : "utf-8", address);
    buf_addf(out, "Action: %s\r\nStatus: %s\r\n", words[d->kind].action, status);
    if (d->host[0])
        buf_addf(out, "Remote-MTA: dns;%.*s\r\n", (int)strcspn(d->host, "[:"),
                 d->host); /* a name, without address and port */
    if (r->code)
        buf_addf(out, "Diagnostic-Code: smtp;%u %s%s%s\r\n", r->code, r->enhanced, r->enhanced[0] ? " " : "", line);
    field_date(out, "Last-Attempt-Date", d->last_attempt);
    if (d->kind == REPORT_DELAY)
        field_date(out, "Will-Retry-Until", d->expires);
}

static void say_status(const struct dsn *d, struct buf *out)
{
    char envid[LINE_SIZE];
    dsn_xtext(d->envid, envid, sizeof envid);
    if (envid[0])
        buf_addf(out, "Original-Envelope-Id: %s\r\n", envid);
    buf_addf(out, "Reporting-MTA: dns;%s\r\n", d->hostname);
    field_date(out, "Arrival-Date", d->arrived);
    for (size_t i = 0; i < d->count; i++)
        status_recipient(d, &d->recipients[i], out);
}

/* --- the whole --- */

static void set_content(GMimePart *part, struct bytes content, GMimeContentEncoding encoding)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer((const char *)content.data, content.size);
    GMimeDataWrapper *wrapper = g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_mime_part_set_content(part, wrapper);
    g_mime_part_set_content_encoding(part, encoding);
    g_object_unref(wrapper);
    g_object_unref(stream);
}

static void add_part(GMimeMultipart *whole, GMimePart *part)
{
    g_mime_multipart_add(whole, GMIME_OBJECT(part));
    g_object_unref(part);
}

static void add_text(GMimeMultipart *whole, const struct dsn *d, struct buf *scratch)
{
    buf_clear(scratch);
    say_text(d, scratch);
    GMimePart *part = g_mime_part_new_with_type("text", "plain");
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    set_content(part, buf_bytes(scratch), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    add_part(whole, part);
}

static void add_status(GMimeMultipart *whole, const struct dsn *d, struct buf *scratch)
{
    buf_clear(scratch);
    say_status(d, scratch);
    GMimePart *part = g_mime_part_new_with_type("message", d->is_utf8 ? "global-delivery-status" : "delivery-status");
    set_content(part, buf_bytes(scratch),
                d->is_utf8 ? GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE : GMIME_CONTENT_ENCODING_7BIT);
    add_part(whole, part);
}

/* All but message/rfc822 may be encoded (RFC 2045 6.4, 6533), and then pass by servers that take 7 bits only. */
static GMimeContentEncoding encoding_of_original(const struct dsn *d)
{
    if (!d->is_8bit)
        return GMIME_CONTENT_ENCODING_7BIT;
    return d->is_whole && !d->is_utf8 ? GMIME_CONTENT_ENCODING_8BIT : GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
}

static void add_original(GMimeMultipart *whole, const struct dsn *d)
{
    static const char *const types[2][2][2] = {
        { { "text", "rfc822-headers" }, { "message", "rfc822" } },
        { { "message", "global-headers" }, { "message", "global" } },
    };
    const char *const *type = types[d->is_utf8][d->is_whole];
    GMimePart *part = g_mime_part_new_with_type(type[0], type[1]);
    set_content(part, d->original, encoding_of_original(d));
    add_part(whole, part);
}

static void set_headers(GMimeMessage *message, const struct dsn *d)
{
    char *id = mem_printf("%016llx@%s", (unsigned long long)d->report_id, d->hostname);
    GDateTime *date = g_date_time_new_from_unix_utc(d->now / 1000);
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_FROM, "Mail delivery", d->from);
    g_mime_message_add_mailbox(message, GMIME_ADDRESS_TYPE_TO, NULL, d->to);
    g_mime_message_set_subject(message, words[d->kind].subject, NULL);
    g_mime_message_set_date(message, date);
    g_mime_message_set_message_id(message, id);
    g_mime_object_set_header(GMIME_OBJECT(message), "Auto-Submitted", "auto-replied", NULL);
    g_date_time_unref(date);
    free(id);
}

static bool write_out(GMimeMessage *message, struct buf *out)
{
    GMimeStream *stream = g_mime_stream_mem_new();
    g_mime_object_write_to_stream(GMIME_OBJECT(message), NULL, stream);
    GByteArray *made = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(stream));
    bool ok = true;
    /* GMime ends its own lines with LF, our contents come with CRLF: one rule for all. */
    for (guint i = 0; ok && i < made->len; i++) {
        if (made->data[i] == '\n' && (i == 0 || made->data[i - 1] != '\r'))
            ok = buf_add_byte(out, '\r');
        ok = ok && buf_add_byte(out, made->data[i]);
    }
    g_object_unref(stream);
    return ok;
}

bool dsn_compose(const struct dsn *d, struct buf *out)
{
    g_mime_init();
    struct buf scratch;
    buf_init(&scratch, out->limit);
    GMimeMessage *message = g_mime_message_new(TRUE);
    GMimeMultipart *whole = g_mime_multipart_new_with_subtype("report");
    set_headers(message, d);
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(whole), "report-type",
                                             d->is_utf8 ? "global-delivery-status" : "delivery-status");
    add_text(whole, d, &scratch);
    add_status(whole, d, &scratch);
    add_original(whole, d);
    g_mime_message_set_mime_part(message, GMIME_OBJECT(whole));
    bool ok = write_out(message, out);
    g_object_unref(whole);
    g_object_unref(message);
    buf_fini(&scratch);
    return ok;
}
