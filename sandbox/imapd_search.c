/* SEARCH: the keys of RFC 3501, 6.4.4, as a tree, tried on each message. A message is read only for keys that want it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/imapd_mime.h"
#include "sandbox/imapd_private.h"
#include "sandbox/imapd_text.h"

#define DEPTH_MAX 50
#define DAY_MS (24 * 60 * 60 * 1000LL)

enum key_kind {
    KEY_ALL,
    KEY_FLAG,    /* `flags` set */
    KEY_NO_FLAG, /* not set */
    KEY_NEVER,   /* a keyword: none is kept */
    KEY_NEW,
    KEY_OLD,
    KEY_RECENT,
    KEY_HEADER,
    KEY_BODY,
    KEY_TEXT,
    KEY_BEFORE,
    KEY_ON,
    KEY_SINCE,
    KEY_SENT_BEFORE,
    KEY_SENT_ON,
    KEY_SENT_SINCE,
    KEY_LARGER,
    KEY_SMALLER,
    KEY_SET,
    KEY_UIDS,
    KEY_NOT,
    KEY_OR,
    KEY_GROUP,
};

enum key_takes { TAKES_NOTHING, TAKES_TEXT, TAKES_HEADER, TAKES_DATE, TAKES_NUMBER, TAKES_KEYWORD, TAKES_SET };

struct key {
    enum key_kind kind;
    unsigned flags;
    struct bytes field, text; /* folded for comparing */
    int64_t day;
    uint64_t number;
    struct imapd_set set;
    struct key *a, *b, *next; /* operands; the next key, which must hold too */
};

static const struct {
    const char *name;
    enum key_kind kind;
    enum key_takes takes;
    unsigned flags;
    const char *field;
} key_names[] = {
    { "ALL", KEY_ALL, TAKES_NOTHING, 0, NULL },
    { "ANSWERED", KEY_FLAG, TAKES_NOTHING, MAIL_ANSWERED, NULL },
    { "BCC", KEY_HEADER, TAKES_TEXT, 0, "Bcc" },
    { "BEFORE", KEY_BEFORE, TAKES_DATE, 0, NULL },
    { "BODY", KEY_BODY, TAKES_TEXT, 0, NULL },
    { "CC", KEY_HEADER, TAKES_TEXT, 0, "Cc" },
    { "DELETED", KEY_FLAG, TAKES_NOTHING, MAIL_DELETED, NULL },
    { "DRAFT", KEY_FLAG, TAKES_NOTHING, MAIL_DRAFT, NULL },
    { "FLAGGED", KEY_FLAG, TAKES_NOTHING, MAIL_FLAGGED, NULL },
    { "FROM", KEY_HEADER, TAKES_TEXT, 0, "From" },
    { "HEADER", KEY_HEADER, TAKES_HEADER, 0, NULL },
    { "KEYWORD", KEY_NEVER, TAKES_KEYWORD, 0, NULL },
    { "LARGER", KEY_LARGER, TAKES_NUMBER, 0, NULL },
    { "NEW", KEY_NEW, TAKES_NOTHING, 0, NULL },
    { "OLD", KEY_OLD, TAKES_NOTHING, 0, NULL },
    { "ON", KEY_ON, TAKES_DATE, 0, NULL },
    { "RECENT", KEY_RECENT, TAKES_NOTHING, 0, NULL },
    { "SEEN", KEY_FLAG, TAKES_NOTHING, MAIL_SEEN, NULL },
    { "SENTBEFORE", KEY_SENT_BEFORE, TAKES_DATE, 0, NULL },
    { "SENTON", KEY_SENT_ON, TAKES_DATE, 0, NULL },
    { "SENTSINCE", KEY_SENT_SINCE, TAKES_DATE, 0, NULL },
    { "SINCE", KEY_SINCE, TAKES_DATE, 0, NULL },
    { "SMALLER", KEY_SMALLER, TAKES_NUMBER, 0, NULL },
    { "SUBJECT", KEY_HEADER, TAKES_TEXT, 0, "Subject" },
    { "TEXT", KEY_TEXT, TAKES_TEXT, 0, NULL },
    { "TO", KEY_HEADER, TAKES_TEXT, 0, "To" },
    { "UID", KEY_UIDS, TAKES_SET, 0, NULL },
    { "UNANSWERED", KEY_NO_FLAG, TAKES_NOTHING, MAIL_ANSWERED, NULL },
    { "UNDELETED", KEY_NO_FLAG, TAKES_NOTHING, MAIL_DELETED, NULL },
    { "UNDRAFT", KEY_NO_FLAG, TAKES_NOTHING, MAIL_DRAFT, NULL },
    { "UNFLAGGED", KEY_NO_FLAG, TAKES_NOTHING, MAIL_FLAGGED, NULL },
    { "UNKEYWORD", KEY_ALL, TAKES_KEYWORD, 0, NULL },
    { "UNSEEN", KEY_NO_FLAG, TAKES_NOTHING, MAIL_SEEN, NULL },
};

