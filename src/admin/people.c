/* What the objects say, as of now, of those who signed in: an operator that is switched off, or a key that ends, is out at once. */
#include <string.h>

#include "admin/admin_private.h"
#include "base/text.h"

_Static_assert((unsigned)KEY_SEND == RIGHT_SEND && (unsigned)KEY_INBOX == RIGHT_INBOX &&
                   (unsigned)KEY_READ == RIGHT_READ && (unsigned)KEY_CONTENT == RIGHT_CONTENT &&
                   (unsigned)KEY_OPERATE == RIGHT_OPERATE && (unsigned)KEY_ADMIN == RIGHT_ADMIN,
               "a key's scopes are rights");

/* What people have by their role; who may read mail is a matter of its own. */
static uint32_t rights_of_role(const struct admin *a, enum operator_role role)
{
    const uint32_t mail = RIGHT_CONTENT | RIGHT_INBOX;
    const char *who = a->conf->console.originals;
    bool is_administrator = role == OPERATOR_ADMINISTRATOR;
    uint32_t rights = is_administrator ? RIGHTS_ALL & ~mail : RIGHT_READ;
    if (text_equal(who, "everybody") || (is_administrator && !text_equal(who, "nobody")))
        rights |= mail;
    return rights;
}

bool people_operator(struct request *r, const char *name, struct principal *out)
{
    const struct console_operator *o = directory_operator(r->admin->directory, name);
    enum operator_role role = o ? o->role : OPERATOR_OPERATOR;
    /* No operator's name has an '@': this one is known by the settings alone. */
    bool is_entra = !o && strchr(name, '@') && entra_role(r, name, &role);
    if ((!o || o->is_disabled) && !is_entra)
        return false;
    out->kind = PRINCIPAL_OPERATOR;
    out->name = arena_strdup(r->arena, o ? o->name : name);
    out->rights = rights_of_role(r->admin, role);
    return true;
}

bool people_offer_entra(const struct admin *a)
{
    return !text_is_empty(a->conf->console.entra_registration);
}

bool people_key(struct request *r, const char *name, struct principal *out)
{
    const struct api_key *k = directory_key(r->admin->directory, name);
    if (!k || k->is_disabled || key_has_expired(k, loop_wall_ms(r->admin->loop)))
        return false;
    out->kind = PRINCIPAL_KEY;
    out->name = arena_strdup(r->arena, k->name);
    out->rights = k->scopes;
    out->mailboxes = arena_array(r->arena, k->mailboxes_count, sizeof *out->mailboxes);
    out->mailboxes_count = k->mailboxes_count;
    for (size_t i = 0; i < k->mailboxes_count; i++)
        out->mailboxes[i] = arena_strdup(r->arena, k->mailboxes[i]);
    return true;
}

/* A key has no session; what ends is what is still under way. */
static void end_streams_of_key(struct admin *a, const char *name)
{
    LIST_EACH (node, &a->requests) {
        struct request *r = LIST_OF(node, struct request, node);
        bool is_of = r->principal && r->principal->kind == PRINCIPAL_KEY && text_equal_nocase(r->principal->name, name);
        if (is_of && r->stream.is_on)
            stream_end(r);
    }
}

void people_changed(struct admin *a, uint32_t kind, const char *key)
{
    const struct console_operator *o = directory_operator(a->directory, key);
    const struct api_key *k = directory_key(a->directory, key);
    if (kind == OBJECT_OPERATOR && (!o || o->is_disabled))
        sessions_end_of(a->sessions, key, NULL);
    else if (kind == OBJECT_KEY && (!k || k->is_disabled))
        end_streams_of_key(a, key);
}
