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

bool people_operator(const struct admin *a, struct arena *life, const char *name, struct principal *out)
{
    const struct console_operator *o = directory_operator(a->directory, name);
    enum operator_role role = o ? o->role : OPERATOR_OPERATOR;
    /* No operator's name has an '@': this one is known by the settings alone. */
    bool is_entra = !o && strchr(name, '@') && entra_role(a, life, name, &role);
    if ((!o || o->is_disabled) && !is_entra)
        return false;
    out->kind = PRINCIPAL_OPERATOR;
    out->name = arena_strdup(life, o ? o->name : name);
    out->rights = rights_of_role(a, role);
    return true;
}

bool people_offer_entra(const struct admin *a)
{
    return !text_is_empty(a->conf->console.entra_registration);
}

bool people_key(const struct admin *a, struct arena *life, const char *name, struct principal *out)
{
    const struct api_key *k = directory_key(a->directory, name);
    if (!k || k->is_disabled || key_has_expired(k, loop_wall_ms(a->loop)))
        return false;
    out->kind = PRINCIPAL_KEY;
    out->name = arena_strdup(life, k->name);
    out->rights = k->scopes;
    out->mailboxes = arena_array(life, k->mailboxes_count, sizeof *out->mailboxes);
    out->mailboxes_count = k->mailboxes_count;
    for (size_t i = 0; i < k->mailboxes_count; i++)
        out->mailboxes[i] = arena_strdup(life, k->mailboxes[i]);
    return true;
}

/* ---- who may stay ---- */

/* Whatever `then` might touch, it may still. */
static bool covers_mailboxes(const struct principal *now, const struct principal *then)
{
    if (then->mailboxes_count == 0)
        return now->mailboxes_count == 0;
    for (size_t i = 0; i < then->mailboxes_count; i++)
        if (!principal_may_touch(now, then->mailboxes[i]))
            return false;
    return true;
}

static bool is_known_still(const struct request *r, struct arena *life, struct principal *now)
{
    const struct principal *p = r->principal;
    switch (p->kind) {
    case PRINCIPAL_OPERATOR:
        return r->session && people_operator(r->admin, life, p->name, now);
    case PRINCIPAL_KEY:
        return people_key(r->admin, life, p->name, now);
    case PRINCIPAL_APP:
        *now = *p;
        return directory_app(r->admin->directory, p->name) != NULL;
    default: /* nobody has nothing to lose, and who is on the machine stays there */
        *now = *p;
        return true;
    }
}

bool people_may_stay(const struct request *r)
{
    struct principal now = { .kind = PRINCIPAL_NOBODY };
    if (!r->principal || !r->route || r->route->rights == RIGHT_NONE || r->principal->kind == PRINCIPAL_NOBODY)
        return true;
    struct arena *life = arena_new();
    bool may = !r->is_over && is_known_still(r, life, &now) && (now.rights & r->route->rights) &&
               covers_mailboxes(&now, r->principal);
    arena_free(life);
    return may;
}

void people_cut_off(struct request *r)
{
    if (r->stream.is_on) {
        asks_cancel(r);
        stream_end(r);
    } else if (r->waits_long && r->asks_open > 0) {
        asks_cancel(r);
        respond_finding(r, 401, "console.sign-in", "who asked is not let in any more");
    }
}

void people_look_again(struct admin *a)
{
    LIST_EACH (node, &a->requests) {
        struct request *r = LIST_OF(node, struct request, node);
        if ((r->stream.is_on || r->waits_long) && !people_may_stay(r))
            people_cut_off(r);
    }
}

void people_changed(struct admin *a, uint32_t kind, const char *key)
{
    const struct console_operator *o = directory_operator(a->directory, key);
    if (kind == OBJECT_OPERATOR && (!o || o->is_disabled))
        sessions_end_of(a->sessions, key, NULL);
    if (kind == OBJECT_REGISTRATION || kind == OBJECT_PROVIDER)
        entra_tell(a);
    people_look_again(a);
}

void people_secret_changed(struct admin *a, enum principal_kind kind, const char *name)
{
    LIST_EACH (node, &a->requests) {
        struct request *r = LIST_OF(node, struct request, node);
        if (r->principal && r->principal->kind == kind && text_equal_nocase(r->principal->name, name))
            r->is_over = true;
    }
    people_look_again(a);
}
