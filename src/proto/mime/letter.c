/* proto/mime/letter.c - the header first, then the body, then what both say together. */
#include "proto/mime/letter.h"

#include <gmime/gmime.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

void letter_trouble(struct letter_make *m, const char *text)
{
    size_t used = strlen(m->trouble);
    if (strstr(m->trouble, text) || used + strlen(text) + 3 > sizeof m->trouble)
        return;
    snprintf(m->trouble + used, sizeof m->trouble - used, "%s%s", used ? "; " : "", text);
}

void *letter_room(struct arena *arena, void *items, size_t count, size_t *room, size_t size)
{
    if (count < *room)
        return items;
    *room = *room ? *room * 2 : 8;
    void *larger = arena_array(arena, *room, size);
    if (count)
        memcpy(larger, items, count * size);
    return larger;
}

static struct letter *new_letter(struct arena *arena)
{
    struct letter *l = arena_alloc(arena, sizeof *l);
    l->message_id = l->in_reply_to = l->subject = l->date = l->return_path = "";
    l->auto_submitted = l->list_id = l->reported_id = l->text = l->html = l->trouble = "";
    return l;
}

/* Reports on successes are automatic, but nothing bounced. */
static bool reports_trouble(const struct letter *l)
{
    for (size_t i = 0; i < l->reports_count; i++)
        if (text_equal_nocase(l->reports[i].action, "failed") || text_equal_nocase(l->reports[i].action, "delayed"))
            return true;
    return false;
}

static bool is_reply_by_subject(const struct letter_make *m)
{
    return m->has_thread && bytes_starts_nocase(bytes_of(m->letter->subject), "re:");
}

static bool says_automatic(const struct letter_make *m)
{
    const char *word = m->letter->auto_submitted;
    return m->is_bulk || m->is_null_sender || m->says_report || (*word && !text_equal_nocase(word, "no"));
}

static void judge(struct letter_make *m)
{
    struct letter *l = m->letter;
    bool is_answer = *l->in_reply_to || l->references_count > 0 || is_reply_by_subject(m);
    l->is_bounce = m->is_whole && l->reports_count ? reports_trouble(l) : m->says_report;
    l->is_reply = is_answer && !m->says_report && !l->is_bounce;
    l->is_automatic = l->is_bounce || says_automatic(m);
    /* Exchange answers the message that it could not deliver; its report may come without the returned header. */
    if (l->is_bounce && !*l->reported_id)
        l->reported_id = l->in_reply_to;
}

static const struct letter *parse(struct bytes message, bool whole, struct arena *arena)
{
    g_mime_init();
    struct letter_make m = { .arena = arena, .letter = new_letter(arena), .is_whole = whole };
    letter_read_header(&m, message);
    if (whole)
        letter_read_body(&m, message);
    judge(&m);
    if (m.trouble[0])
        m.letter->trouble = arena_strdup(arena, m.trouble);
    return m.letter;
}

const struct letter *letter_parse_undigested(struct bytes message, struct arena *arena)
{
    return parse(message, true, arena);
}

const struct letter *letter_parse(struct bytes message, bool whole, struct arena *arena)
{
    const struct letter *l = parse(message, whole, arena);
    struct letter_digest *d = letter_digest_new(l, arena);
    while (!letter_digest_step(d, SIZE_MAX))
        ;
    letter_digest_free(d);
    return l;
}
