/* Received messages: whatever comes in, something comes out, in bounds and readable, and the same facts from the header alone. */
#include <string.h>

#include "base/text.h"
#include "fuzz.h"
#include "proto/mime/letter.h"

static void check_line(const char *text)
{
    PROMISE(text && text_is_line(text));
}

static void check_list(const struct letter_list *list)
{
    PROMISE(list->count <= LETTER_ADDRESSES);
    for (size_t i = 0; i < list->count; i++) {
        check_line(list->items[i].name);
        check_line(list->items[i].address);
    }
}

static void check_header(const struct letter *l)
{
    const char *const lines[] = { l->message_id,     l->in_reply_to, l->subject,     l->date,   l->return_path,
                                  l->auto_submitted, l->list_id,     l->reported_id, l->trouble };
    const struct letter_list *const lists[] = { &l->from, &l->sender, &l->reply_to, &l->to, &l->cc };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        check_line(lines[i]);
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        check_list(lists[i]);
    PROMISE(l->references_count <= LETTER_REFERENCES);
    for (size_t i = 0; i < l->references_count; i++)
        check_line(l->references[i]);
    for (size_t i = 0; i < l->fields_count; i++) {
        check_line(l->fields[i].name);
        check_line(l->fields[i].value);
    }
    PROMISE(!l->is_bounce || l->is_automatic);
}

static void check_part(const struct letter_part *p, struct bytes in)
{
    struct buf out;
    check_line(p->type);
    check_line(p->name);
    check_line(p->content_id);
    check_line(p->disposition);
    check_line(p->encoding);
    PROMISE(!strchr(p->name, '/') && !strchr(p->name, '\\'));
    PROMISE(p->raw.size == 0 || (p->raw.data >= in.data && p->raw.data + p->raw.size <= in.data + in.size));
    buf_init(&out, 1 << 20);
    PROMISE(letter_part_decode(p, &out) ? out.size == p->size : p->size > out.limit);
    buf_fini(&out);
}

static void check_body(const struct letter *l, struct bytes in)
{
    PROMISE(strlen(l->text) <= LETTER_TEXT_LIMIT && text_is_utf8(bytes_of(l->text)));
    PROMISE(strlen(l->html) <= LETTER_TEXT_LIMIT && text_is_utf8(bytes_of(l->html)));
    PROMISE(!strchr(l->text, '\r') && !strchr(l->html, '\r'));
    PROMISE(l->parts_count <= LETTER_PARTS && l->reports_count <= LETTER_REPORTS);
    for (size_t i = 0; i < l->parts_count; i++)
        check_part(&l->parts[i], in);
    for (size_t i = 0; i < l->reports_count; i++) {
        check_line(l->reports[i].recipient);
        check_line(l->reports[i].action);
        check_line(l->reports[i].status);
        check_line(l->reports[i].diagnostic);
        check_line(l->reports[i].remote);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size };
    struct arena *arena = arena_new();
    char mark[65];
    const struct letter *whole = letter_parse(in, true, arena), *header = letter_parse(in, false, arena);
    check_header(whole);
    check_header(header);
    check_body(whole, in);
    PROMISE(strcmp(whole->subject, header->subject) == 0 && whole->fields_count == header->fields_count);
    letter_fingerprint(in, mark);
    PROMISE(strlen(mark) == 64);
    arena_free(arena);
    return 0;
}
