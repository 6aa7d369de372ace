/* object/check_endpoint.c - what an endpoint's fields must say together: exactly what its kind needs, nothing of another kind, and
 * an `after` that its way of watching can do. */
#include <string.h>

#include "base/text.h"
#include "object/fields.h"

#define INVALID FAULT_CONFIG, "object.invalid"

static const char *const kind_names[] = {
    [ENDPOINT_KEEP] = "keep",       [ENDPOINT_WEBHOOK] = "webhook", [ENDPOINT_COMMAND] = "command",
    [ENDPOINT_MAILDIR] = "maildir", [ENDPOINT_LMTP] = "lmtp",
};

/* "name:port", "[::1]:port", or the path of a socket. */
static bool is_lmtp_host(const char *text)
{
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (text[0] == '/')
        return text[1] != '\0';
    if (!colon || colon == text || !text_to_u64(colon + 1, 65535, &port) || port == 0)
        return false;
    bool is_bracketed = text[0] == '[' && colon[-1] == ']' && colon - text > 2;
    for (const char *at = text; at < colon; at++) {
        bool is_name = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || (*at >= '0' && *at <= '9') ||
                       *at == '-' || *at == '.' || *at == '_';
        if (!is_name && !(is_bracketed && (*at == ':' || at == text || at == colon - 1)))
            return false;
    }
    return true;
}

/* What each kind must have, and what gives away that another kind was meant. */
static bool check_kind(const struct endpoint *e, struct fault *why)
{
    const struct {
        enum endpoint_kind kind;
        const char *key, *value, *what;
    } needs[] = {
        { ENDPOINT_WEBHOOK, "webhook.url", e->webhook.url, "where each message is posted" },
        { ENDPOINT_COMMAND, "command.path", e->command.path, "the program to run" },
        { ENDPOINT_MAILDIR, "maildir", e->maildir, "the directory to write to" },
        { ENDPOINT_LMTP, "lmtp.host", e->lmtp.host, "the server, as HOST:PORT or the path of a socket" },
    };
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) {
        if (needs[i].kind == e->kind && !needs[i].value[0])
            return fault_set(why, INVALID, "%s is missing: %s", needs[i].key, needs[i].what);
        if (needs[i].kind != e->kind && needs[i].value[0])
            return fault_set(why, INVALID,
                             "%s is of no use to kind %s: one endpoint hands over in one way; add another",
                             needs[i].key, kind_names[e->kind]);
    }
    if (e->kind == ENDPOINT_LMTP && !is_lmtp_host(e->lmtp.host))
        return fault_set(why, INVALID, "lmtp.host must be HOST:PORT as in 127.0.0.1:24, or the path of a socket");
    if (e->kind == ENDPOINT_LMTP && e->lmtp.host[0] == '/' && e->lmtp.tls > OBJECT_TLS_NONE)
        return fault_set(why, INVALID, "lmtp.tls is of no use on a socket of this machine: leave it out");
    return true;
}

static bool check_after(const struct endpoint *e, struct fault *why)
{
    if (e->after == ENDPOINT_AFTER_MOVE && !e->move_to[0])
        return fault_set(why, INVALID, "move_to is missing: the folder that mail is moved to once handed over");
    if (e->after != ENDPOINT_AFTER_MOVE && e->move_to[0])
        return fault_set(why, INVALID, "move_to needs after: move");
    if (e->after == ENDPOINT_AFTER_MOVE && text_equal_nocase(e->move_to, endpoint_folder(e)))
        return fault_set(why, INVALID, "move_to is the folder that is watched: mail would arrive there again");
    return e->watch != ENDPOINT_WATCH_POP3 || endpoint_suits_pop3(e, why);
}

/* A field's name as RFC 5322 3.6.8 has it, alone or with a pattern behind a colon. */
static bool is_header_filter(const char *text)
{
    size_t name = strcspn(text, ":");
    for (size_t i = 0; i < name; i++)
        if (text[i] <= 0x20 || text[i] >= 0x7f)
            return false;
    return name > 0;
}

static bool check_filter(const struct endpoint *e, struct fault *why)
{
    if (e->filter.header[0] && !is_header_filter(e->filter.header))
        return fault_set(why, INVALID, "filter.header must be a field's name, or one as in List-Id: *.example.org");
    if (e->filter.smaller_kb && e->filter.larger_kb >= e->filter.smaller_kb)
        return fault_set(why, INVALID, "filter.larger_kb %u and filter.smaller_kb %u leave nothing between them",
                         e->filter.larger_kb, e->filter.smaller_kb);
    return true;
}

const char *endpoint_folder(const struct endpoint *e)
{
    return e->folder[0] && !text_equal_nocase(e->folder, "INBOX") ? e->folder : "INBOX";
}

bool endpoint_suits_pop3(const struct endpoint *e, struct fault *why)
{
    if (!text_equal(endpoint_folder(e), "INBOX"))
        return fault_set(why, INVALID, "POP3 knows no folders but the inbox: leave folder out, or watch by IMAP");
    if (e->after != ENDPOINT_AFTER_LEAVE && e->after != ENDPOINT_AFTER_DELETE)
        return fault_set(why, INVALID, "POP3 can't mark or move mail: say after: leave or after: delete");
    return true;
}

bool check_endpoint(void *object, struct fault *why)
{
    const struct endpoint *e = object;
    return check_kind(e, why) && check_after(e, why) && check_filter(e, why);
}
