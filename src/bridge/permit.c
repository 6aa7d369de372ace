/* bridge/permit.c - the app is who it says it is: may it use this mailbox in this way, and is there room for one more? */
#include <stdlib.h>

#include "bridge/bridge_private.h"

static void refuse(struct bridge *b, const char *app, const char *mailbox, enum front_refusal how,
                   const struct fault *why)
{
    report_of(b, app, mailbox, REPORT_REFUSED, finding_by_id(why->id), why->text);
    knock_refuse(b, how, why->text);
}

static const char *name_of(uint32_t protocol)
{
    return protocol == OBJECT_IMAP ? "imap" : protocol == OBJECT_POP3 ? "pop3" : "smtp";
}

/* What neither a moment nor a second try changes. */
static bool is_allowed(const struct bridge *b, const struct app *a, const struct mailbox *m, struct fault *why)
{
    uint32_t protocol = bridge_protocol(b);
    if (a->allow && !(a->allow & protocol))
        return fault_set(why, FAULT_REJECT, "app.protocol", "%s may not use this protocol", a->name);
    uint32_t wanted = m->protocols | protocol;
    if (m->protocols && !(m->protocols & protocol))
        return fault_set(why, FAULT_REJECT, "mailbox.protocol",
                         "mailbox %s is not switched on for %s: postern mailbox set %s --protocols%s%s%s", m->address,
                         name_of(protocol), m->address, wanted & OBJECT_SMTP ? " smtp" : "",
                         wanted & OBJECT_IMAP ? " imap" : "", wanted & OBJECT_POP3 ? " pop3" : "");
    if (protocol == OBJECT_SMTP && *a->force_sender)
        return fault_set(why, FAULT_REJECT, "bridge.force-sender",
                         "app '%s' is set to send as %s, which only a listener with mode queue can see to", a->name,
                         a->force_sender);
    return true;
}

void permit(struct bridge *b, const char *app, const char *mailbox)
{
    const struct directory *d = b->all->host.directory(b->all->ctx);
    const struct app *a = directory_app(d, app);
    const struct mailbox *m = directory_mailbox(d, mailbox);
    uint32_t protocol = bridge_protocol(b);
    struct fault why = { 0 };
    if (!a || !m) {
        fault_set(&why, FAULT_RETRY, "mailbox.unknown", "the mailbox is not there");
        refuse(b, app, mailbox, FRONT_UNAVAILABLE, &why);
        return;
    }
    if (!is_allowed(b, a, m, &why)) {
        refuse(b, app, mailbox, FRONT_FORBIDDEN, &why);
        return;
    }
    if (protocol == OBJECT_SMTP && m->is_paused) {
        fault_set(&why, FAULT_RETRY, "mailbox.paused", "mailbox %s is paused: nothing goes out by it for now",
                  m->address);
        refuse(b, app, mailbox, FRONT_UNAVAILABLE, &why);
        return;
    }
    unsigned most = protocol == OBJECT_SMTP ? directory_limits_of(d, m).connections
                                            : b->all->settings.sessions_per_mailbox;
    if (!bridges_enter(b->all, a->name, m->address, protocol, most, &why)) {
        refuse(b, app, mailbox, FRONT_LIMIT, &why);
        return;
    }
    b->has_place = true;
    b->app = mem_strdup(a->name);
    b->mailbox = mem_strdup(m->address);
    reach_begin(b, d, m);
}