static struct bytes folded(struct arena *arena, struct bytes text)
{
    return imapd_fold(arena, text);
}

/* KEYWORD $MDNSent is one that is kept. */
static bool take_keyword(struct imapd_in *in, struct key *k)
{
    struct bytes name;
    if (!imapd_take_atom(in, &name))
        return false;
    unsigned flag = mail_flag_of((const char *)name.data, name.size);
    if (flag == 0)
        return true;
    k->kind = k->kind == KEY_NEVER ? KEY_FLAG : KEY_NO_FLAG;
    k->flags = flag;
    return true;
}

static bool take_operand(struct imapd_in *in, struct key *k, enum key_takes takes)
{
    struct bytes text;
    if (takes == TAKES_NOTHING)
        return true;
    if (!imapd_take_blank(in))
        return false;
    switch (takes) {
    case TAKES_HEADER:
        if (!imapd_take_astring(in, &k->field) || !imapd_take_blank(in))
            return false;
        /* and its text */
        __attribute__((fallthrough));
    case TAKES_TEXT:
        if (!imapd_take_astring(in, &text))
            return false;
        k->text = folded(in->arena, text);
        return true;
    case TAKES_DATE:
        return imapd_take_date(in, &k->day);
    case TAKES_NUMBER:
        return imapd_take_number64(in, &k->number);
    case TAKES_KEYWORD:
        return take_keyword(in, k);
    case TAKES_SET:
        return imapd_take_set(in, &k->set);
    case TAKES_NOTHING:
        break;
    }
    return true;
}

static struct key *take_key(struct imapd_in *in, unsigned depth);

static struct key *take_keys(struct imapd_in *in, unsigned depth)
{
    struct key *first = NULL, **last = &first;
    do {
        *last = take_key(in, depth);
        if (*last == NULL)
            return NULL;
        last = &(*last)->next;
    } while (imapd_take_blank(in));
    return first;
}

static struct key *take_named(struct imapd_in *in, struct key *k, unsigned depth)
{
    struct bytes name;
    if (!imapd_take_atom(in, &name))
        return NULL;
    if (bytes_equal_nocase(name, BYTES_LIT("NOT")) || bytes_equal_nocase(name, BYTES_LIT("OR"))) {
        k->kind = name.size == 3 ? KEY_NOT : KEY_OR;
        k->a = imapd_take_blank(in) ? take_key(in, depth + 1) : NULL;
        k->b = k->kind == KEY_OR && k->a != NULL && imapd_take_blank(in) ? take_key(in, depth + 1) : NULL;
        return k->a != NULL && (k->kind == KEY_NOT || k->b != NULL) ? k : NULL;
    }
    for (size_t i = 0; i < sizeof key_names / sizeof *key_names; i++) {
        if (!bytes_equal_nocase(name, bytes_of(key_names[i].name)))
            continue;
        k->kind = key_names[i].kind;
        k->flags = key_names[i].flags;
        k->field = bytes_of(key_names[i].field);
        return take_operand(in, k, key_names[i].takes) ? k : NULL;
    }
    return NULL;
}

