/* The ways in, a server of libmicrohttpd for each. When the console's address or certificate changes, the parent names a new door: the old
 * one accepts no more, answers what it was asked, and goes. */
#include <assert.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/secret.h"
#include "base/text.h"

#define DRAIN_MS (10 * 60000)
#define CIPHERS "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

/* ---- running ---- */

static void rearm(struct admin *a)
{
    int64_t soonest = INT64_MAX;
    LIST_EACH (node, &a->doors) {
        MHD_UNSIGNED_LONG_LONG ms;
        if (MHD_get_timeout(LIST_OF(node, struct door, node)->daemon, &ms) == MHD_YES && (int64_t)ms < soonest)
            soonest = (int64_t)ms;
    }
    if (soonest < INT64_MAX)
        loop_timer_start(&a->timer, soonest);
    else
        loop_timer_stop(&a->timer);
}

static void run_all(void *ctx)
{
    struct admin *a = ctx;
    LIST_EACH (node, &a->doors) {
        MHD_run(LIST_OF(node, struct door, node)->daemon);
    }
    rearm(a);
}

static void on_readable(void *ctx, unsigned ready)
{
    run_all(ctx);
}

static void on_server_log(void *ctx, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

static void on_server_log(void *ctx, const char *format, va_list args)
{
    char line[200];
    vsnprintf(line, sizeof line, format, args);
    log_debug("admin.http", LOG_BYTES("text", bytes_trim(bytes_of(line))));
}

/* ---- opening ---- */

static void bury(void *ctx);
static void lose_patience(void *ctx);

static struct door *door_new(struct admin *a, enum door_kind kind, uint32_t number)
{
    struct door *d = mem_alloc(sizeof *d);
    *d = (struct door){ .admin = a, .kind = kind, .number = number };
    list_init(&d->node);
    list_init(&d->visitors);
    loop_timer_init(&d->patience, a->loop, lose_patience, d);
    loop_deferred_init(&d->bury, bury, d);
    return d;
}

static bool adopt(struct door *d, const char *name, struct fault *why)
{
    struct admin *a = d->admin;
    if (!d->daemon) {
        free(d);
        return fault_set(why, FAULT_LOCAL, "", "the HTTP server of %s did not start", name);
    }
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(d->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    assert(info);
    d->io = loop_io_new(a->loop, info->epoll_fd, LOOP_READ, on_readable, a);
    list_append(&a->doors, &d->node);
    rearm(a);
    return true;
}

/* In place, as the server does it but for NUL, at which a name would end: "erp%00x" is another than "erp", and not there. */
static size_t on_escaped(void *ctx, struct MHD_Connection *connection, char *text)
{
    char *out = text;
    for (const char *in = text; *in; out++) {
        char digits[3] = { in[0] == '%' ? in[1] : '\0', in[0] == '%' && in[1] ? in[2] : '\0', '\0' };
        uint8_t octet;
        size_t size;
        bool is_escaped = hex_decode(digits, &octet, 1, &size) && size == 1 && octet != 0;
        *out = is_escaped ? (char)octet : *in;
        in += is_escaped ? 3 : 1;
    }
    *out = '\0';
    return (size_t)(out - text);
}

#define COMMON_FLAGS (MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG)
#define COMMON_OPTIONS(d, fd) \
    MHD_OPTION_EXTERNAL_LOGGER, on_server_log, (d)->admin, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_NOTIFY_COMPLETED, \
        http_on_completed, (d)->admin, MHD_OPTION_UNESCAPE_CALLBACK, on_escaped, NULL

bool door_open_api(struct admin *a, int fd, struct fault *why)
{
    struct door *d = door_new(a, DOOR_API, 0);
    /* A log may be followed for long. */
    d->daemon = MHD_start_daemon(COMMON_FLAGS, 0, NULL, NULL, http_on_request, d, COMMON_OPTIONS(d, fd),
                                 MHD_OPTION_CONNECTION_TIMEOUT, 3600u, MHD_OPTION_CONNECTION_LIMIT, 256u,
                                 MHD_OPTION_END);
    if (!d->daemon)
        close(fd);
    return adopt(d, "the admin socket", why);
}

static struct MHD_Daemon *start_plain(struct door *d, int fd)
{
    return MHD_start_daemon(COMMON_FLAGS, 0, visitor_may_come, d, http_on_request, d, COMMON_OPTIONS(d, fd),
                            MHD_OPTION_NOTIFY_CONNECTION, visitor_on_connection, d, MHD_OPTION_CONNECTION_TIMEOUT,
                            VISITOR_STALL_S, MHD_OPTION_CONNECTION_LIMIT, VISITORS_MOST + VISITORS_GOING,
                            MHD_OPTION_END);
}

/* The server reads both texts now and never again. */
static struct MHD_Daemon *start_tls(struct door *d, int fd, const char *certificate, const char *key)
{
    return MHD_start_daemon(COMMON_FLAGS | MHD_USE_TLS, 0, visitor_may_come, d, http_on_request, d,
                            COMMON_OPTIONS(d, fd), MHD_OPTION_NOTIFY_CONNECTION, visitor_on_connection, d,
                            MHD_OPTION_CONNECTION_TIMEOUT, VISITOR_STALL_S, MHD_OPTION_CONNECTION_LIMIT,
                            VISITORS_MOST + VISITORS_GOING, MHD_OPTION_HTTPS_PRIORITIES, CIPHERS,
                            MHD_OPTION_HTTPS_MEM_CERT, certificate, MHD_OPTION_HTTPS_MEM_KEY, key, MHD_OPTION_END);
}

void admin_console(struct admin *a, const struct parent_listener *l)
{
    struct fault why;
    struct door *d = door_new(a, DOOR_CONSOLE, l->number);
    d->has_tls = l->tls != CONF_TLS_NONE;
    if (d->has_tls) {
        struct secret *key = secret_new(l->key_pem.data, l->key_pem.size);
        char *certificate = mem_strndup((const char *)l->certificate_pem.data, l->certificate_pem.size);
        d->daemon = start_tls(d, l->fd, certificate, (const char *)secret_bytes(key).data);
        free(certificate);
        secret_free(key);
    } else {
        d->daemon = start_plain(d, l->fd);
    }
    if (!d->daemon)
        close(l->fd);
    if (!adopt(d, "console.address", &why)) {
        log_error("console.failed", LOG_FAULT(&why));
        return;
    }
    a->console = d;
    snprintf(a->bound, sizeof a->bound, "%s", l->address);
    setup_tell(a);
}

/* ---- closing ---- */

static void free_door(struct door *d)
{
    struct admin *a = d->admin;
    loop_io_free(d->io);
    loop_timer_stop(&d->patience);
    loop_undefer(&d->bury);
    list_remove(&d->node);
    if (a->console == d)
        a->console = NULL;
    MHD_stop_daemon(d->daemon);
    free(d);
}

static void bury(void *ctx)
{
    free_door(ctx);
}

/* The server insists that nobody sleeps when it stops. */
static void wake_all_of(struct admin *a, const struct door *d)
{
    LIST_EACH (node, &a->requests) {
        struct request *r = LIST_OF(node, struct request, node);
        if (r->door != d)
            continue;
        asks_cancel(r);
        admin_http_wake(r);
    }
}

static void lose_patience(void *ctx)
{
    struct door *d = ctx;
    wake_all_of(d->admin, d);
    loop_defer(d->admin->loop, &d->bury);
}

void door_visitor_left(struct door *d)
{
    if (d->is_ending && list_is_empty(&d->visitors))
        loop_defer(d->admin->loop, &d->bury);
}

void admin_console_end(struct admin *a, uint32_t number)
{
    LIST_EACH (node, &a->doors) {
        struct door *d = LIST_OF(node, struct door, node);
        if (d->kind != DOOR_CONSOLE || d->number != number || d->is_ending)
            continue;
        d->is_ending = true;
        if (a->console == d)
            a->console = NULL;
        MHD_socket fd = MHD_quiesce_daemon(d->daemon);
        if (fd != MHD_INVALID_SOCKET)
            close(fd);
        loop_timer_start(&d->patience, DRAIN_MS);
        visitors_hurry(d);
        door_visitor_left(d);
    }
}

void doors_start(struct admin *a)
{
    list_init(&a->doors);
    loop_timer_init(&a->timer, a->loop, run_all, a);
    loop_deferred_init(&a->run, run_all, a);
}

void doors_stop(struct admin *a)
{
    LIST_EACH (node, &a->doors) {
        struct door *d = LIST_OF(node, struct door, node);
        wake_all_of(a, d);
        d->is_ending = false; /* nobody needs to bury it */
    }
    loop_timer_stop(&a->timer);
    loop_undefer(&a->run);
    LIST_EACH (node, &a->doors) {
        free_door(LIST_OF(node, struct door, node));
    }
}
