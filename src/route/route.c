/* route/route.c - the rules of route.h, and their refusals. */
#include "route/route.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { NAMED_AT_MOST = 4, SHARED_AT_MOST = 3 }; /* addresses in a refusal */

static bool is_among(const char *address, const char *const *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (object_address_equal(address, list[i]))
            return true;
    return false;
}

static bool owns(const struct mailbox *m, const char *address)
{
    return object_address_equal(address, m->address) ||
           is_among(address, (const char *const *)m->aliases, m->aliases_count) ||
           is_among(address, (const char *const *)m->shared, m->shared_count);
}

static bool is_way_out(const struct mailbox *m)
{
    return m && (m->protocols == 0 || m->protocols & OBJECT_SMTP);
}

/* -- Refusals -- */

/* An address of the client's in a text of ours: cut, without control characters. */
static const char *quoted(const char *address, char out[128])
{
    text_sanitize(bytes_of(address), out, 127);
    return out;
}

static void add_name(struct buf *names, size_t nth, const char *address)
{
    if (nth < NAMED_AT_MOST)
        buf_addf(names, "%s%s", nth ? ", " : "", address);
    else if (nth == NAMED_AT_MOST)
        buf_add_str(names, " and others");
}

static size_t add_names_of(struct buf *names, size_t nth, const struct mailbox *m)
{
    add_name(names, nth++, m->address);
    for (size_t i = 0; i < m->aliases_count; i++)
        add_name(names, nth++, m->aliases[i]);
    for (size_t i = 0; i < m->shared_count; i++)
        add_name(names, nth++, m->shared[i]);
    return nth;
}

/* `mailbox set` replaces a list whole, so the command must name what is there too. */
static void add_fix(struct buf *out, const struct mailbox *m, const char *address)
{
    buf_addf(out, "postern mailbox set %s --shared %s", m->address, address);
    if (m->shared_count > SHARED_AT_MOST) {
        buf_add_str(out, " and those it has now");
        return;
    }
    for (size_t i = 0; i < m->shared_count; i++)
        buf_addf(out, " %s", m->shared[i]);
}

static const char *who_text(const char *app, char out[160])
{
    char name[128];
    if (strncmp(app, "key:", 4) == 0)
        snprintf(out, 160, "key '%s'", quoted(app + 4, name));
    else if (*app)
        snprintf(out, 160, "app '%s'", quoted(app, name));
    else
        snprintf(out, 160, "this program");
    return out;
}

static bool refuse_sender(const struct directory *d, const struct app *a, const struct mailbox *picked,
                          const char *sender, struct fault *why)
{
    struct buf names, fix;
    char who[160], address[128];
    size_t nth = 0;
    buf_init(&names, 240);
    buf_init(&fix, FAULT_TEXT_SIZE);
    for (size_t i = 0; i < a->mailboxes_count; i++) {
        const struct mailbox *m = directory_mailbox(d, a->mailboxes[i]);
        if (is_way_out(m))
            nth = add_names_of(&names, nth, m);
    }
    add_fix(&fix, picked, quoted(sender, address));
    fault_set(why, FAULT_REJECT, "route.sender", "%s may not send as %s; it may send as %s; add it with: %s",
              who_text(a->name, who), address, buf_str(&names), buf_str(&fix));
    buf_fini(&names);
    buf_fini(&fix);
    return false;
}

static bool refuse_mailbox(const char *app, const char *mailbox, const struct mailbox *m, struct fault *why)
{
    char who[160];
    if (!m)
        return fault_set(why, FAULT_CONFIG, "route.mailbox",
                         "%s sends by mailbox %s, which does not exist (any more): see postern mailbox list",
                         who_text(app, who), mailbox);
    return fault_set(why, FAULT_CONFIG, "mailbox.protocol",
                     "mailbox %s is not switched on for SMTP: postern mailbox set %s --protocols smtp%s%s", mailbox,
                     mailbox, m->protocols & OBJECT_IMAP ? " imap" : "", m->protocols & OBJECT_POP3 ? " pop3" : "");
}

/* -- Identity -- */

const char *route_identity(const struct mailbox *m, uint32_t protocol)
{
    bool is_holder = m->grant == OBJECT_GRANT_BASIC || m->grant == OBJECT_GRANT_NONE || protocol == OBJECT_SMTP;
    return is_holder && m->grant != OBJECT_GRANT_APP && m->user[0] ? m->user : m->address;
}

/* -- Decisions -- */

static bool take(const struct directory *d, const struct mailbox *m, const char *sender, struct arena *arena,
                 struct route *out, struct fault *why)
{
    if (!directory_provider_of(d, m))
        return fault_set(why, FAULT_CONFIG, "route.mailbox",
                         "mailbox %s has lost its registration or provider: see postern mailbox show %s", m->address,
                         m->address);
    uint64_t size_mb = directory_limits_of(d, m).size_mb;
    *out = (struct route){ .mailbox = arena_strdup(arena, m->address),
                           .sender = arena_strdup(arena, sender),
                           .from = "",
                           .size_limit = size_mb << 20 };
    return true;
}

/* The picked mailbox goes first, then the others in the app's order. */
static const struct mailbox *find_owner(const struct directory *d, const struct app *a, const struct mailbox *picked,
                                        const char *sender)
{
    if (owns(picked, sender))
        return picked;
    for (size_t i = 0; i < a->mailboxes_count; i++) {
        const struct mailbox *m = directory_mailbox(d, a->mailboxes[i]);
        if (is_way_out(m) && owns(m, sender))
            return m;
    }
    return NULL;
}

