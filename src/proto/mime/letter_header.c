/* proto/mime/letter_header.c - a table says what is made of each field; the rest is only listed. */
#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "proto/mime/header.h"
#include "proto/mime/letter_private.h"
#include "proto/mime/split.h"

#define FIELDS_LIMIT 2000

/* Where no line says that the header is over, the first empty one is looked for. */
static size_t find_body(struct bytes in, size_t from)
{
    struct bytes rest = bytes_slice(in, from, in.size);
    size_t lf = bytes_find(rest, BYTES_LIT("\n\n")), crlf = bytes_find(rest, BYTES_LIT("\n\r\n"));
    if (lf == SIZE_MAX && crlf == SIZE_MAX)
        return in.size;
    return from + (lf < crlf ? lf + 2 : crlf + 3);
}

/* The splitter sees the message in one piece, so the pieces of a field's body are views that lie side by side. */
size_t letter_each_field(struct bytes in, letter_field_fn *each, void *ctx, bool *is_over)
{
    struct mime_split split = { .place = MIME_AT_LINE };
    struct bytes rest = in, piece, value = BYTES_NONE;
    bool is_last = false;
    *is_over = false;
    for (;;) {
        switch (mime_split_next(&split, &rest, is_last, &piece)) {
        case MIME_MORE:
            if (is_last)
                return in.size;
            is_last = true;
            break;
        case MIME_NAME:
            value = BYTES_NONE;
            break;
        case MIME_VALUE:
            value.data = value.data ? value.data : piece.data;
            value.size += piece.size;
            break;
        case MIME_END_FIELD:
            each(ctx, split.name, value);
            break;
        case MIME_END_HEADER:
            return in.size - rest.size - (split.is_stray ? split.head_size : 0);
        case MIME_MAILBOX:
        case MIME_BODY:
            break;
        }
        if (split.size > MIME_HEADER_LIMIT) {
            *is_over = true;
            return find_body(in, in.size - rest.size);
        }
    }
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The next "<...>" at or behind *at, which moves behind it; NULL: there is none. */
static const char *next_id(struct arena *arena, struct bytes value, size_t *at)
{
    const uint8_t *from = *at < value.size ? memchr(value.data + *at, '<', value.size - *at) : NULL;
    const uint8_t *to = from ? memchr(from, '>', value.size - (size_t)(from - value.data)) : NULL;
    if (!to)
        return NULL;
    *at = (size_t)(to - value.data) + 1;
    char *id = arena_alloc(arena, (size_t)(to - from) + 2);
    size_t size = 0;
    for (; from <= to; from++)
        if (!is_blank(*from))
            id[size++] = (char)*from;
    return size <= MIME_TEXT_LIMIT ? letter_clean(arena, id) : "";
}

const char *letter_message_id(struct arena *arena, struct bytes value)
{
    size_t at = 0;
    const char *id = next_id(arena, value, &at);
    if (id)
        return id;
    char *word = letter_unfold(arena, value);
    word[strcspn(word, " \t<>")] = '\0';
    return *word && strlen(word) < MIME_TEXT_LIMIT ? letter_clean(arena, arena_printf(arena, "<%s>", word)) : "";
}

static void take_message_id(struct letter_make *m, struct bytes value)
{
    if (!*m->letter->message_id)
        m->letter->message_id = letter_message_id(m->arena, value);
}

/* "Your message of Friday" is an In-Reply-To of old times; only what has brackets or an '@' is one. */
static void take_in_reply_to(struct letter_make *m, struct bytes value)
{
    bool is_id = memchr(value.data, '<', value.size) || memchr(value.data, '@', value.size);
    if (is_id && !*m->letter->in_reply_to)
        m->letter->in_reply_to = letter_message_id(m->arena, value);
}

/* Where there are too many, the last ones count: they stand nearest to this message. */
static void take_references(struct letter_make *m, struct bytes value)
{
    struct letter *l = m->letter;
    size_t at = 0;
    const char *id;
    if (!l->references)
        l->references = arena_array(m->arena, LETTER_REFERENCES, sizeof *l->references);
    while ((id = next_id(m->arena, value, &at))) {
        if (!*id)
            continue;
        if (l->references_count == LETTER_REFERENCES)
            memmove(l->references, l->references + 1, --l->references_count * sizeof *l->references);
        l->references[l->references_count++] = id;
    }
}

static void take_from(struct letter_make *m, struct bytes value)
{
    letter_addresses(m->arena, value, &m->letter->from);
}

static void take_sender(struct letter_make *m, struct bytes value)
{
    letter_addresses(m->arena, value, &m->letter->sender);
}

static void take_reply_to(struct letter_make *m, struct bytes value)
{
    letter_addresses(m->arena, value, &m->letter->reply_to);
}

static void take_to(struct letter_make *m, struct bytes value)
{
    letter_addresses(m->arena, value, &m->letter->to);
}

static void take_cc(struct letter_make *m, struct bytes value)
{
    letter_addresses(m->arena, value, &m->letter->cc);
}

static void take_subject(struct letter_make *m, struct bytes value)
{
    if (!*m->letter->subject)
        m->letter->subject = letter_words(m->arena, value);
}

static void take_date(struct letter_make *m, struct bytes value)
{
    GDateTime *date = *m->letter->date ? NULL : g_mime_utils_header_decode_date(letter_unfold(m->arena, value));
    if (!date)
        return;
    int64_t seconds = g_date_time_to_unix(date);
    g_date_time_unref(date);
    if (seconds < 0 || seconds > 253402300799)
        return;
    char text[32];
    clock_iso(seconds * 1000, text, sizeof text);
    m->letter->date = arena_printf(m->arena, "%.19sZ", text);
}

/* The newest stands first; "<>" says that nobody wants an answer. */
static void take_return_path(struct letter_make *m, struct bytes value)
{
    if (*m->letter->return_path)
        return;
    char *text = letter_unfold(m->arena, value), *from = strchr(text, '<'), *to = from ? strrchr(from, '>') : NULL;
    m->is_null_sender = to == (from ? from + 1 : NULL) && from;
    if (to && !m->is_null_sender) {
        *to = '\0';
        text = from + 1;
    }
    m->letter->return_path = letter_clean(m->arena, text);
}

static void take_auto_submitted(struct letter_make *m, struct bytes value)
{
    char *word = letter_unfold(m->arena, value);
    word[strcspn(word, "; \t(")] = '\0';
    if (!*m->letter->auto_submitted)
        m->letter->auto_submitted = letter_clean(m->arena, word);
}

static void take_list_id(struct letter_make *m, struct bytes value)
{
    if (!*m->letter->list_id)
        m->letter->list_id = letter_message_id(m->arena, value);
}

static void take_precedence(struct letter_make *m, struct bytes value)
{
    static const char *const words[] = { "bulk", "junk", "list", "auto_reply", "auto-reply" };
    const char *word = letter_unfold(m->arena, value);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        m->is_bulk = m->is_bulk || text_equal_nocase(word, words[i]);
}

/* Who asks for no automatic answer is a machine that means to start no loop (Exchange writes it into every report and auto-reply). */
static void take_suppress(struct letter_make *m, struct bytes value)
{
    const char *words = letter_unfold(m->arena, value);
    m->is_bulk = m->is_bulk || (*words && !text_equal_nocase(words, "None"));
}

static void take_autoreply(struct letter_make *m, struct bytes value)
{
    const char *word = letter_unfold(m->arena, value);
    m->is_bulk = m->is_bulk || (*word && !text_equal_nocase(word, "no"));
}

static void take_thread(struct letter_make *m, struct bytes value)
{
    m->has_thread = true;
}

static void take_content_type(struct letter_make *m, struct bytes value)
{
    struct bytes from = bytes_trim(value);
    if (!bytes_starts_nocase(from, "multipart/report"))
        return;
    char *lower = letter_unfold(m->arena, from);
    for (char *c = lower; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    m->says_report = m->says_report || strstr(lower, "delivery-status");
}

static const struct {
    const char *name;
    void (*take)(struct letter_make *m, struct bytes value);
} known[] = {
    { "Message-ID", take_message_id },
    { "In-Reply-To", take_in_reply_to },
    { "References", take_references },
    { "From", take_from },
    { "Sender", take_sender },
    { "Reply-To", take_reply_to },
    { "To", take_to },
    { "Cc", take_cc },
    { "Subject", take_subject },
    { "Date", take_date },
    { "Return-Path", take_return_path },
    { "Auto-Submitted", take_auto_submitted },
    { "List-Id", take_list_id },
    { "Precedence", take_precedence },
    { "X-Auto-Response-Suppress", take_suppress },
    { "X-Autoreply", take_autoreply },
    { "X-Autorespond", take_autoreply },
    { "Thread-Index", take_thread },
    { "Thread-Topic", take_thread },
    { "Content-Type", take_content_type },
};

static void list_field(struct letter_make *m, struct bytes name, struct bytes value)
{
    struct letter *l = m->letter;
    if (l->fields_count == FIELDS_LIMIT) {
        letter_trouble(m, "too many header fields: some are not listed");
        return;
    }
    l->fields = letter_room(m->arena, l->fields, l->fields_count, &m->fields_room, sizeof *l->fields);
    l->fields[l->fields_count++] = (struct letter_field){ arena_strndup(m->arena, name.data, name.size),
                                                          letter_words(m->arena, value) };
}

static void take_field(void *ctx, struct bytes name, struct bytes value)
{
    struct letter_make *m = ctx;
    if (value.size > LETTER_VALUE_LIMIT) {
        letter_trouble(m, "a header field is too long and was cut");
        value.size = LETTER_VALUE_LIMIT;
    }
    list_field(m, name, value);
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal_nocase(name, bytes_of(known[i].name)))
            known[i].take(m, value.data ? value : BYTES_LIT(""));
}

size_t letter_read_header(struct letter_make *m, struct bytes message)
{
    bool is_over;
    size_t body_at = letter_each_field(message, take_field, m, &is_over);
    if (is_over)
        letter_trouble(m, "the header is too long and was cut");
    return body_at;
}