static struct key *take_key(struct imapd_in *in, unsigned depth)
{
    struct key *k = arena_alloc(in->arena, sizeof *k);
    char c = imapd_peek(in);
    if (depth > DEPTH_MAX)
        return NULL;
    if (c == '(') {
        imapd_take_char(in, '(');
        k->kind = KEY_GROUP;
        k->a = take_keys(in, depth + 1);
        return k->a != NULL && imapd_take_char(in, ')') ? k : NULL;
    }
    if (c == '*' || (c >= '0' && c <= '9')) {
        k->kind = KEY_SET;
        return imapd_take_set(in, &k->set) ? k : NULL;
    }
    return take_named(in, k, depth);
}

static void resolve(struct key *k, uint32_t largest_number, uint32_t largest_uid)
{
    for (; k != NULL; k = k->next) {
        if (k->kind == KEY_SET || k->kind == KEY_UIDS)
            imapd_set_resolve(&k->set, k->kind == KEY_SET ? largest_number : largest_uid);
        resolve(k->a, largest_number, largest_uid);
        resolve(k->b, largest_number, largest_uid);
    }
}

/* One message that is tried; mapped and taken apart when a key first wants it. */
struct candidate {
    struct imapd_session *session;
    struct arena *arena;
    const struct mailitem *item;
    uint32_t number;
    bool is_open;
    struct bytes message, header;
    struct imapd_part *root;
};

static void open_candidate(struct candidate *c)
{
    struct bytes body;
    if (c->is_open)
        return;
    c->is_open = true;
    mailstore_map(c->session->sandbox->mail, c->item->id, &c->message);
    imapd_split(c->message, &c->header, &body);
}

static bool header_holds(struct candidate *c, struct bytes field, struct bytes text)
{
    open_candidate(c);
    struct bytes header = c->header;
    struct imapd_field f;
    while (imapd_next_field(&header, &f)) {
        if (!bytes_equal_nocase(f.name, field))
            continue;
        if (text.size == 0 || bytes_find(folded(c->arena, imapd_words(c->arena, f.value)), text) != SIZE_MAX)
            return true;
    }
    return false;
}

static bool part_holds(struct candidate *c, const struct imapd_part *part, struct bytes text)
{
    for (const struct imapd_part *child = part->children; child != NULL; child = child->next) {
        if (part_holds(c, child, text))
            return true;
    }
    if (part->message != NULL)
        return part_holds(c, part->message, text);
    if (part->children != NULL)
        return false;
    struct bytes body = imapd_decoded(c->arena, part);
    return bytes_find(folded(c->arena, body), text) != SIZE_MAX;
}

static bool body_holds(struct candidate *c, struct bytes text)
{
    open_candidate(c);
    if (c->root == NULL)
        c->root = imapd_mime_parse(c->arena, c->message);
    return part_holds(c, c->root, text);
}

static bool text_holds(struct candidate *c, struct bytes text)
{
    open_candidate(c);
    struct bytes header = folded(c->arena, imapd_words(c->arena, c->header));
    return bytes_find(header, text) != SIZE_MAX || body_holds(c, text);
}

/* The Date header's day, as it is written there; without one, that of arrival. */
static int64_t sent_day(struct candidate *c)
{
    open_candidate(c);
    int64_t day;
    if (imapd_header_day(imapd_field_value(c->arena, c->header, "Date"), &day))
        return day;
    return c->item->received_ms / DAY_MS;
}

static bool holds(struct candidate *c, const struct key *k);

static bool all_hold(struct candidate *c, const struct key *k)
{
    for (; k != NULL; k = k->next) {
        if (!holds(c, k))
            return false;
    }
    return true;
}

