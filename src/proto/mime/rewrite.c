/* proto/mime/rewrite.c - fields that matter are held until they are whole; what must be known of all fields (is there a
 * Reply-To?) is settled at the header's end, where the new ones are added. */
#include "proto/mime/rewrite.h"

#include <string.h>

#include "base/text.h"
#include "proto/mime/address.h"
#include "proto/mime/header.h"
#include "proto/mime/split.h"

struct mime_rewrite {
    struct arena *arena;
    const struct mime_rewrite_plan *plan;
    mime_write_fn *write;
    void *ctx;
    struct mime_split split;
    const struct handled *field; /* the one that is held, NULL: it passes */
    struct mime_capture held;    /* name, colon and body */
    size_t held_name_size;
    bool has_from, has_reply_to, has_date, has_message_id;
    struct bytes original; /* the first From's body, if it becomes Reply-To */
    uint8_t last;          /* octet written */
    bool is_stopped;       /* the host can't keep more */
};

struct handled {
    const char *name;
    void (*settle)(struct mime_rewrite *r);
};

static bool forces_from(const struct mime_rewrite *r)
{
    return !text_is_empty(r->plan->from);
}

static void put(struct mime_rewrite *r, struct bytes out)
{
    if (r->is_stopped || out.size == 0)
        return;
    r->last = out.data[out.size - 1];
    r->is_stopped = !r->write(r->ctx, out);
}

static void put_text(struct mime_rewrite *r, const char *text)
{
    put(r, bytes_of(text));
}

static struct bytes held_value(const struct mime_rewrite *r)
{
    return bytes_slice((struct bytes){ r->held.data, r->held.size }, r->held_name_size, r->held.size);
}

static bool read_held(struct mime_rewrite *r, struct mime_addresses *list)
{
    *list = (struct mime_addresses){ .count = 0 };
    return !r->held.is_cut && mime_addresses_parse(held_value(r), r->arena, list, NULL);
}

static bool is_only_forced(const struct mime_rewrite *r, const struct mime_addresses *list)
{
    return list->count == 1 && text_equal_nocase(list->items[0].address, r->plan->from);
}

/* A name is written as it was. One with an '@' outside quotes would be read as an address by the next reader: it is quoted, and
 * left out where quoting could not be right. */
static void put_phrase(struct mime_rewrite *r, struct bytes phrase)
{
    bool has_at = bytes_find(phrase, BYTES_LIT("@")) != SIZE_MAX;
    bool is_quoted = bytes_find(phrase, BYTES_LIT("\"")) != SIZE_MAX;
    bool is_encoded = bytes_find(phrase, BYTES_LIT("=?")) != SIZE_MAX;
    bool is_one_string = is_quoted && phrase.data[0] == '"' &&
                         bytes_find(bytes_slice(phrase, 1, phrase.size), BYTES_LIT("\"")) == phrase.size - 2;
    if (phrase.size == 0 || (has_at && !is_one_string && (is_quoted || is_encoded)))
        return;
    const char *quote = has_at && !is_quoted ? "\"" : "";
    put_text(r, quote);
    put(r, phrase);
    put_text(r, quote);
    put_text(r, " ");
}

static void put_from(struct mime_rewrite *r, const struct mime_address *old)
{
    put_text(r, "From: ");
    if (old)
        put_phrase(r, old->phrase);
    put_text(r, "<");
    put_text(r, r->plan->from);
    put_text(r, ">");
    if (old && old->phrase.size == 0 && old->comment.size > 0) {
        put_text(r, " ");
        put(r, old->comment);
    }
    put_text(r, "\r\n");
}

/* Only who can be written to may become Reply-To. */
static void keep_original(struct mime_rewrite *r, const struct mime_addresses *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (!strchr(list->items[i].address, '@'))
            return;
    r->original = bytes_trim(arena_bytes(r->arena, held_value(r)));
}

static void settle_from(struct mime_rewrite *r)
{
    struct mime_addresses list;
    if (r->has_from)
        return;
    r->has_from = true;
    bool is_readable = read_held(r, &list) && list.count > 0;
    if (is_readable && is_only_forced(r, &list)) {
        put(r, (struct bytes){ r->held.data, r->held.size });
        return;
    }
    put_from(r, is_readable ? &list.items[0] : NULL);
    if (is_readable)
        keep_original(r, &list);
}

