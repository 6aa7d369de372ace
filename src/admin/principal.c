/* Who asks. On the Unix socket the kernel says it. */
#include <pwd.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/admin_private.h"
#include "base/text.h"

static int socket_of(struct request *r)
{
    return MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static const char *user_name(struct request *r)
{
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(socket_of(r), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0)
        return "local";
    const struct passwd *user = getpwuid(peer.uid);
    return user ? arena_strdup(r->arena, user->pw_name) : arena_printf(r->arena, "uid %u", (unsigned)peer.uid);
}

bool principal_may_touch(const struct principal *p, const char *mailbox)
{
    for (size_t i = 0; i < p->mailboxes_count; i++)
        if (text_equal_nocase(p->mailboxes[i], mailbox))
            return true;
    return p->mailboxes_count == 0;
}

void principal_find(struct request *r, request_fn *known)
{
    struct principal *p = arena_alloc(r->arena, sizeof *p);
    if (r->door->kind == DOOR_API)
        *p = (struct principal){ PRINCIPAL_LOCAL, user_name(r), RIGHTS_ALL, "local", NULL, 0 };
    else
        *p = (struct principal){ PRINCIPAL_NOBODY, "", 0, "", NULL, 0 };
    r->principal = p;
    known(r);
}
