/* FETCH: an answer as long as a mailbox, made as the client takes it. Messages are mapped, and read only when it must be. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/imapd_items.h"
#include "sandbox/imapd_private.h"

#define PENDING_MAX (256 * 1024) /* what may wait for the client */
#define CHUNK (64 * 1024)
#define COPIED_MAX (16 * 1024) /* smaller parts go into the text */
#define TEXT_MAX (64 * 1024 * 1024)

/* Octets of the mapped message that stand in the text at some place. */
struct piece {
    size_t at;
    struct bytes raw;
};

struct imapd_fetch {
    struct buf command; /* and its arena: wants and numbers are in them */
    struct arena *arena;
    struct arena *scratch; /* of the messages at hand */
    struct imapd_want *wants;
    struct imapd_pick pick;
    size_t next;
    bool needs_bytes, needs_parts, marks_seen;

    struct bytes message; /* mapped while pieces of it wait */
    struct buf text;
    struct piece *pieces; /* in scratch */
    size_t pieces_count, piece, text_sent, raw_sent;
};

void imapd_fetch_free(struct imapd_session *s)
{
    struct imapd_fetch *f = s->fetch;
    if (f == NULL)
        return;
    s->fetch = NULL;
    mailstore_unmap(&f->message);
    buf_fini(&f->text);
    buf_fini(&f->command);
    arena_free(f->arena);
    arena_free(f->scratch);
    free(f);
}

static void look_at_wants(struct imapd_fetch *f)
{
    for (const struct imapd_want *w = f->wants; w != NULL; w = w->next) {
        bool is_section = w->kind == ITEM_SECTION;
        bool is_structure = w->kind == ITEM_BODY || w->kind == ITEM_BODYSTRUCTURE;
        f->needs_bytes |= is_section || is_structure || w->kind == ITEM_ENVELOPE;
        f->needs_parts |= is_structure || (is_section && (w->numbers_count > 0 || w->section != SECTION_WHOLE));
        f->marks_seen |= is_section && !w->peeks;
    }
}

static void add_raw(struct imapd_fetch *f, struct bytes raw)
{
    buf_addf(&f->text, "{%zu}\r\n", raw.size);
    bool is_of_message = raw.data >= f->message.data && raw.data + raw.size <= f->message.data + f->message.size;
    if (raw.size <= COPIED_MAX || !is_of_message)
        buf_add_bytes(&f->text, raw);
    else
        f->pieces[f->pieces_count++] = (struct piece){ f->text.size, raw };
}

static void add_want(struct imapd_session *s, struct imapd_fetch *f, const struct imapd_want *w,
                     const struct mailitem *item, const struct imapd_part *root)
{
    struct bytes raw;
    char date[32];
    bool is_estimate = switches_is(s->sandbox->switches, SWITCH_IMAP_SIZE, "estimate");
    switch (w->kind) {
    case ITEM_FLAGS:
        imapd_add_flags(s, &f->text, item);
        break;
    case ITEM_UID:
        buf_addf(&f->text, "UID %u", item->uid);
        break;
    case ITEM_INTERNALDATE:
        imapd_date_time_text(item->received_ms, date);
        buf_addf(&f->text, "INTERNALDATE \"%s\"", date);
        break;
    case ITEM_SIZE: /* a long-known trait of Exchange: it may be off (reference 5.4) */
        buf_addf(&f->text, "RFC822.SIZE %llu", (unsigned long long)item->size + (is_estimate ? 17 : 0));
        break;
    case ITEM_ENVELOPE:
        buf_add_str(&f->text, "ENVELOPE ");
        imapd_add_envelope(&f->text, root->header);
        break;
    case ITEM_BODY:
    case ITEM_BODYSTRUCTURE:
        buf_add_str(&f->text, w->kind == ITEM_BODY ? "BODY " : "BODYSTRUCTURE ");
        imapd_add_structure(&f->text, root, w->kind == ITEM_BODYSTRUCTURE);
        break;
    case ITEM_SECTION:
        buf_add_bytes(&f->text, w->label);
        buf_add_byte(&f->text, ' ');
        if (imapd_section_bytes(w, root, f->message, f->scratch, &raw))
            add_raw(f, raw);
        else
            buf_add_str(&f->text, "NIL");
        break;
    }
}

static bool wants_kind(const struct imapd_fetch *f, enum imapd_item_kind kind)
{
    for (const struct imapd_want *w = f->wants; w != NULL; w = w->next) {
        if (w->kind == kind)
            return true;
    }
    return false;
}

/* For envelopes and whole messages the parts need not be looked for. */
static const struct imapd_part *open_message(struct imapd_session *s, struct imapd_fetch *f,
                                             const struct mailitem *item)
{
    if (!f->needs_bytes)
        return NULL;
    mailstore_map(s->sandbox->mail, item->id, &f->message);
    if (f->needs_parts)
        return imapd_mime_parse(f->scratch, f->message);
    struct imapd_part *only = arena_alloc(f->scratch, sizeof *only);
    imapd_split(f->message, &only->header, &only->body);
    return only;
}

