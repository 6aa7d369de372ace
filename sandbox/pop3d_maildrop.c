/* INBOX by numbers: what is in it, how it goes out, and what is taken out at QUIT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "sandbox/pop3d_private.h"

#define PENDING_MAX (256 * 1024) /* what may wait for the client */
#define CHUNK (64 * 1024)

void pop3d_open(struct pop3d_session *s)
{
    struct mailfolder *f = mailfolder_find(mailstore_boxes(s->sandbox->mail), s->address, "INBOX");
    s->folder = f;
    s->validity = f->validity;
    s->count = f->count;
    s->entries = mem_alloc((f->count + 1) * sizeof *s->entries);
    for (size_t i = 0; i < f->count; i++)
        s->entries[i] = (struct pop3d_entry){ f->items[i].uid, f->items[i].id, f->items[i].size, false };
}

static void end_letter(struct pop3d_session *s)
{
    mailstore_unmap(&s->letter.mapped);
    s->letter.rest = BYTES_NONE;
}

void pop3d_close(struct pop3d_session *s)
{
    end_letter(s);
    free(s->entries);
    s->entries = NULL;
    s->count = 0;
    s->folder = NULL;
}

void pop3d_update(struct pop3d_session *s)
{
    if (s->folder == NULL || s->folder->validity != s->validity)
        return;
    uint32_t *gone = mem_alloc((s->count + 1) * sizeof *gone);
    size_t count = 0;
    for (size_t i = 0; i < s->count; i++) {
        if (s->entries[i].is_deleted)
            gone[count++] = s->entries[i].uid;
    }
    mailfolder_remove(s->folder, gone, count);
    free(gone);
}

static void refuse_number(struct pop3d_session *s)
{
    link_say(&s->link, "-ERR The specified message is out of range or deleted.");
}

/* A message by its number; NULL: there is none, and that was said. */
static struct pop3d_entry *entry_of(struct pop3d_session *s, struct bytes text)
{
    char number[16];
    uint64_t n = 0;
    snprintf(number, sizeof number, "%.*s", (int)(text.size < 12 ? text.size : 12), (const char *)text.data);
    if (text_to_u64(number, UINT32_MAX, &n) && n >= 1 && n <= s->count && !s->entries[n - 1].is_deleted)
        return &s->entries[n - 1];
    refuse_number(s);
    return NULL;
}

void pop3d_on_stat(struct pop3d_session *s, struct bytes args)
{
    size_t count = 0;
    uint64_t octets = 0;
    for (size_t i = 0; i < s->count; i++) {
        count += !s->entries[i].is_deleted;
        octets += s->entries[i].is_deleted ? 0 : s->entries[i].size;
    }
    link_say(&s->link, "+OK %zu %llu", count, (unsigned long long)octets);
}

/* One line about a message, after its number. */
typedef void tell_fn(struct pop3d_session *s, const struct pop3d_entry *e, char *out, size_t size);

static void tell_size(struct pop3d_session *s, const struct pop3d_entry *e, char *out, size_t size)
{
    snprintf(out, size, "%llu", (unsigned long long)e->size);
}

static void tell_uid(struct pop3d_session *s, const struct pop3d_entry *e, char *out, size_t size)
{
    snprintf(out, size, "AAQkAD%08X%08X", s->validity, e->uid);
}

static void list(struct pop3d_session *s, struct bytes args, tell_fn *tell)
{
    char text[64];
    if (args.size > 0) {
        const struct pop3d_entry *e = entry_of(s, args);
        if (e == NULL)
            return;
        tell(s, e, text, sizeof text);
        link_say(&s->link, "+OK %zu %s", (size_t)(e - s->entries) + 1, text);
        return;
    }
    link_say(&s->link, "+OK");
    for (size_t i = 0; i < s->count; i++) {
        if (s->entries[i].is_deleted)
            continue;
        tell(s, &s->entries[i], text, sizeof text);
        link_say(&s->link, "%zu %s", i + 1, text);
    }
    link_say(&s->link, ".");
}

void pop3d_on_list(struct pop3d_session *s, struct bytes args)
{
    list(s, args, tell_size);
}

void pop3d_on_uidl(struct pop3d_session *s, struct bytes args)
{
    list(s, args, tell_uid);
}

/* Some of the letter with dots doubled where CRLF stands before them; false: that was all. */
static bool add_chunk(struct pop3d_letter *m, struct buf *out)
{
    size_t from = 0, size = m->rest.size < CHUNK ? m->rest.size : CHUNK;
    for (size_t i = 0; i < size; i++) {
        uint8_t c = m->rest.data[i];
        if (c == '.' && m->last[0] == '\r' && m->last[1] == '\n') {
            buf_add_bytes(out, bytes_slice(m->rest, from, i));
            buf_add_byte(out, '.');
            from = i;
        }
        m->last[0] = m->last[1];
        m->last[1] = c;
    }
    buf_add_bytes(out, bytes_slice(m->rest, from, size));
    m->rest = bytes_slice(m->rest, size, m->rest.size);
    return m->rest.size > 0;
}

