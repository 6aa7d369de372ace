/* Connections at the console's address: how many there may be, and how long each may take for what it says. A trickle of octets keeps
 * nobody's place: a header has its time, a body so much more as has come of it.
 *
 * Where all places are taken, a stranger who keeps us waiting makes room for who comes: the one that is there longest. So whoever
 * holds connections open, however many and from wherever, keeps nobody else out. Who has shown who they are, and who waits for us,
 * stays; who listens slowly is the server's own time limit's business. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"
#include "net/addr.h"

#define HEADER_MS 30000
#define BODY_MS 60000
#define BODY_PER_MS 16 /* octets */
#define COMPLAIN_EVERY_MS 60000
#define SEND_BUFFER \
    (128 << 10) /* of the system's memory, for answers that are not read; left alone, it gives megabytes to each */

struct visitor {
    struct list node; /* in door.visitors */
    struct door *door;
    struct MHD_Connection *connection;
    struct loop_timer limit;
    char host[NET_ADDR_TEXT_SIZE];
    bool is_busy;  /* with a request */
    bool is_known; /* has shown who that is, with a request that was let in */
    bool is_ours;  /* waits for us */
    bool is_going; /* was sent away, and the server has not noticed yet */
    int64_t body_since_ms;
    uint64_t body_size;
};

static void host_of(const struct sockaddr *at, char *out, size_t size)
{
    struct net_addr a = { .size = 0 };
    snprintf(out, size, "local");
    if (!at || (at->sa_family != AF_INET && at->sa_family != AF_INET6))
        return;
    a.size = at->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    memcpy(&a.storage, at, a.size);
    net_addr_host_text(&a, out, size);
}

static size_t count(const struct admin *a, const char *host)
{
    size_t found = 0;
    LIST_EACH (door, &a->doors) {
        LIST_EACH (node, &LIST_OF(door, struct door, node)->visitors) {
            const struct visitor *v = LIST_OF(node, struct visitor, node);
            found += !v->is_going && (!host || strcmp(v->host, host) == 0);
        }
    }
    return found;
}

/* All that comes through a proxy comes from its one address. */
static bool is_shared(const struct conf *conf, const char *host)
{
    return text_equal(host, "local") || guard_is_proxy(conf, host);
}

static void complain(struct admin *a, const char *host)
{
    int64_t now = loop_now_ms(a->loop);
    if (a->complained_ms != 0 && now - a->complained_ms < COMPLAIN_EVERY_MS)
        return;
    a->complained_ms = now;
    log_warn("console.crowded", LOG_TEXT("host", host), LOG_UNSIGNED("connections", count(a, NULL)));
}

static int socket_of(const struct visitor *v)
{
    return MHD_get_connection_info(v->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

/* The server notices as it notices any end. */
static void send_away(void *ctx)
{
    struct visitor *v = ctx;
    v->is_going = true;
    loop_timer_stop(&v->limit);
    shutdown(socket_of(v), SHUT_RDWR);
    loop_defer(v->door->admin->loop, &v->door->admin->run);
}

/* Of that host, or of any; they stand in the order in which they came. */
static bool make_room(struct admin *a, const char *host)
{
    LIST_EACH (door, &a->doors) {
        LIST_EACH (node, &LIST_OF(door, struct door, node)->visitors) {
            struct visitor *v = LIST_OF(node, struct visitor, node);
            if (v->is_known || v->is_ours || v->is_going || (host && strcmp(v->host, host) != 0))
                continue;
            send_away(v);
            return true;
        }
    }
    return false;
}

enum MHD_Result visitor_may_come(void *ctx, const struct sockaddr *at, socklen_t size)
{
    struct door *d = ctx;
    struct admin *a = d->admin;
    char host[NET_ADDR_TEXT_SIZE];
    host_of(at, host, sizeof host);
    bool is_host_full = !is_shared(a->conf, host) && count(a, host) >= VISITORS_PER_HOST;
    if (!is_host_full && count(a, NULL) < VISITORS_MOST)
        return MHD_YES;
    complain(a, host);
    return make_room(a, is_host_full ? host : NULL) ? MHD_YES : MHD_NO;
}

static void come(struct door *d, struct MHD_Connection *connection, void **slot)
{
    struct visitor *v = mem_alloc(sizeof *v);
    *v = (struct visitor){ .door = d, .connection = connection };
    host_of(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr, v->host,
            sizeof v->host);
    loop_timer_init(&v->limit, d->admin->loop, send_away, v);
    loop_timer_start(&v->limit, HEADER_MS);
    list_append(&d->visitors, &v->node);
    (void)setsockopt(socket_of(v), SOL_SOCKET, SO_SNDBUF, &(int){ SEND_BUFFER }, sizeof(int));
    *slot = v;
}

static void leave(struct visitor *v)
{
    struct door *d = v->door;
    loop_timer_stop(&v->limit);
    list_remove(&v->node);
    free(v);
    door_visitor_left(d);
}

void visitor_on_connection(void *ctx, struct MHD_Connection *connection, void **slot,
                           enum MHD_ConnectionNotificationCode code)
{
    if (code == MHD_CONNECTION_NOTIFY_STARTED)
        come(ctx, connection, slot);
    else if (*slot)
        leave(*slot);
}

struct visitor *visitor_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void limit_body(struct visitor *v)
{
    int64_t ends = v->body_since_ms + BODY_MS + (int64_t)(v->body_size / BODY_PER_MS);
    int64_t now = loop_now_ms(v->door->admin->loop);
    if (!v->is_going)
        loop_timer_start(&v->limit, ends > now ? ends - now : 0);
}

void visitor_header_came(struct visitor *v)
{
    if (!v)
        return;
    v->is_busy = true;
    v->body_since_ms = loop_now_ms(v->door->admin->loop);
    v->body_size = 0;
    limit_body(v);
}

void visitor_body_grew(struct visitor *v, size_t size)
{
    if (!v)
        return;
    v->body_size += size;
    limit_body(v);
}

void visitor_body_came(struct visitor *v)
{
    if (v)
        loop_timer_stop(&v->limit);
}

void visitor_is_known(struct visitor *v)
{
    if (v)
        v->is_known = true;
}

void visitor_waits_for_us(struct visitor *v, bool waits)
{
    if (v)
        v->is_ours = waits;
}

void visitor_answered(struct visitor *v)
{
    if (!v)
        return;
    v->is_busy = false;
    if (!v->is_going)
        loop_timer_start(&v->limit, v->door->is_ending ? 0 : HEADER_MS);
}

void visitors_hurry(struct door *d)
{
    LIST_EACH (node, &d->visitors) {
        struct visitor *v = LIST_OF(node, struct visitor, node);
        if (!v->is_busy && !v->is_going)
            loop_timer_start(&v->limit, 0);
    }
}
