/* proto/mime/letter_report.c - what a delivery-status part says of each recipient (RFC 3464, 6533), and whose mail it was. */
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

struct group {
    struct arena *arena;
    const char *original, *final;
    struct letter_report report;
};

/* "rfc822; joe@x" and "smtp; 550 no" have a type before what they say. */
static const char *untyped(struct arena *arena, struct bytes value)
{
    const char *text = letter_words(arena, value), *semicolon = strchr(text, ';');
    if (semicolon && semicolon - text <= 20 && !memchr(text, '@', (size_t)(semicolon - text)))
        text = semicolon + 1;
    return text + strspn(text, " \t");
}

static const char *first_word(struct arena *arena, struct bytes value)
{
    const char *text = letter_words(arena, value);
    return arena_strndup(arena, text, strcspn(text, " \t;("));
}

/* Some write the address in brackets. */
static const char *address_in(struct arena *arena, struct bytes value)
{
    const char *text = untyped(arena, value);
    size_t size = strlen(text);
    return size > 2 && text[0] == '<' && text[size - 1] == '>' ? arena_strndup(arena, text + 1, size - 2) : text;
}

static void take_field(void *ctx, struct bytes name, struct bytes value)
{
    struct group *g = ctx;
    value = bytes_slice(value, 0, LETTER_VALUE_LIMIT);
    if (bytes_equal_nocase(name, BYTES_LIT("Final-Recipient")))
        g->final = address_in(g->arena, value);
    else if (bytes_equal_nocase(name, BYTES_LIT("Original-Recipient")))
        g->original = address_in(g->arena, value);
    else if (bytes_equal_nocase(name, BYTES_LIT("Action")))
        g->report.action = first_word(g->arena, value);
    else if (bytes_equal_nocase(name, BYTES_LIT("Status")))
        g->report.status = first_word(g->arena, value);
    else if (bytes_equal_nocase(name, BYTES_LIT("Diagnostic-Code")))
        g->report.diagnostic = untyped(g->arena, value);
    else if (bytes_equal_nocase(name, BYTES_LIT("Remote-MTA")))
        g->report.remote = untyped(g->arena, value);
}

/* The group about the message itself names no recipient. The original address is the one that we wrote to. */
static void add_group(struct letter_make *m, struct group *g)
{
    struct letter *l = m->letter;
    g->report.recipient = *g->original ? g->original : g->final;
    if (!*g->report.recipient && !*g->report.action)
        return;
    if (l->reports_count == LETTER_REPORTS) {
        letter_trouble(m, "a report on too many recipients: some are left out");
        return;
    }
    l->reports = letter_room(m->arena, l->reports, l->reports_count, &m->reports_room, sizeof *l->reports);
    l->reports[l->reports_count++] = g->report;
}

static size_t line_size(struct bytes in)
{
    size_t lf = bytes_find(in, BYTES_LIT("\n"));
    return lf == SIZE_MAX ? in.size : lf + 1;
}

void letter_read_report(struct letter_make *m, struct bytes status)
{
    while (status.size > 0 && m->letter->reports_count <= LETTER_REPORTS) {
        struct group g = { .arena = m->arena, .original = "", .final = "" };
        g.report = (struct letter_report){ "", "", "", "", "" };
        bool is_over;
        size_t used = letter_each_field(status, take_field, &g, &is_over);
        add_group(m, &g);
        /* A line that is no field would stand there for ever. */
        if (used == 0)
            used = line_size(status);
        status = bytes_slice(status, used, status.size);
    }
}

static void take_returned(void *ctx, struct bytes name, struct bytes value)
{
    struct letter_make *m = ctx;
    if (!*m->letter->reported_id && bytes_equal_nocase(name, BYTES_LIT("Message-ID")))
        m->letter->reported_id = letter_message_id(m->arena, value);
}

void letter_read_returned(struct letter_make *m, struct bytes header)
{
    bool is_over;
    letter_each_field(header, take_returned, m, &is_over);
}
