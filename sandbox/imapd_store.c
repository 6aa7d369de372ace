/* What changes messages: flags, copies, moves, and taking out. */
#include <stdio.h>
#include <string.h>

#include "sandbox/imapd_private.h"

enum store_how { STORE_SET, STORE_ADD, STORE_REMOVE };

struct store_wish {
    enum store_how how;
    bool is_silent;
    unsigned flags;
};

static bool take_wish(struct imapd_in *in, struct store_wish *w)
{
    bool lost = false;
    *w = (struct store_wish){ .how = STORE_SET };
    if (imapd_take_char(in, '+'))
        w->how = STORE_ADD;
    else if (imapd_take_char(in, '-'))
        w->how = STORE_REMOVE;
    if (!imapd_take_word(in, "FLAGS"))
        return false;
    w->is_silent = imapd_take_word(in, ".SILENT");
    if (!imapd_take_blank(in))
        return false;
    bool is_list = imapd_peek(in) == '(';
    return (is_list ? imapd_take_flags(in, &w->flags, &lost) : imapd_take_bare_flags(in, &w->flags, &lost)) &&
           imapd_is_end(in);
}

static unsigned wished_flags(const struct store_wish *w, unsigned old)
{
    return w->how == STORE_ADD ? old | w->flags : w->how == STORE_REMOVE ? old & ~w->flags : w->flags;
}

static void tell_stored(struct imapd_session *s, uint32_t number, const struct mailitem *item, struct buf *line)
{
    buf_clear(line);
    buf_addf(line, "* %u FETCH (", number);
    if (s->is_uid)
        buf_addf(line, "UID %u ", item->uid);
    imapd_add_flags(s, line, item);
    link_say(&s->link, "%s)", buf_str(line));
}

void imapd_on_store(struct imapd_session *s, struct imapd_in *in)
{
    struct imapd_set set;
    struct imapd_pick pick;
    struct store_wish wish;
    struct buf line;
    if (!imapd_take_blank(in) || !imapd_take_set(in, &set) || !imapd_take_blank(in) || !take_wish(in, &wish)) {
        imapd_bad_arguments(s);
        return;
    }
    if (s->view.is_read_only) {
        imapd_no(s, "The mailbox is read-only.");
        return;
    }
    imapd_pick(s, &set, &pick);
    buf_init(&line, 512);
    for (size_t i = 0; i < pick.count; i++) {
        struct mailitem *item = imapd_item(s, pick.numbers[i]);
        if (item == NULL)
            continue;
        mailfolder_set_flags(s->view.folder, item, wished_flags(&wish, item->flags));
        s->view.seen[pick.numbers[i] - 1].flags = item->flags;
        if (!wish.is_silent)
            tell_stored(s, pick.numbers[i], item, &line);
    }
    buf_fini(&line);
    imapd_ok(s);
}

/* "3:5,9" */
static void add_uid_range(struct buf *out, uint32_t from, uint32_t to)
{
    if (out->size > 0)
        buf_add_byte(out, ',');
    if (from == to)
        buf_addf(out, "%u", from);
    else
        buf_addf(out, "%u:%u", from, to);
}

static void add_uids(struct buf *out, const uint32_t *uids, size_t count)
{
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && uids[end] == uids[end - 1] + 1)
            end++;
        add_uid_range(out, uids[i], uids[end - 1]);
        i = end;
    }
}

struct copied {
    uint32_t *from, *to;
    size_t count;
};

static void copy_to(struct imapd_session *s, struct mailfolder *target, const struct imapd_pick *pick,
                    struct copied *out)
{
    out->from = arena_array(s->arena, pick->count + 1, sizeof *out->from);
    out->to = arena_array(s->arena, pick->count + 1, sizeof *out->to);
    out->count = 0;
    for (size_t i = 0; i < pick->count; i++) {
        const struct mailitem *item = imapd_item(s, pick->numbers[i]);
        if (item == NULL)
            continue;
        struct mailitem like = *item; /* the folder may grow, and move it */
        out->from[out->count] = like.uid;
        out->to[out->count++] = mailfolder_add(target, like, true);
    }
}

