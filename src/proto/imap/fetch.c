/* proto/imap/fetch.c - what FETCH tells (RFC 3501 7.4.2): items in any order, beside the body that was asked for, which is given on as it
 * comes and never kept. What a server tells by itself (flags somebody changed) is no message. */
#include <string.h>

#include "proto/imap/client_private.h"

#define HEADER_LIMIT (64u << 20) /* that is swallowed beyond what is kept of it; more is a breach */

struct items {
    uint64_t uid, size;
    struct imap_value date, flags, header, body;
    bool has_size, has_header, has_body;
};

static bool is_body_name(struct bytes name)
{
    return bytes_equal_nocase(name, BYTES_LIT("BODY[]")) || bytes_equal_nocase(name, BYTES_LIT("RFC822"));
}

static bool is_header_name(struct bytes name)
{
    return bytes_equal_nocase(name, BYTES_LIT("BODY[HEADER]")) || bytes_equal_nocase(name, BYTES_LIT("RFC822.HEADER"));
}

static bool take_item(struct items *it, struct bytes name, const struct imap_value *v)
{
    if (bytes_equal_nocase(name, BYTES_LIT("UID")))
        return imap_number(v->raw, &it->uid) && it->uid > 0;
    if (bytes_equal_nocase(name, BYTES_LIT("RFC822.SIZE")))
        return it->has_size = imap_number(v->raw, &it->size);
    if (bytes_equal_nocase(name, BYTES_LIT("INTERNALDATE")))
        it->date = *v;
    if (bytes_equal_nocase(name, BYTES_LIT("FLAGS")))
        it->flags = *v;
    if (is_header_name(name)) {
        it->header = *v;
        it->has_header = true;
    }
    if (is_body_name(name)) {
        it->body = *v;
        it->has_body = true;
    }
    return true;
}

/* Behind "FETCH". `is_part`: the response still comes, and ends where a literal begins. */
static bool take_items(struct items *it, struct imap_cursor in, bool is_part)
{
    struct bytes name;
    struct imap_value v;
    *it = (struct items){ .uid = 0 };
    if (!imap_cursor_byte(&in, '('))
        return false;
    while (!imap_cursor_byte(&in, ')')) {
        if (!imap_cursor_word(&in, &name))
            return false;
        if (is_part && imap_cursor_is_end(&in))
            return true;
        if (!imap_cursor_value(&in, &v) || !take_item(it, name, &v))
            return false;
    }
    return imap_cursor_is_end(&in);
}

static unsigned month_of(struct bytes name)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (unsigned i = 0; i < 12; i++)
        if (bytes_equal_nocase(name, (struct bytes){ (const uint8_t *)names + 3 * i, 3 }))
            return i + 1;
    return 0;
}

/* Days since 1970-01-01 of the Gregorian calendar, by years that begin in March. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
    int64_t y = month > 2 ? year : year - 1;
    int64_t day_of_year = (153 * (int64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return 365 * y + y / 4 - y / 100 + y / 400 + day_of_year - 719468;
}

static bool two_digits(const uint8_t *at, int *out)
{
    int high = at[0] == ' ' ? 0 : at[0] - '0', low = at[1] - '0';
    *out = high * 10 + low;
    return high >= 0 && high <= 9 && low >= 0 && low <= 9;
}

/* "17-Jul-1996 02:44:25 -0700", a blank for a zero in front; in milliseconds since 1970, 0 if it is none. */
static int64_t time_of(struct bytes text)
{
    int day, century, year, hour, minute, second, zone_hour, zone_minute;
    const uint8_t *t = text.data;
    if (text.size != 26 || t[2] != '-' || t[6] != '-' || t[11] != ' ' || t[14] != ':' || t[17] != ':' || t[20] != ' ')
        return 0;
    unsigned month = month_of(bytes_slice(text, 3, 6));
    if (month == 0 || !two_digits(t, &day) || !two_digits(t + 7, &century) || !two_digits(t + 9, &year) ||
        !two_digits(t + 12, &hour) || !two_digits(t + 15, &minute) || !two_digits(t + 18, &second) ||
        !two_digits(t + 22, &zone_hour) || !two_digits(t + 24, &zone_minute) || day < 1 ||
        (t[21] != '+' && t[21] != '-'))
        return 0;
    int64_t zone = (zone_hour * 60 + zone_minute) * 60;
    int64_t seconds = ((days_of(century * 100 + year, month, (unsigned)day) * 24 + hour) * 60 + minute) * 60 + second;
    return (seconds - (t[21] == '+' ? zone : -zone)) * 1000;
}

static bool has_flag(const struct imap_value *flags, struct bytes flag)
{
    struct imap_cursor in = { flags->raw };
    struct bytes word;
    while (flags->kind == IMAP_LIST && !imap_cursor_is_end(&in) && imap_cursor_word(&in, &word))
        if (bytes_equal_nocase(word, flag))
            return true;
    return false;
}

