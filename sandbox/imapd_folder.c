/* Folders: their names on the wire, lists of them, and what may be done with them. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/imapd_private.h"

#define NAME_MAX_SIZE 1000

const char *imapd_take_mailbox(struct imapd_session *s, struct imapd_in *in)
{
    struct bytes written;
    struct buf name;
    if (!imapd_take_astring(in, &written))
        return NULL;
    buf_init(&name, NAME_MAX_SIZE);
    const char *made = NULL;
    if (imapd_utf7_decode(written, &name)) {
        while (name.size > 0 && name.data[name.size - 1] == '/')
            name.size--; /* "a/" tells that others will come below */
        made = arena_strndup(s->arena, name.data, name.size);
    }
    buf_fini(&name);
    return made;
}

struct mailfolder *imapd_find_folder(struct imapd_session *s, const char *name)
{
    struct mailfolder *f = mailfolder_find(mailstore_boxes(s->sandbox->mail), s->who.mailbox->address, name);
    return f != NULL && strcmp(f->name, "[Gmail]") == 0 ? NULL : f; /* nothing but a level */
}

/* '*' is anything, '%' anything within a level. Names and patterns as on the wire. */
static bool matches(const char *pattern, const char *name)
{
    for (; *pattern != 0; pattern++, name++) {
        if (*pattern == '*' || *pattern == '%') {
            bool is_within = *pattern == '%';
            for (;; name++) {
                if (matches(pattern + 1, name))
                    return true;
                if (*name == 0 || (is_within && *name == '/'))
                    return false;
            }
        }
        if (*pattern != *name)
            return false;
    }
    return *name == 0;
}

static const char *wire_name(struct imapd_session *s, const char *name)
{
    struct buf out;
    buf_init(&out, NAME_MAX_SIZE * 4);
    imapd_utf7_encode(bytes_of(name), &out);
    const char *made = arena_strndup(s->arena, out.data, out.size);
    buf_fini(&out);
    return made;
}

/* Quoted when it must be. */
static void add_name(struct buf *out, const char *name)
{
    if (*name != 0 && strpbrk(name, " (){%*\"\\") == NULL) {
        buf_add_str(out, name);
        return;
    }
    buf_add_byte(out, '"');
    for (; *name != 0; name++) {
        if (*name == '"' || *name == '\\')
            buf_add_byte(out, '\\');
        buf_add_byte(out, (uint8_t)*name);
    }
    buf_add_byte(out, '"');
}

/* Google tells what its folders are for (RFC 6154); Exchange does not. */
static const struct {
    const char *name, *use;
} google_uses[] = {
    { "[Gmail]/All Mail", " \\All" }, { "[Gmail]/Drafts", " \\Drafts" },   { "[Gmail]/Sent Mail", " \\Sent" },
    { "[Gmail]/Spam", " \\Junk" },    { "[Gmail]/Starred", " \\Flagged" }, { "[Gmail]/Trash", " \\Trash" },
    { "[Gmail]", " \\Noselect" },
};

static const char *use_of(struct imapd_session *s, const char *name)
{
    for (size_t i = 0; i < sizeof google_uses / sizeof *google_uses && imapd_is_google(s); i++) {
        if (strcmp(google_uses[i].name, name) == 0)
            return google_uses[i].use;
    }
    return "";
}

static void tell_folder(struct imapd_session *s, struct mailfolder *f, const char *wire)
{
    struct buf line;
    buf_init(&line, NAME_MAX_SIZE * 8);
    buf_addf(&line, "* %s (\\Has%sChildren%s) \"/\" ", s->verb, mailfolder_has_children(f) ? "" : "No",
             use_of(s, f->name));
    add_name(&line, wire);
    link_say(&s->link, "%s", buf_str(&line));
    buf_fini(&line);
}