static bool force(const struct directory *d, const struct app *a, const struct mailbox *picked, const char *sender,
                  struct arena *arena, struct route *out, struct fault *why)
{
    const struct mailbox *owner = find_owner(d, a, picked, a->force_sender);
    char who[160];
    if (!owner && !a->any_sender)
        return fault_set(why, FAULT_CONFIG, "route.mailbox",
                         "%s is set to send as %s, which none of its mailboxes may: postern mailbox set %s --shared %s",
                         who_text(a->name, who), a->force_sender, picked->address, a->force_sender);
    if (!take(d, owner ? owner : picked, *sender ? a->force_sender : "", arena, out, why))
        return false;
    out->from = arena_strdup(arena, a->force_sender);
    return true;
}

static bool decide(const struct directory *d, const struct app *a, const char *picked_address, const char *sender,
                   struct arena *arena, struct route *out, struct fault *why)
{
    char who[160];
    if (!*picked_address)
        picked_address = a->mailboxes[0];
    const struct mailbox *picked = directory_mailbox(d, picked_address);
    if (!is_way_out(picked))
        return refuse_mailbox(a->name, picked_address, picked, why);
    if (!is_among(picked_address, (const char *const *)a->mailboxes, a->mailboxes_count))
        return fault_set(why, FAULT_REJECT, "route.sender", "%s may not use mailbox %s", who_text(a->name, who),
                         picked->address);
    if (*a->force_sender)
        return force(d, a, picked, sender, arena, out, why);
    const struct mailbox *owner = *sender ? find_owner(d, a, picked, sender) : picked;
    if (!owner && !a->any_sender)
        return refuse_sender(d, a, picked, sender, why);
    if (!take(d, owner ? owner : picked, sender, arena, out, why))
        return false;
    out->any_sender = a->any_sender;
    return true;
}

bool route_app(const struct directory *d, const char *app, const char *picked, const char *sender, struct arena *arena,
               struct route *out, struct fault *why)
{
    const struct app *a = directory_app(d, app);
    char who[160];
    if (!a || a->mailboxes_count == 0)
        return fault_set(why, FAULT_REJECT, "route.sender", "%s was removed: sign in again with another one",
                         who_text(app, who));
    return decide(d, a, picked, sender, arena, out, why);
}

bool route_limited(const struct directory *d, const char *who, const char *const *mailboxes, size_t mailboxes_count,
                   const char *picked, const char *sender, struct arena *arena, struct route *out, struct fault *why)
{
    struct app as_app = { .name = who, .force_sender = "", .mailboxes_count = mailboxes_count };
    as_app.mailboxes = arena_array(arena, mailboxes_count, sizeof *as_app.mailboxes);
    for (size_t i = 0; i < mailboxes_count; i++)
        as_app.mailboxes[i] = arena_strdup(arena, mailboxes[i]);
    return decide(d, &as_app, picked, sender, arena, out, why);
}

/* -- Local programs -- */

struct search {
    const char *sender;
    const struct mailbox *owner, *only;
    size_t count;
};

static bool look_at(void *ctx, const void *object)
{
    struct search *s = ctx;
    const struct mailbox *m = object;
    if (!is_way_out(m))
        return true;
    if (*s->sender && owns(m, s->sender) && (!s->owner || object_address_equal(s->sender, m->address)))
        s->owner = m;
    s->only = m;
    s->count++;
    return true;
}

bool route_local(const struct directory *d, const char *fallback, const char *sender, struct arena *arena,
                 struct route *out, struct fault *why)
{
    struct search s = { .sender = sender };
    directory_each(d, OBJECT_MAILBOX, look_at, &s);
    if (s.owner)
        return take(d, s.owner, sender, arena, out, why);

    const struct mailbox *m = *fallback ? directory_mailbox(d, fallback) : s.count == 1 ? s.only : NULL;
    char address[128];
    if (*fallback && !is_way_out(m))
        return refuse_mailbox("", fallback, m, why);
    if (!m && s.count == 0)
        return fault_set(why, FAULT_CONFIG, "route.mailbox", "there is no mailbox to send by: see postern mailbox add");
    if (!m)
        return fault_set(
            why, FAULT_CONFIG, "route.mailbox",
            "no mailbox may send as %s, and sendmail.mailbox in the configuration does not say which of %zu "
            "to use instead",
            *sender ? quoted(sender, address) : "<>", s.count);
    if (!take(d, m, *sender ? m->address : "", arena, out, why))
        return false;
    out->from = out->mailbox;
    return true;
}

/* -- Header -- */

static bool refuse_from(const char *app, const struct mailbox *m, const char *from, struct fault *why)
{
    struct buf fix;
    char who[160], address[128];
    buf_init(&fix, FAULT_TEXT_SIZE);
    add_fix(&fix, m, quoted(from, address));
    fault_set(why, FAULT_REJECT, "route.sender",
              "%s may not write %s into From, as mailbox %s does not send as it; add it with: %s", who_text(app, who),
              address, m->address, buf_str(&fix));
    buf_fini(&fix);
    return false;
}

bool route_header(const struct directory *d, const char *app, const struct route *r, const struct mime_header *h,
                  struct fault *why)
{
    if (*r->from || r->any_sender || h->from_fields == 0)
        return true;
    const struct mailbox *m = directory_mailbox(d, r->mailbox);
    if (!m)
        return refuse_mailbox(app, r->mailbox, m, why);
    if (h->from_fields > 1)
        return fault_set(why, FAULT_REJECT, "route.header",
                         "the message has %u From fields; one is allowed, or nobody can say whom it is from",
                         h->from_fields);
    if (!h->is_from_readable)
        return fault_set(why, FAULT_REJECT, "route.header", "the From field can't be read: %s", h->from_trouble.text);
    for (size_t i = 0; i < h->from.count; i++)
        if (!owns(m, h->from.items[i].address))
            return refuse_from(app, m, h->from.items[i].address, why);
    return true;
}