/* "[COPYUID 38505 304,319:320 3956:3958]" (RFC 4315), or nothing. */
static const char *copy_code(struct imapd_session *s, const struct mailfolder *target, const struct copied *c)
{
    struct buf from, to;
    if (c->count == 0 || !imapd_offers(s, "UIDPLUS"))
        return "";
    buf_init(&from, 1024 * 1024);
    buf_init(&to, 1024 * 1024);
    add_uids(&from, c->from, c->count);
    add_uids(&to, c->to, c->count);
    const char *code = arena_printf(s->arena, "[COPYUID %u %s %s] ", target->validity, buf_str(&from), buf_str(&to));
    buf_fini(&from);
    buf_fini(&to);
    return code;
}

static void copy_or_move(struct imapd_session *s, struct imapd_in *in, bool is_move)
{
    struct imapd_set set;
    struct imapd_pick pick;
    struct copied copied;
    bool is_set = imapd_take_blank(in) && imapd_take_set(in, &set) && imapd_take_blank(in);
    const char *name = is_set ? imapd_take_mailbox(s, in) : NULL;
    if (name == NULL || !imapd_is_end(in)) {
        imapd_bad_arguments(s);
        return;
    }
    struct mailfolder *target = imapd_find_folder(s, name);
    if (target == NULL) {
        imapd_no(s, "[TRYCREATE] %s doesn't exist.", name);
        return;
    }
    if (is_move && s->view.is_read_only) {
        imapd_no(s, "The mailbox is read-only.");
        return;
    }
    imapd_pick(s, &set, &pick);
    copy_to(s, target, &pick, &copied);
    const char *code = copy_code(s, target, &copied);
    if (!is_move) {
        imapd_ok_code(s, code);
        return;
    }
    if (*code != 0) { /* RFC 6851, 4.3: before the EXPUNGEs */
        link_add(&s->link, BYTES_LIT("* OK "));
        link_add(&s->link, bytes_of(code));
        link_add(&s->link, BYTES_LIT("\r\n"));
    }
    mailfolder_remove(s->view.folder, copied.from, copied.count);
    imapd_sync(s, true);
    imapd_ok(s);
}

void imapd_on_copy(struct imapd_session *s, struct imapd_in *in)
{
    copy_or_move(s, in, false);
}

void imapd_on_move(struct imapd_session *s, struct imapd_in *in)
{
    copy_or_move(s, in, true);
}

void imapd_expunge(struct imapd_session *s, struct mailfolder *f, const struct imapd_set *uids)
{
    uint32_t *gone = arena_array(s->arena, f->count + 1, sizeof *gone);
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        const struct mailitem *item = &f->items[i];
        if ((item->flags & MAIL_DELETED) && (uids == NULL || imapd_set_has(uids, item->uid)))
            gone[count++] = item->uid;
    }
    mailfolder_remove(f, gone, count);
}

void imapd_on_expunge(struct imapd_session *s, struct imapd_in *in)
{
    struct imapd_set set;
    struct imapd_view *v = &s->view;
    if (s->is_uid && (!imapd_take_blank(in) || !imapd_take_set(in, &set))) {
        imapd_bad_arguments(s);
        return;
    }
    if (!imapd_is_end(in)) {
        imapd_bad_arguments(s);
        return;
    }
    if (v->is_read_only) {
        imapd_no(s, "The mailbox is read-only.");
        return;
    }
    if (s->is_uid)
        imapd_set_resolve(&set, v->count > 0 ? v->seen[v->count - 1].uid : 0);
    imapd_expunge(s, v->folder, s->is_uid ? &set : NULL);
    imapd_ok(s);
}
