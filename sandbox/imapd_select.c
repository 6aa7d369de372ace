/* The selected folder: opening it, telling what changed in it, and IDLE. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sandbox/imapd_private.h"

#define ALL_FLAGS "(\\Seen \\Answered \\Flagged \\Deleted \\Draft $MDNSent)"

/* The folder's own callback: nothing is told before the turn's end. */
static void on_folder_changed(void *ctx)
{
    struct imapd_session *s = ctx;
    loop_defer(s->sandbox->loop, &s->push);
}

void imapd_on_changed(void *session)
{
    struct imapd_session *s = session;
    if (s->input != INPUT_IDLE || s->link.is_over || s->link.is_waiting)
        return;
    imapd_sync(s, true);
    link_send(&s->link);
}

void imapd_deselect(struct imapd_session *s)
{
    mailfolder_unwatch(&s->view.watch);
    loop_undefer(&s->push);
    s->view.folder = NULL;
    s->view.count = 0;
    if (s->state == IMAPD_SELECTED)
        s->state = IMAPD_READY;
}

static void add_seen(struct imapd_view *v, const struct mailitem *item)
{
    if (v->count == v->room) {
        v->room = v->room > 0 ? v->room * 2 : 64;
        v->seen = mem_resize(v->seen, v->room * sizeof *v->seen);
    }
    v->seen[v->count++] = (struct imapd_seen){ item->uid, item->flags };
}

static size_t count_recent(const struct imapd_view *v)
{
    size_t low = 0, high = v->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (v->seen[middle].uid < v->recent_from)
            low = middle + 1;
        else
            high = middle;
    }
    return v->count - low;
}

struct mailitem *imapd_item(struct imapd_session *s, uint32_t number)
{
    return mailfolder_item(s->view.folder, s->view.seen[number - 1].uid);
}

void imapd_add_flags(struct imapd_session *s, struct buf *out, const struct mailitem *item)
{
    const char *blank = "";
    buf_add_str(out, "FLAGS (");
    for (unsigned bit = 1; bit <= MAIL_MDN_SENT; bit <<= 1) {
        if (!(item->flags & bit))
            continue;
        buf_addf(out, "%s%s", blank, mail_flag_name(bit));
        blank = " ";
    }
    if (item->uid >= s->view.recent_from)
        buf_addf(out, "%s\\Recent", blank);
    buf_add_str(out, ")");
}

static void tell_flags(struct imapd_session *s, size_t number, const struct mailitem *item)
{
    struct buf line;
    buf_init(&line, 512);
    buf_addf(&line, "* %zu FETCH (", number);
    imapd_add_flags(s, &line, item);
    link_say(&s->link, "%s)", buf_str(&line));
    buf_fini(&line);
}

/* What is gone is told from the front, so that each number is the one of its moment. True: some are left to be told. */
static bool tell_changes(struct imapd_session *s, bool may_expunge)
{
    struct imapd_view *v = &s->view;
    size_t kept = 0;
    bool has_ghosts = false;
    for (size_t i = 0; i < v->count; i++) {
        const struct mailitem *item = mailfolder_item(v->folder, v->seen[i].uid);
        if (item == NULL && may_expunge) {
            link_say(&s->link, "* %zu EXPUNGE", kept + 1);
            continue;
        }
        has_ghosts |= item == NULL;
        v->seen[kept] = v->seen[i];
        if (item != NULL && item->flags != v->seen[kept].flags) {
            v->seen[kept].flags = item->flags;
            tell_flags(s, kept + 1, item);
        }
        kept++;
    }
    v->count = kept;
    return has_ghosts;
}

static void tell_arrivals(struct imapd_session *s, bool is_shorter)
{
    struct imapd_view *v = &s->view;
    size_t before = v->count;
    uint32_t next = v->count > 0 ? v->seen[v->count - 1].uid + 1 : 0;
    for (size_t i = mailfolder_index(v->folder, next); i < v->folder->count; i++)
        add_seen(v, &v->folder->items[i]);
    if (v->count > before || is_shorter)
        link_say(&s->link, "* %zu EXISTS", v->count);
    if (v->count > before)
        link_say(&s->link, "* %zu RECENT", count_recent(v));
    if (!v->is_read_only)
        v->folder->recent_from = v->folder->next_uid;
}