static void give_message(struct imap_client *c, uint64_t sequence, const struct items *it)
{
    struct buf header;
    buf_init(&header, IMAP_LITERAL_LIMIT);
    if (it->has_header)
        imap_value_add(&it->header, &header);
    struct imap_message m = {
        .sequence = (uint32_t)sequence,
        .uid = it->uid,
        .size = it->size,
        .received_ms = it->date.kind == IMAP_QUOTED ? time_of(it->date.raw) : 0,
        .is_seen = has_flag(&it->flags, BYTES_LIT("\\Seen")),
        .is_deleted = has_flag(&it->flags, BYTES_LIT("\\Deleted")),
        .header = buf_bytes(&header),
    };
    if (c->host.message)
        c->host.message(c->ctx, &m);
    buf_fini(&header);
}

void imap_client_hear_body(struct imap_client *c, struct bytes chunk)
{
    if (c->step == STEP_BODY && c->body.is_wanted && c->host.body)
        c->body.is_wanted = c->host.body(c->ctx, c->uid, c->body.size, chunk);
}

/* Empty bodies and those that came in quotes are told when the response is whole; a literal was told already. */
static void give_short_body(struct imap_client *c, const struct items *it)
{
    struct buf clear;
    if (c->body.was_given)
        return;
    buf_init(&clear, IMAP_LINE_LIMIT + IMAP_LITERAL_LIMIT);
    imap_value_add(&it->body, &clear);
    c->body.was_given = true;
    c->body.size = clear.size;
    imap_client_hear_body(c, buf_bytes(&clear));
    buf_fini(&clear);
}

void imap_client_hear_fetch(struct imap_client *c, uint64_t sequence, struct imap_cursor in)
{
    struct items it;
    if (!take_items(&it, in, false)) {
        imap_client_breach(c, "facts of a message that can't be read", bytes_slice(buf_bytes(&c->wire.text), 0, 100));
    } else if (c->step == STEP_BODY && it.has_body) {
        if (it.uid != 0 && it.uid != c->uid) {
            imap_client_breach(c, "the body of another message", bytes_slice(buf_bytes(&c->wire.text), 0, 100));
            return;
        }
        it.uid = c->uid;
        give_short_body(c, &it);
        give_message(c, sequence, &it);
    } else if (c->step == STEP_FETCH && it.uid != 0 && (it.has_size || it.has_header)) {
        give_message(c, sequence, &it);
    }
}

/* The name of the item whose literal begins, and the UID if it was told before. */
static bool take_part(struct imap_client *c, struct items *it, struct bytes *name)
{
    struct imap_cursor in = { bytes_slice(buf_bytes(&c->wire.text), 2, SIZE_MAX) };
    struct bytes word;
    uint64_t sequence;
    if (!imap_cursor_number(&in, &sequence) || !imap_cursor_word(&in, &word) ||
        !bytes_equal_nocase(word, BYTES_LIT("FETCH")) || !take_items(it, in, true))
        return false;
    size_t end = in.rest.size;
    while (end > 0 && in.rest.data[end - 1] == ' ')
        end--;
    size_t begin = end;
    while (begin > 0 && in.rest.data[begin - 1] != ' ' && in.rest.data[begin - 1] != '(')
        begin--;
    *name = bytes_slice(in.rest, begin, end);
    return true;
}

static void stream_body(struct imap_client *c, const struct items *it)
{
    if (c->body.was_given || (it->uid != 0 && it->uid != c->uid)) {
        imap_client_breach(c, "the body of another message", bytes_slice(buf_bytes(&c->wire.text), 0, 100));
        return;
    }
    c->body.was_given = true;
    c->body.size = c->wire.literal_size;
    imap_wire_stream(&c->wire);
    if (c->body.size == 0)
        imap_client_hear_body(c, BYTES_NONE);
}

/* What begins here is kept, but for the body; it must fit, but for a header, which is cut. */
void imap_client_hear_literal(struct imap_client *c)
{
    struct items it = { .uid = 0 };
    struct bytes name = BYTES_NONE;
    bool is_item = take_part(c, &it, &name);
    if (c->step == STEP_BODY && is_item && is_body_name(name)) {
        stream_body(c, &it);
        return;
    }
    uint64_t limit = imap_wire_room(&c->wire);
    if (is_item && is_header_name(name))
        limit = HEADER_LIMIT;
    if (c->step == STEP_LOGOUT)
        imap_wire_stream(&c->wire);
    else if (c->wire.literal_size > limit)
        imap_client_breach(c, "an over-long literal", bytes_slice(buf_bytes(&c->wire.text), 0, 100));
    else
        imap_wire_keep(&c->wire);
}