static bool holds_of_content(struct candidate *c, const struct key *k)
{
    switch (k->kind) {
    case KEY_HEADER:
        return header_holds(c, k->field, k->text);
    case KEY_BODY:
        return body_holds(c, k->text);
    case KEY_TEXT:
        return text_holds(c, k->text);
    case KEY_SENT_BEFORE:
        return sent_day(c) < k->day;
    case KEY_SENT_ON:
        return sent_day(c) == k->day;
    case KEY_SENT_SINCE:
        return sent_day(c) >= k->day;
    default:
        return false;
    }
}

static bool holds(struct candidate *c, const struct key *k)
{
    int64_t day = c->item->received_ms / DAY_MS;
    bool is_recent = c->item->uid >= c->session->view.recent_from;
    bool is_seen = c->item->flags & MAIL_SEEN;
    switch (k->kind) {
    case KEY_ALL:
        return true;
    case KEY_NEVER:
        return false;
    case KEY_FLAG:
        return c->item->flags & k->flags;
    case KEY_NO_FLAG:
        return !(c->item->flags & k->flags);
    case KEY_NEW:
        return is_recent && !is_seen;
    case KEY_OLD:
        return !is_recent;
    case KEY_RECENT:
        return is_recent;
    case KEY_BEFORE:
        return day < k->day;
    case KEY_ON:
        return day == k->day;
    case KEY_SINCE:
        return day >= k->day;
    case KEY_LARGER:
        return c->item->size > k->number;
    case KEY_SMALLER:
        return c->item->size < k->number;
    case KEY_SET:
        return imapd_set_has(&k->set, c->number);
    case KEY_UIDS:
        return imapd_set_has(&k->set, c->item->uid);
    case KEY_NOT:
        return !holds(c, k->a);
    case KEY_OR:
        return holds(c, k->a) || holds(c, k->b);
    case KEY_GROUP:
        return all_hold(c, k->a);
    default:
        return holds_of_content(c, k);
    }
}

static void answer(struct imapd_session *s, const struct key *keys)
{
    struct imapd_view *v = &s->view;
    struct arena *arena = arena_new();
    link_add(&s->link, BYTES_LIT("* SEARCH"));
    for (size_t i = 0; i < v->count; i++) {
        struct candidate c = { .session = s, .arena = arena, .item = imapd_item(s, (uint32_t)i + 1) };
        c.number = (uint32_t)i + 1;
        if (c.item == NULL)
            continue;
        if (all_hold(&c, keys)) {
            char text[16];
            int size = snprintf(text, sizeof text, " %u", s->is_uid ? c.item->uid : c.number);
            link_add(&s->link, (struct bytes){ (const uint8_t *)text, (size_t)size });
        }
        mailstore_unmap(&c.message);
        arena_reset(arena);
    }
    link_say(&s->link, "%s", "");
    arena_free(arena);
    imapd_ok(s);
}

static bool take_charset(struct imapd_in *in, bool *is_known)
{
    struct bytes name;
    *is_known = true;
    if (!imapd_take_word(in, "CHARSET "))
        return true;
    if (!imapd_take_astring(in, &name) || !imapd_take_blank(in))
        return false;
    *is_known = bytes_equal_nocase(name, BYTES_LIT("UTF-8")) || bytes_equal_nocase(name, BYTES_LIT("US-ASCII"));
    return true;
}

void imapd_on_search(struct imapd_session *s, struct imapd_in *in)
{
    bool is_known;
    struct imapd_view *v = &s->view;
    if (!imapd_take_blank(in) || !take_charset(in, &is_known)) {
        imapd_bad_arguments(s);
        return;
    }
    if (!is_known) {
        imapd_no(s, "[BADCHARSET (US-ASCII UTF-8)] The specified charset is not supported.");
        return;
    }
    struct key *keys = take_keys(in, 0);
    if (keys == NULL || !imapd_is_end(in)) {
        imapd_bad_arguments(s);
        return;
    }
    resolve(keys, (uint32_t)v->count, v->count > 0 ? v->seen[v->count - 1].uid : 0);
    answer(s, keys);
}