/* "%" also names what stands above something deeper that is subscribed (RFC 3501, 6.3.9). */
static void tell_above(struct imapd_session *s, const char *pattern, const char *wire, const char **last)
{
    for (const char *slash = strchr(wire, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        const char *above = arena_strndup(s->arena, wire, (size_t)(slash - wire));
        if (!matches(pattern, above) || (*last != NULL && strcmp(*last, above) == 0))
            continue;
        struct buf line;
        buf_init(&line, NAME_MAX_SIZE * 8);
        buf_add_str(&line, "* LSUB (\\Noselect \\HasChildren) \"/\" ");
        add_name(&line, above);
        link_say(&s->link, "%s", buf_str(&line));
        buf_fini(&line);
        *last = above;
        return;
    }
}

static void list_folders(struct imapd_session *s, const char *pattern, bool is_lsub)
{
    const char *last = NULL;
    bool is_within = strchr(pattern, '%') != NULL;
    char *folded = arena_strdup(s->arena, pattern);
    if (bytes_starts_nocase(bytes_of(pattern), "INBOX"))
        memcpy(folded, "INBOX", 5);
    LIST_EACH (at, mailboxes_folders(mailstore_boxes(s->sandbox->mail), s->who.mailbox->address)) {
        struct mailfolder *f = LIST_OF(at, struct mailfolder, node);
        const char *wire = wire_name(s, f->name);
        if (is_lsub && !f->is_subscribed)
            continue;
        if (matches(folded, wire))
            tell_folder(s, f, wire);
        else if (is_lsub && is_within)
            tell_above(s, folded, wire, &last);
    }
}

static void list(struct imapd_session *s, struct imapd_in *in, bool is_lsub)
{
    struct bytes reference, pattern;
    if (!imapd_take_blank(in) || imapd_peek(in) == '(' || !imapd_take_astring(in, &reference) ||
        !imapd_take_blank(in) || imapd_peek(in) == '(' || !imapd_take_pattern(in, &pattern) ||
        reference.size + pattern.size > NAME_MAX_SIZE) {
        imapd_bad_arguments(s);
        return;
    }
    if (!imapd_is_end(in)) { /* LIST … RETURN (…): 5.4 */
        imapd_bad(s, "Command Argument Error. 12");
        return;
    }
    char *whole = arena_printf(s->arena, "%.*s%.*s", (int)reference.size, (const char *)reference.data,
                               (int)pattern.size, (const char *)pattern.data);
    if (pattern.size == 0 && !is_lsub)
        link_say(&s->link, "* LIST (\\Noselect) \"/\" \"\"");
    else
        list_folders(s, whole, is_lsub);
    imapd_ok(s);
}

void imapd_on_list(struct imapd_session *s, struct imapd_in *in)
{
    list(s, in, false);
}

void imapd_on_lsub(struct imapd_session *s, struct imapd_in *in)
{
    list(s, in, true);
}

void imapd_on_namespace(struct imapd_session *s, struct imapd_in *in)
{
    link_say(&s->link, "* NAMESPACE ((\"\" \"/\")) NIL NIL");
    imapd_ok(s);
}

/* One name and nothing else; NULL: refused. */
static const char *take_only_name(struct imapd_session *s, struct imapd_in *in)
{
    const char *name = imapd_take_blank(in) ? imapd_take_mailbox(s, in) : NULL;
    if (name != NULL && *name != 0 && imapd_is_end(in))
        return name;
    imapd_bad_arguments(s);
    return NULL;
}

static struct mailfolder *take_only_folder(struct imapd_session *s, struct imapd_in *in)
{
    const char *name = take_only_name(s, in);
    struct mailfolder *f = name != NULL ? imapd_find_folder(s, name) : NULL;
    if (name != NULL && f == NULL)
        imapd_no(s, "%s doesn't exist.", name);
    return f;
}

void imapd_on_create(struct imapd_session *s, struct imapd_in *in)
{
    const char *name = take_only_name(s, in);
    if (name == NULL)
        return;
    if (imapd_find_folder(s, name) != NULL || strstr(name, "//") != NULL || *name == '/') {
        imapd_no(s, "Mailbox already exists.");
        return;
    }
    mailfolder_ensure(mailstore_boxes(s->sandbox->mail), s->who.mailbox->address, name);
    imapd_ok(s);
}

void imapd_on_delete(struct imapd_session *s, struct imapd_in *in)
{
    struct mailfolder *f = take_only_folder(s, in);
    if (f == NULL)
        return;
    if (f == s->view.folder)
        imapd_deselect(s);
    if (mailfolder_delete(f))
        imapd_ok(s);
    else
        imapd_no(s, "DELETE failed.");
}

void imapd_on_rename(struct imapd_session *s, struct imapd_in *in)
{
    const char *from = imapd_take_blank(in) ? imapd_take_mailbox(s, in) : NULL;
    const char *to = from != NULL && imapd_take_blank(in) ? imapd_take_mailbox(s, in) : NULL;
    if (to == NULL || *to == 0 || !imapd_is_end(in)) {
        imapd_bad_arguments(s);
        return;
    }
    struct mailfolder *f = imapd_find_folder(s, from);
    if (f == NULL)
        imapd_no(s, "%s doesn't exist.", from);
    else if (mailfolder_rename(f, to))
        imapd_ok(s);
    else
        imapd_no(s, "RENAME failed.");
}

static void subscribe(struct imapd_session *s, struct imapd_in *in, bool on)
{
    struct mailfolder *f = take_only_folder(s, in);
    if (f == NULL)
        return;
    mailfolder_subscribe(f, on);
    imapd_ok(s);
}

void imapd_on_subscribe(struct imapd_session *s, struct imapd_in *in)
{
    subscribe(s, in, true);
}

void imapd_on_unsubscribe(struct imapd_session *s, struct imapd_in *in)
{
    subscribe(s, in, false);
}