/* True: all of it went out, or waits no longer. */
static bool pump(struct pop3d_session *s)
{
    struct buf out;
    bool has_more = true, is_written = true;
    buf_init(&out, 4 * CHUNK);
    while (has_more && is_written && conn_pending(s->link.conn) < PENDING_MAX) {
        buf_clear(&out);
        has_more = add_chunk(&s->letter, &out);
        is_written = link_write(&s->link, buf_bytes(&out));
    }
    buf_fini(&out);
    return !has_more || !is_written;
}

void pop3d_go_on(struct pop3d_session *s)
{
    struct pop3d_letter *m = &s->letter;
    if (m->rest.data == NULL || loop_timer_is_running(&s->link.timer) || !pump(s) || s->link.is_over)
        return;
    bool is_ended = m->last[0] == '\r' && m->last[1] == '\n';
    end_letter(s);
    s->link.is_waiting = false;
    link_add(&s->link, is_ended ? BYTES_LIT(".\r\n") : BYTES_LIT("\r\n.\r\n"));
    link_send(&s->link);
    if (!s->link.is_over && !s->link.is_waiting)
        conn_resume(s->link.conn);
}

static void on_late(void *ctx)
{
    struct pop3d_session *s = ctx;
    s->link.delay_ms = 0;
    link_send(&s->link);
    pop3d_go_on(s);
}

static void send_letter(struct pop3d_session *s, struct bytes part)
{
    link_say(&s->link, "+OK");
    s->letter.rest = part.data != NULL ? part : BYTES_LIT("");
    memcpy(s->letter.last, "\r\n", 2); /* a dot at the very beginning is one too */
    s->link.is_waiting = true;
    conn_pause(s->link.conn);
    if (s->link.delay_ms > 0) {
        loop_timer_init(&s->link.timer, s->sandbox->loop, on_late, s);
        loop_timer_start(&s->link.timer, s->link.delay_ms);
    } else {
        on_late(s);
    }
}

void pop3d_on_retr(struct pop3d_session *s, struct bytes args)
{
    const struct pop3d_entry *e = entry_of(s, args);
    if (e == NULL)
        return;
    if (mailstore_map(s->sandbox->mail, e->id, &s->letter.mapped))
        send_letter(s, s->letter.mapped);
    else
        link_say(&s->link, "-ERR Server Unavailable. 21");
}

/* Where the header and so many lines of the body end. */
static size_t top_end(struct bytes message, uint64_t lines)
{
    size_t at = 0;
    bool is_body = false;
    while (at < message.size && (!is_body || lines > 0)) {
        const uint8_t *newline = memchr(message.data + at, '\n', message.size - at);
        size_t end = newline != NULL ? (size_t)(newline - message.data) + 1 : message.size;
        lines -= is_body;
        is_body |= bytes_trim(bytes_slice(message, at, end)).size == 0;
        at = end;
    }
    return at;
}

void pop3d_on_top(struct pop3d_session *s, struct bytes args)
{
    char number[24];
    uint64_t lines = 0;
    size_t blank = bytes_find(args, BYTES_LIT(" "));
    struct bytes count = blank == SIZE_MAX ? BYTES_NONE : bytes_trim(bytes_slice(args, blank, args.size));
    snprintf(number, sizeof number, "%.*s", (int)(count.size < 20 ? count.size : 20), (const char *)count.data);
    if (!text_to_u64(number, UINT64_MAX, &lines)) {
        pop3d_bad(s, "-ERR Protocol error. 14");
        return;
    }
    const struct pop3d_entry *e = entry_of(s, bytes_slice(args, 0, blank));
    if (e == NULL)
        return;
    if (mailstore_map(s->sandbox->mail, e->id, &s->letter.mapped))
        send_letter(s, bytes_slice(s->letter.mapped, 0, top_end(s->letter.mapped, lines)));
    else
        link_say(&s->link, "-ERR Server Unavailable. 21");
}

void pop3d_on_dele(struct pop3d_session *s, struct bytes args)
{
    struct pop3d_entry *e = entry_of(s, args);
    if (e == NULL)
        return;
    e->is_deleted = true;
    link_say(&s->link, "+OK");
}

void pop3d_on_rset(struct pop3d_session *s, struct bytes args)
{
    for (size_t i = 0; i < s->count; i++)
        s->entries[i].is_deleted = false;
    link_say(&s->link, "+OK");
}