static bool marks_now(struct imapd_session *s, struct imapd_fetch *f, struct mailitem *item, uint32_t number)
{
    if (!f->marks_seen || s->view.is_read_only || (item->flags & MAIL_SEEN))
        return false;
    mailfolder_set_flags(s->view.folder, item, item->flags | MAIL_SEEN);
    s->view.seen[number - 1].flags = item->flags;
    return !wants_kind(f, ITEM_FLAGS);
}

static size_t count_wants(const struct imapd_fetch *f)
{
    size_t count = 0;
    for (const struct imapd_want *w = f->wants; w != NULL; w = w->next)
        count++;
    return count;
}

static void add_message(struct imapd_session *s, struct imapd_fetch *f, uint32_t number)
{
    struct mailitem *item = imapd_item(s, number);
    if (item == NULL) /* another session took it out */
        return;
    bool tells_flags = marks_now(s, f, item, number);
    const struct imapd_part *root = open_message(s, f, item);
    f->pieces = arena_array(f->scratch, count_wants(f), sizeof *f->pieces);
    buf_addf(&f->text, "* %u FETCH (", number);
    for (const struct imapd_want *w = f->wants; w != NULL; w = w->next) {
        add_want(s, f, w, item, root);
        buf_add_str(&f->text, w->next != NULL ? " " : "");
    }
    if (s->is_uid && !wants_kind(f, ITEM_UID))
        buf_addf(&f->text, " UID %u", item->uid);
    if (tells_flags) {
        buf_add_byte(&f->text, ' ');
        imapd_add_flags(s, &f->text, item);
    }
    buf_add_str(&f->text, ")\r\n");
}

/* Some more messages into the text, up to a chunk, or to one that stays mapped. False: there are none. */
static bool make_more(struct imapd_session *s, struct imapd_fetch *f)
{
    if (f->next == f->pick.count)
        return false;
    buf_clear(&f->text);
    f->pieces_count = f->piece = f->text_sent = f->raw_sent = 0;
    while (f->next < f->pick.count && f->text.size < CHUNK && f->pieces_count == 0) {
        mailstore_unmap(&f->message);
        arena_reset(f->scratch);
        add_message(s, f, f->pick.numbers[f->next++]);
    }
    if (f->pieces_count == 0)
        mailstore_unmap(&f->message);
    return true;
}

/* The next octets to send, lent; empty: all of it is sent. */
static struct bytes next_octets(struct imapd_fetch *f)
{
    size_t text_to = f->piece < f->pieces_count ? f->pieces[f->piece].at : f->text.size;
    if (f->text_sent < text_to) {
        size_t to = text_to - f->text_sent > CHUNK ? f->text_sent + CHUNK : text_to;
        struct bytes part = bytes_slice(buf_bytes(&f->text), f->text_sent, to);
        f->text_sent = to;
        return part;
    }
    if (f->piece == f->pieces_count)
        return BYTES_NONE;
    struct bytes part = bytes_slice(f->pieces[f->piece].raw, f->raw_sent, f->raw_sent + CHUNK);
    f->raw_sent += part.size;
    if (f->raw_sent == f->pieces[f->piece].raw.size) {
        f->piece++;
        f->raw_sent = 0;
    }
    return part;
}

/* True: all of it went out, or waits no longer. */
static bool pump(struct imapd_session *s)
{
    struct imapd_fetch *f = s->fetch;
    while (conn_pending(s->link.conn) < PENDING_MAX) {
        struct bytes part = next_octets(f);
        if (part.size > 0 && !link_write(&s->link, part))
            return true; /* the connection is gone, and the answer with it */
        if (part.size == 0 && !make_more(s, f))
            return true;
    }
    return false;
}

void imapd_fetch_go_on(struct imapd_session *s)
{
    if (s->fetch == NULL || loop_timer_is_running(&s->link.timer) || !pump(s) || s->fetch == NULL)
        return;
    imapd_fetch_free(s);
    s->link.is_waiting = false;
    imapd_ok(s);
    link_send(&s->link);
    if (!s->link.is_over && !s->link.is_waiting)
        conn_resume(s->link.conn);
}

static void on_late(void *ctx)
{
    imapd_fetch_go_on(ctx);
}

static void start(struct imapd_session *s)
{
    s->link.is_waiting = true;
    conn_pause(s->link.conn);
    if (s->link.delay_ms > 0) {
        loop_timer_init(&s->link.timer, s->sandbox->loop, on_late, s);
        loop_timer_start(&s->link.timer, s->link.delay_ms);
        s->link.delay_ms = 0;
    } else {
        imapd_fetch_go_on(s);
    }
}

void imapd_on_fetch(struct imapd_session *s, struct imapd_in *in)
{
    struct imapd_set set;
    if (!imapd_take_blank(in) || !imapd_take_set(in, &set) || !imapd_take_blank(in)) {
        imapd_bad_arguments(s);
        return;
    }
    struct imapd_want *wants = imapd_take_wants(in);
    if (wants == NULL) {
        imapd_bad_arguments(s);
        return;
    }
    struct imapd_fetch *f = mem_alloc(sizeof *f);
    imapd_pick(s, &set, &f->pick);
    f->wants = wants;
    f->arena = s->arena;
    f->command = s->command;
    s->arena = arena_new();
    buf_init(&s->command, f->command.limit);
    f->scratch = arena_new();
    buf_init(&f->text, TEXT_MAX);
    look_at_wants(f);
    s->fetch = f;
    start(s);
}