static void settle_sender(struct mime_rewrite *r)
{
    struct mime_addresses list;
    if (read_held(r, &list) && is_only_forced(r, &list))
        put(r, (struct bytes){ r->held.data, r->held.size });
}

static const struct handled handled[] = { { "From", settle_from }, { "Sender", settle_sender } };

struct mime_rewrite *mime_rewrite_new(struct arena *arena, const struct mime_rewrite_plan *plan, mime_write_fn *write,
                                      void *ctx)
{
    struct mime_rewrite *r = arena_alloc(arena, sizeof *r);
    r->arena = arena;
    r->plan = plan;
    r->write = write;
    r->ctx = ctx;
    r->last = '\n';
    return r;
}

static void begin_field(struct mime_rewrite *r, struct bytes head)
{
    struct bytes name = r->split.name;
    r->field = NULL;
    for (size_t i = 0; i < sizeof handled / sizeof handled[0] && forces_from(r); i++)
        if (bytes_equal_nocase(name, bytes_of(handled[i].name)))
            r->field = &handled[i];
    r->has_reply_to = r->has_reply_to || bytes_equal_nocase(name, BYTES_LIT("Reply-To"));
    r->has_date = r->has_date || bytes_equal_nocase(name, BYTES_LIT("Date"));
    r->has_message_id = r->has_message_id || bytes_equal_nocase(name, BYTES_LIT("Message-ID"));
    r->held.size = 0;
    r->held.is_cut = false;
    r->held_name_size = head.size;
}

static void pass_or_hold(struct mime_rewrite *r, struct bytes piece)
{
    if (r->field)
        mime_capture_add(&r->held, r->arena, piece);
    else
        put(r, piece);
}

static void add_field(struct mime_rewrite *r, const char *name, struct bytes value)
{
    if (r->last != '\n')
        put_text(r, "\r\n");
    put_text(r, name);
    put(r, value);
    put_text(r, "\r\n");
}

/* An empty line that was not there is put before a stray one if the next reader must not go on looking for fields. */
static void end_header(struct mime_rewrite *r, struct bytes empty_line)
{
    const struct mime_rewrite_plan *plan = r->plan;
    bool is_added = false;
    if (forces_from(r) && !r->has_from) {
        add_field(r, "From: ", bytes_of(plan->from));
        is_added = true;
    }
    if (r->original.size > 0 && !r->has_reply_to) {
        add_field(r, "Reply-To: ", r->original);
        is_added = true;
    }
    if (plan->date && !r->has_date) {
        add_field(r, "Date: ", bytes_of(plan->date));
        is_added = true;
    }
    if (plan->message_id && !r->has_message_id) {
        add_field(r, "Message-ID: ", bytes_of(plan->message_id));
        is_added = true;
    }
    if (r->split.is_stray && (is_added || forces_from(r)))
        put_text(r, "\r\n");
    put(r, empty_line);
}

static void take_part(struct mime_rewrite *r, enum mime_part part, struct bytes piece)
{
    switch (part) {
    case MIME_NAME:
        begin_field(r, piece);
        pass_or_hold(r, piece);
        break;
    case MIME_VALUE:
        pass_or_hold(r, piece);
        break;
    case MIME_END_FIELD:
        if (r->field)
            r->field->settle(r);
        break;
    case MIME_END_HEADER:
        end_header(r, piece);
        break;
    case MIME_MAILBOX:
        if (!forces_from(r))
            put(r, piece);
        break;
    case MIME_BODY:
        put(r, piece);
        break;
    case MIME_MORE:
        break;
    }
}

static bool run(struct mime_rewrite *r, struct bytes in, bool is_last, struct fault *why)
{
    enum mime_part part;
    struct bytes piece;
    while (!r->is_stopped && (part = mime_split_next(&r->split, &in, is_last, &piece)) != MIME_MORE) {
        take_part(r, part, piece);
        if (r->split.size > MIME_HEADER_LIMIT)
            return fault_set(why, FAULT_REJECT, "", "the message's header is over %d octets", MIME_HEADER_LIMIT);
    }
    return !r->is_stopped;
}

bool mime_rewrite_feed(struct mime_rewrite *r, struct bytes in, struct fault *why)
{
    return run(r, in, false, why);
}

bool mime_rewrite_end(struct mime_rewrite *r, struct fault *why)
{
    return run(r, BYTES_NONE, true, why);
}