void imapd_sync(struct imapd_session *s, bool may_expunge)
{
    struct imapd_view *v = &s->view;
    if (v->folder == NULL || v->version == v->folder->version)
        return;
    if (v->validity != v->folder->validity) { /* nothing that was told is true any more */
        imapd_bye(s, "Connection is closed. 13");
        imapd_deselect(s);
        return;
    }
    uint64_t version = v->folder->version;
    size_t before = v->count;
    bool has_ghosts = tell_changes(s, may_expunge);
    tell_arrivals(s, v->count < before);
    v->version = has_ghosts ? 0 : version;
}

static void look_at(struct imapd_session *s, struct mailfolder *f, bool is_read_only)
{
    struct imapd_view *v = &s->view;
    v->folder = f;
    v->is_read_only = is_read_only;
    v->version = f->version;
    v->validity = f->validity;
    v->recent_from = f->recent_from;
    v->count = 0;
    v->watch.fn = on_folder_changed;
    v->watch.ctx = s;
    for (size_t i = 0; i < f->count; i++)
        add_seen(v, &f->items[i]);
    if (!is_read_only)
        f->recent_from = f->next_uid;
    mailfolder_watch(f, &v->watch);
    s->state = IMAPD_SELECTED;
}

static void describe(struct imapd_session *s)
{
    struct imapd_view *v = &s->view;
    struct link *l = &s->link;
    link_say(l, "* %zu EXISTS", v->count);
    link_say(l, "* %zu RECENT", count_recent(v));
    link_say(l, "* FLAGS " ALL_FLAGS);
    if (v->is_read_only)
        link_say(l, "* OK [PERMANENTFLAGS ()] Permanent flags");
    else
        link_say(l, "* OK [PERMANENTFLAGS " ALL_FLAGS "] Permanent flags");
    for (size_t i = 0; i < v->count; i++) {
        if (!(v->seen[i].flags & MAIL_SEEN)) {
            link_say(l, "* OK [UNSEEN %zu] Is the first unseen message", i + 1);
            break;
        }
    }
    link_say(l, "* OK [UIDVALIDITY %u] UIDVALIDITY value", v->folder->validity);
    link_say(l, "* OK [UIDNEXT %u] The next unique identifier value", v->folder->next_uid);
}

static void open_folder(struct imapd_session *s, struct imapd_in *in, bool is_read_only)
{
    const char *name = imapd_take_blank(in) ? imapd_take_mailbox(s, in) : NULL;
    if (name == NULL || !imapd_is_end(in)) {
        imapd_bad_arguments(s);
        return;
    }
    imapd_deselect(s); /* also when it fails (RFC 3501, 6.3.1) */
    struct mailfolder *f = imapd_find_folder(s, name);
    if (f == NULL) {
        imapd_no(s, imapd_is_google(s) ? "[NONEXISTENT] Unknown Mailbox: %s (Failure)" : "%s doesn't exist.", name);
        return;
    }
    look_at(s, f, is_read_only);
    describe(s);
    imapd_ok_text(s, "[READ-%s] %s completed.", is_read_only ? "ONLY" : "WRITE", s->verb);
}

void imapd_on_select(struct imapd_session *s, struct imapd_in *in)
{
    open_folder(s, in, false);
}

void imapd_on_examine(struct imapd_session *s, struct imapd_in *in)
{
    open_folder(s, in, true);
}

static size_t unseen_in(const struct mailfolder *f)
{
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++)
        count += !(f->items[i].flags & MAIL_SEEN);
    return count;
}

