/* The servers: one for Microsoft, one for Google. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "sandbox/imapd_private.h"

static const char *const steps[] = { "connect", "starttls", "capability", "authenticate", "token",   "login",
                                     "select",  "examine",  "list",       "status",       "fetch",   "search",
                                     "store",   "copy",     "move",       "append",       "message", "expunge",
                                     "idle",    "done",     "close",      "noop",         "logout",  "create",
                                     "delete",  "rename",   "enable",     "id",           NULL };

/* "NO …", "BAD …", "OK …" get the command's tag; "* BYE …" and "+ …" stand as they are. */
static bool is_reply(const char *text)
{
    return strncmp(text, "NO ", 3) == 0 || strncmp(text, "BAD ", 4) == 0 || strncmp(text, "OK ", 3) == 0 ||
           strncmp(text, "* ", 2) == 0 || strncmp(text, "+ ", 2) == 0 || strncmp(text, "raw:", 4) == 0;
}

static const struct inject_rules rules = { steps, "NO Server Unavailable. 15", is_reply };

static struct link *open_session(struct link_server *x)
{
    struct imapd_session *s = mem_alloc(sizeof *s);
    imapd_session_init(s, (struct imapd_server *)(void *)x);
    return &s->link;
}

static const struct link_kind kind = {
    .name = "imap",
    .certificate = SWITCH_IMAP_CERTIFICATE,
    .idle = SWITCH_IMAP_IDLE,
    .slow = SWITCH_IMAP_SLOW,
    .rules = &rules,
    .open = open_session,
    .greet = imapd_session_greet,
    .data = imapd_session_data,
    .drained = imapd_session_drained,
    .secured = imapd_session_secured,
    .silent = imapd_session_silent,
    .closed = imapd_session_closed,
    .free = imapd_session_free,
};

struct imapd_server *imapd_server_new(struct sandbox *sandbox, enum imapd_kind which, int tls_fd, int plain_fd,
                                      struct fault *why)
{
    struct imapd_server *x = mem_alloc(sizeof *x);
    x->kind = which;
    if (!link_server_init(&x->links, sandbox, &kind, which == IMAPD_GOOGLE ? "google" : "microsoft", tls_fd, plain_fd,
                          why)) {
        imapd_server_free(x);
        return NULL;
    }
    return x;
}

void imapd_server_free(struct imapd_server *x)
{
    if (x == NULL)
        return;
    link_server_fini(&x->links);
    free(x);
}

bool imapd_server_inject(struct imapd_server *x, const char *text, uint64_t uses, struct fault *why)
{
    return injections_add(x->links.injections, text, uses, why);
}

void imapd_server_reset(struct imapd_server *x)
{
    injections_add(x->links.injections, "off", 0, NULL);
}

json_t *imapd_server_json(const struct imapd_server *x)
{
    return link_server_json(&x->links);
}
