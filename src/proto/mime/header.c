/* proto/mime/header.c - a table says which fields are remembered, and what is made of each. */
#include "proto/mime/header.h"

#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"
#include "proto/mime/split.h"

struct field {
    const char *name;
    bool is_kept; /* its body is captured */
    void (*take)(struct mime_scan *s, struct bytes value);
};

struct mime_scan {
    struct arena *arena;
    struct mime_split split;
    struct mime_capture value;
    const struct field *field; /* the one under way, NULL if it does not matter */
    struct mime_header header;
    bool is_over;
};

static bool add_addresses(struct mime_scan *s, const struct mime_addresses *more, struct fault *why)
{
    struct mime_addresses *from = &s->header.from;
    if (from->count == 0) {
        *from = *more;
        return true;
    }
    if (more->count > MIME_ADDRESSES_LIMIT - from->count)
        return fault_set(why, FAULT_REJECT, "", "over %d From addresses", MIME_ADDRESSES_LIMIT);
    struct mime_address *all = arena_array(s->arena, from->count + more->count, sizeof *all);
    memcpy(all, from->items, from->count * sizeof *all);
    if (more->count)
        memcpy(all + from->count, more->items, more->count * sizeof *all);
    from->items = all;
    from->count += more->count;
    return true;
}

static bool read_from(struct mime_scan *s, struct bytes value, struct fault *why)
{
    struct mime_addresses more;
    if (s->value.is_cut)
        return fault_set(why, FAULT_REJECT, "", "a From field over %d octets", MIME_FIELD_LIMIT);
    /* The views into it outlive the capture, which serves the next field. */
    return mime_addresses_parse(arena_bytes(s->arena, value), s->arena, &more, why) && add_addresses(s, &more, why);
}

static void take_from(struct mime_scan *s, struct bytes value)
{
    s->header.from_fields++;
    if (s->header.is_from_readable)
        s->header.is_from_readable = read_from(s, value, &s->header.from_trouble);
}

static void take_sender(struct mime_scan *s, struct bytes value)
{
    struct mime_addresses senders;
    bool is_first = s->header.sender_fields++ == 0;
    if (is_first && !s->value.is_cut && mime_addresses_parse(value, s->arena, &senders, NULL) && senders.count == 1)
        s->header.sender = senders.items[0].address;
}

/* Unfolded, without control characters, cut at a character. */
static const char *text_of(struct mime_scan *s, struct bytes value)
{
    value = bytes_trim(value);
    char *text = arena_alloc(s->arena, value.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < value.size; i++)
        if (value.data[i] != '\r' && value.data[i] != '\n')
            text[size++] = value.data[i] == '\t'                          ? ' '
                           : value.data[i] < ' ' || value.data[i] == 0x7f ? '?'
                                                                          : (char)value.data[i];
    text[text_cut((struct bytes){ (const uint8_t *)text, size }, MIME_TEXT_LIMIT)] = 0;
    return text;
}

static void take_message_id(struct mime_scan *s, struct bytes value)
{
    if (s->header.message_id[0] == 0)
        s->header.message_id = text_of(s, value);
}

static void take_subject(struct mime_scan *s, struct bytes value)
{
    if (s->header.subject[0] == 0)
        s->header.subject = text_of(s, value);
}

static void take_auto_submitted(struct mime_scan *s, struct bytes value)
{
    if (s->header.auto_submitted[0] == 0)
        s->header.auto_submitted = text_of(s, value);
}

static void take_date(struct mime_scan *s, struct bytes value)
{
    s->header.has_date = true;
}

static void take_received(struct mime_scan *s, struct bytes value)
{
    s->header.received++;
}

static const struct field fields[] = {
    { "From", true, take_from },
    { "Sender", true, take_sender },
    { "Message-ID", true, take_message_id },
    { "Subject", true, take_subject },
    { "Auto-Submitted", true, take_auto_submitted },
    { "Date", false, take_date },
    { "Received", false, take_received },
};

struct mime_scan *mime_scan_new(struct arena *arena)
{
    struct mime_scan *s = arena_alloc(arena, sizeof *s);
    s->arena = arena;
    s->header.is_from_readable = true;
    s->header.sender = s->header.message_id = s->header.subject = s->header.auto_submitted = "";
    return s;
}

static void begin_field(struct mime_scan *s)
{
    s->field = NULL;
    s->value.size = 0;
    s->value.is_cut = false;
    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (bytes_equal_nocase(s->split.name, bytes_of(fields[i].name)))
            s->field = &fields[i];
    if (s->header.is_stray && s->field && s->field->take != take_from)
        s->field = NULL;
}

/* The header is over for us; a reader that skips the stray line would go on, and might find another From. */
static void end_header(struct mime_scan *s)
{
    if (!s->header.is_stray)
        s->header.size = s->split.size;
    s->is_over = !s->split.is_stray;
    if (s->is_over)
        return;
    s->header.is_stray = true;
    mime_split_skip_stray(&s->split);
}

static void take_value(struct mime_scan *s, struct bytes piece)
{
    s->header.is_8bit = s->header.is_8bit || !text_is_ascii(piece);
    if (s->field && s->field->is_kept)
        mime_capture_add(&s->value, s->arena, piece);
}

static void take_part(struct mime_scan *s, enum mime_part part, struct bytes piece)
{
    switch (part) {
    case MIME_NAME:
        begin_field(s);
        break;
    case MIME_VALUE:
        take_value(s, piece);
        break;
    case MIME_END_FIELD:
        if (s->field)
            s->field->take(s, (struct bytes){ s->value.data, s->value.size });
        break;
    case MIME_END_HEADER:
        end_header(s);
        break;
    case MIME_BODY:
    case MIME_MAILBOX:
    case MIME_MORE:
        break;
    }
}

static bool scan(struct mime_scan *s, struct bytes in, bool is_last)
{
    enum mime_part part;
    struct bytes piece;
    while (!s->is_over && (part = mime_split_next(&s->split, &in, is_last, &piece)) != MIME_MORE) {
        take_part(s, part, piece);
        if (s->split.size > MIME_HEADER_LIMIT) {
            s->is_over = true;
            s->header.is_over = !s->header.is_stray;
        }
    }
    return !s->is_over;
}

bool mime_scan_feed(struct mime_scan *s, struct bytes in)
{
    return scan(s, in, false);
}

const struct mime_header *mime_scan_end(struct mime_scan *s)
{
    scan(s, BYTES_NONE, true);
    return &s->header;
}

const char *mime_subject(const struct mime_header *h, struct arena *arena)
{
    const char *text = letter_words(arena, bytes_of(h->subject));
    struct bytes left = bytes_of(text);
    for (size_t i = 0; i < MIME_SUBJECT_CHARACTERS && left.size > 0; i++)
        left = bytes_slice(left, text_sequence(left), left.size);
    return left.size ? arena_strndup(arena, text, (size_t)(left.data - (const uint8_t *)text)) : text;
}