static bool add_status(struct imapd_in *in, const struct mailfolder *f, struct buf *out)
{
    struct bytes name;
    if (!imapd_take_atom(in, &name))
        return false;
    uint64_t value;
    if (bytes_equal_nocase(name, BYTES_LIT("MESSAGES")))
        value = f->count;
    else if (bytes_equal_nocase(name, BYTES_LIT("RECENT")))
        value = f->count - mailfolder_index(f, f->recent_from);
    else if (bytes_equal_nocase(name, BYTES_LIT("UIDNEXT")))
        value = f->next_uid;
    else if (bytes_equal_nocase(name, BYTES_LIT("UIDVALIDITY")))
        value = f->validity;
    else if (bytes_equal_nocase(name, BYTES_LIT("UNSEEN")))
        value = unseen_in(f);
    else
        return false;
    buf_addf(out, "%.*s %llu ", (int)name.size, (const char *)name.data, (unsigned long long)value);
    return true;
}

void imapd_on_status(struct imapd_session *s, struct imapd_in *in)
{
    struct buf out;
    struct bytes written;
    imapd_take_blank(in);
    struct bytes before = in->rest;
    const char *name = imapd_take_mailbox(s, in);
    written = bytes_slice(before, 0, before.size - in->rest.size); /* answered as it was asked */
    struct mailfolder *f = name != NULL ? imapd_find_folder(s, name) : NULL;
    buf_init(&out, 1024);
    bool is_good = name != NULL && imapd_take_blank(in) && imapd_take_char(in, '(');
    if (is_good && f == NULL) {
        imapd_no(s, "%s doesn't exist.", name);
        return;
    }
    do
        is_good = is_good && add_status(in, f, &out);
    while (is_good && imapd_take_blank(in));
    if (is_good && imapd_take_char(in, ')') && imapd_is_end(in)) {
        struct bytes items = bytes_trim(buf_bytes(&out));
        link_add(&s->link, BYTES_LIT("* STATUS "));
        link_add(&s->link, written);
        link_say(&s->link, " (%.*s)", (int)items.size, (const char *)items.data);
        imapd_ok(s);
    } else {
        imapd_bad_arguments(s);
    }
    buf_fini(&out);
}

void imapd_on_close(struct imapd_session *s, struct imapd_in *in)
{
    struct mailfolder *f = s->view.folder;
    bool is_read_only = s->view.is_read_only;
    imapd_deselect(s); /* what goes now is not told */
    if (!is_read_only)
        imapd_expunge(s, f, NULL);
    imapd_ok(s);
}

void imapd_on_unselect(struct imapd_session *s, struct imapd_in *in)
{
    imapd_deselect(s);
    imapd_ok(s);
}

void imapd_on_check(struct imapd_session *s, struct imapd_in *in)
{
    imapd_ok(s);
}

void imapd_on_idle(struct imapd_session *s, struct imapd_in *in)
{
    s->input = INPUT_IDLE;
    link_say(&s->link, imapd_is_google(s) ? "+ idling" : "+ IDLE accepted, awaiting DONE command.");
    imapd_sync(s, true);
}

void imapd_on_idle_line(struct imapd_session *s, struct bytes line)
{
    s->input = INPUT_COMMAND;
    if (imapd_injected(s, "done", line) || imapd_says_expired(s))
        return;
    if (bytes_equal_nocase(line, BYTES_LIT("DONE")))
        imapd_ok(s);
    else
        imapd_bad_arguments(s);
}

void imapd_pick(struct imapd_session *s, struct imapd_set *set, struct imapd_pick *out)
{
    const struct imapd_view *v = &s->view;
    uint32_t largest = s->is_uid && v->count > 0 ? v->seen[v->count - 1].uid : (uint32_t)v->count;
    imapd_set_resolve(set, largest);
    out->numbers = arena_array(s->arena, v->count + 1, sizeof *out->numbers);
    out->count = 0;
    for (size_t i = 0; i < v->count; i++) {
        if (imapd_set_has(set, s->is_uid ? v->seen[i].uid : (uint32_t)i + 1))
            out->numbers[out->count++] = (uint32_t)i + 1;
    }
}
