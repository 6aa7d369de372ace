#include "token/scope.h"

#include <string.h>

#include "base/text.h"

const char *scope_of(const struct provider *p, const struct mailbox *m, uint32_t protocol)
{
    if (m->grant == OBJECT_GRANT_APP)
        return p->scope_app;
    switch (protocol) {
    case OBJECT_IMAP:
        return p->scope_imap;
    case OBJECT_POP3:
        return p->scope_pop3;
    default:
        return p->scope_smtp;
    }
}

/* A mailbox that names no protocols has all of them. */
static bool has_protocol(const struct mailbox *m, uint32_t protocol)
{
    return m->protocols == 0 || (m->protocols & protocol);
}

static const uint32_t mail_protocols[] = { OBJECT_SMTP, OBJECT_IMAP, OBJECT_POP3 };

const char *scope_home(const struct provider *p, const struct mailbox *m)
{
    for (size_t i = 0; i < sizeof mail_protocols / sizeof *mail_protocols; i++) {
        const char *permission = has_protocol(m, mail_protocols[i]) ? scope_of(p, m, mail_protocols[i]) : "";
        if (permission[0] != '\0')
            return permission;
    }
    return "";
}

/* "https://host/Name" -> "https://host/" */
static struct bytes resource_of(const char *permission)
{
    struct bytes whole = bytes_of(permission);
    size_t host = bytes_find(whole, BYTES_LIT("://"));
    if (host == SIZE_MAX)
        return BYTES_NONE;
    struct bytes rest = bytes_slice(whole, host + 3, whole.size);
    size_t slash = bytes_find(rest, BYTES_LIT("/"));
    return slash == SIZE_MAX ? whole : bytes_slice(whole, 0, host + 3 + slash + 1);
}

char *scope_for_sign_in(const struct provider *p, const struct mailbox *m, struct arena *arena)
{
    char *list = arena_strdup(arena, "");
    struct bytes resource = BYTES_NONE;
    for (size_t i = 0; i < sizeof mail_protocols / sizeof *mail_protocols; i++) {
        const char *permission = has_protocol(m, mail_protocols[i]) ? scope_of(p, m, mail_protocols[i]) : "";
        if (permission[0] == '\0' || scope_has_word(list, permission))
            continue;
        if (list[0] == '\0')
            resource = resource_of(permission);
        else if (!bytes_equal_nocase(resource, resource_of(permission)))
            continue;
        list = arena_printf(arena, "%s%s%s", list, list[0] ? " " : "", permission);
    }
    return p->scope_common[0] ? arena_printf(arena, "%s %s", list, p->scope_common) : list;
}

char *scope_for_redemption(const struct provider *p, const char *permission, struct arena *arena)
{
    return arena_printf(arena, "%s%s%s", permission, p->scope_common[0] ? " " : "", p->scope_common);
}

char *scope_for_refresh(const struct provider *p, const char *permission, struct arena *arena)
{
    bool is_offline = scope_has_word(p->scope_common, "offline_access");
    return arena_printf(arena, "%s%s", permission, is_offline ? " offline_access" : "");
}

static struct bytes next_word(struct bytes *list)
{
    *list = bytes_trim(*list);
    size_t end = bytes_find(*list, BYTES_LIT(" "));
    struct bytes word = bytes_slice(*list, 0, end);
    *list = bytes_slice(*list, word.size, list->size);
    return word;
}

bool scope_has_word(const char *list, const char *word)
{
    struct bytes rest = bytes_of(list);
    for (struct bytes w = next_word(&rest); w.size > 0; w = next_word(&rest)) {
        if (bytes_equal_nocase(w, bytes_of(word)))
            return true;
    }
    return false;
}

static struct bytes last_segment(struct bytes scope)
{
    while (scope.size > 0 && scope.data[scope.size - 1] == '/')
        scope.size--;
    size_t from = scope.size;
    while (from > 0 && scope.data[from - 1] != '/')
        from--;
    return bytes_slice(scope, from, scope.size);
}

bool scope_is_granted(const char *granted, const char *permission)
{
    struct bytes wanted = last_segment(bytes_of(permission));
    struct bytes rest = bytes_trim(bytes_of(granted));
    if (rest.size == 0 || wanted.size == 0 || bytes_equal_nocase(wanted, BYTES_LIT(".default")))
        return true;
    for (struct bytes w = next_word(&rest); w.size > 0; w = next_word(&rest)) {
        if (bytes_equal_nocase(last_segment(w), wanted))
            return true;
    }
    return false;
}
