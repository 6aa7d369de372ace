/* The servers: one for Microsoft, one for Google. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "sandbox/pop3d_private.h"

static const char *const steps[] = { "connect", "stls", "capa", "auth", "token", "user", "pass", "stat", "list",
                                     "uidl",    "retr", "top",  "dele", "rset",  "noop", "quit", NULL };

static bool is_reply(const char *text)
{
    return strncmp(text, "-ERR", 4) == 0 || strncmp(text, "+", 1) == 0 || strncmp(text, "raw:", 4) == 0;
}

static const struct inject_rules rules = { steps, "-ERR Server Unavailable. 21", is_reply };

static struct link *open_session(struct link_server *x)
{
    struct pop3d_session *s = mem_alloc(sizeof *s);
    pop3d_session_init(s, (struct pop3d_server *)(void *)x);
    return &s->link;
}

static const struct link_kind kind = {
    .name = "pop3",
    .certificate = SWITCH_POP3_CERTIFICATE,
    .idle = SWITCH_POP3_IDLE,
    .slow = SWITCH_POP3_SLOW,
    .rules = &rules,
    .open = open_session,
    .greet = pop3d_session_greet,
    .data = pop3d_session_data,
    .drained = pop3d_session_drained,
    .secured = pop3d_session_secured,
    .silent = pop3d_session_silent,
    .closed = pop3d_session_closed,
    .free = pop3d_session_free,
};

struct pop3d_server *pop3d_server_new(struct sandbox *sandbox, enum pop3d_kind which, int tls_fd, int plain_fd,
                                      struct fault *why)
{
    struct pop3d_server *x = mem_alloc(sizeof *x);
    x->kind = which;
    if (!link_server_init(&x->links, sandbox, &kind, which == POP3D_GOOGLE ? "google" : "microsoft", tls_fd, plain_fd,
                          why)) {
        pop3d_server_free(x);
        return NULL;
    }
    return x;
}

void pop3d_server_free(struct pop3d_server *x)
{
    if (x == NULL)
        return;
    link_server_fini(&x->links);
    free(x);
}

bool pop3d_server_inject(struct pop3d_server *x, const char *text, uint64_t uses, struct fault *why)
{
    return injections_add(x->links.injections, text, uses, why);
}

void pop3d_server_reset(struct pop3d_server *x)
{
    injections_add(x->links.injections, "off", 0, NULL);
}

json_t *pop3d_server_json(const struct pop3d_server *x)
{
    return link_server_json(&x->links);
}
