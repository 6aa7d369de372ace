/* role/doors.c - listening sockets: opened while privileged, kept over reloads, handed to the edges, and the console's to the admin role.
 *
 * A door is known by its configured address. When only its rules or certificate change, the socket stays: the roles close their
 * copies, get new ones, and nobody who is connecting meanwhile is refused. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "net/listen.h"
#include "net/tls.h"
#include "role/files.h"
#include "role/parent.h"

#define BACKLOG 4096
#define CERTIFICATE_MAX 131072
#define KEY_MAX 65536

static const char *const tls_names[] = { "none", "starttls", "implicit" };

static void door_free(struct door *d, bool closes)
{
    if (closes && d->fd >= 0)
        close(d->fd);
    buf_fini(&d->certificate);
    secret_free(d->key);
    arena_free(d->arena);
    free(d);
}

static struct door *door_new(enum role_kind role, const struct conf_listener *conf)
{
    struct door *d = mem_alloc(sizeof *d);
    d->role = role;
    d->fd = -1;
    d->arena = arena_new();
    d->conf = *conf;
    d->conf.protocol = arena_strdup(d->arena, conf->protocol);
    d->conf.address = arena_strdup(d->arena, conf->address);
    d->conf.certificate = arena_strdup(d->arena, conf->certificate);
    d->conf.key = arena_strdup(d->arena, conf->key);
    d->conf.mode = arena_strdup(d->arena, conf->mode);
    buf_init(&d->certificate, CERTIFICATE_MAX);
    return d;
}

/* The one in `doors` that stands where `like` does. */
static struct door *find(const struct list *doors, const struct door *like)
{
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): list_remove() took the freed one off this list */
    LIST_EACH (node, doors) {
        struct door *d = LIST_OF(node, struct door, node);
        if (d->role == like->role && text_equal(d->conf.address, like->conf.address) && d->twin == like->twin)
            return d;
    }
    return NULL;
}

/* The faults of TLS speak of "the certificate file" and "the key file": here it is known which ones. */
static bool name_files(const struct door *d, struct fault *why)
{
    char text[FAULT_TEXT_SIZE];
    snprintf(text, sizeof text, "%s", why->text);
    return fault_set(why, why->kind, why->id, "%s (certificate %s, key %s)", text, d->conf.certificate, d->conf.key);
}

static bool read_certificate(struct door *d, struct fault *why)
{
    struct buf key;
    buf_init(&key, KEY_MAX);
    bool is_read = files_read(d->conf.certificate, &d->certificate, why) && files_read(d->conf.key, &key, why);
    if (is_read)
        d->key = secret_new(key.data, key.size);
    if (key.data)
        secret_wipe(key.data, key.size);
    buf_fini(&key);
    if (!is_read)
        return false;
    struct tls_context *context = tls_server_new(buf_bytes(&d->certificate), secret_bytes(d->key), why);
    tls_context_free(context);
    return context || name_files(d, why);
}

static bool open_socket(struct door *d, struct fault *why)
{
    struct net_addr at, bound;
    if (!net_addr_parse(d->conf.address, &at, why) || (d->fd = net_listen_open(&at, BACKLOG, why)) < 0)
        return false;
    bound.size = sizeof bound.storage;
    if (getsockname(d->fd, (struct sockaddr *)&bound.storage, &bound.size) < 0)
        return fault_errno(why, FAULT_LOCAL, errno, "getsockname");
    net_addr_text(&bound, d->bound, sizeof d->bound);
    return true;
}

/* Where in the file, if it came from one. */
static bool refuse(const struct door *d, const char *file, struct fault *why)
{
    fault_wrap(why, "%s %s", d->role == ROLE_ADMIN ? "console.address" : "listener", d->conf.address);
    return d->conf.line ? fault_wrap(why, "%s:%u:%u", file, d->conf.line, d->conf.column) : false;
}

/* An open socket of the same address is shared with the door that has it now. */
static bool prepare(struct parent *p, struct door *d, const char *file, struct fault *why)
{
    if (d->conf.tls != CONF_TLS_NONE && !read_certificate(d, why))
        return refuse(d, file, why);
    const struct door *open = find(&p->doors, d);
    if (open) {
        d->fd = open->fd;
        memcpy(d->bound, open->bound, sizeof d->bound);
        return true;
    }
    return open_socket(d, why) || refuse(d, file, why);
}

static bool prepare_next(struct parent *p, struct door *d, const char *file, struct list *next, struct fault *why)
{
    while (find(next, d))
        d->twin++;
    list_append(next, &d->node);
    return prepare(p, d, file, why);
}

static struct door *door_of_console(const struct conf *conf)
{
    return door_new(ROLE_ADMIN, &(struct conf_listener){
                                    .protocol = "console",
                                    .address = conf->console.address,
                                    .tls = conf_console_has_tls(conf) ? CONF_TLS_IMPLICIT : CONF_TLS_NONE,
                                    .certificate = conf->console.certificate,
                                    .key = conf->console.key,
                                    .mode = "",
                                });
}

bool doors_prepare(struct parent *p, const struct conf *conf, struct list *next, struct fault *why)
{
    list_init(next);
    bool is_good = true;
    for (size_t i = 0; is_good && i < conf->listeners_count; i++)
        is_good = prepare_next(p, door_new(ROLE_EDGE, &conf->listeners[i]), conf->file, next, why);
    if (is_good && conf_console_is_open(conf))
        is_good = prepare_next(p, door_of_console(conf), conf->file, next, why);
    if (is_good)
        return true;
    struct list *node;
    while ((node = list_pop(next))) {
        struct door *d = LIST_OF(node, struct door, node);
        door_free(d, !find(&p->doors, d));
    }
    return false;
}

static bool is_same(const struct door *a, const struct door *b)
{
    const struct conf_listener *x = &a->conf, *y = &b->conf;
    return text_equal(x->protocol, y->protocol) && x->tls == y->tls && x->auth_without_tls == y->auth_without_tls &&
           text_equal(x->mode, y->mode) && bytes_equal(buf_bytes(&a->certificate), buf_bytes(&b->certificate)) &&
           secret_equal(a->key, b->key);
}

static void tell(struct child *c, const struct door *d)
{
    struct parent_listener m = {
        .number = d->number,
        .protocol = d->conf.protocol,
        .address = d->bound,
        .tls = d->conf.tls,
        .auth_without_tls = d->conf.auth_without_tls,
        .mode = d->conf.mode,
        .certificate_pem = buf_bytes(&d->certificate),
        .key_pem = secret_bytes(d->key),
        .fd = d->fd,
    };
    channel_send(c->control, PARENT_LISTENER, &m);
}

static void tell_all(struct parent *p, const struct door *d)
{
    for (struct child *c = p->children; c < p->children + p->children_count; c++)
        if (c->hooks->kind == d->role && child_is_alive(c))
            tell(c, d);
}

static void end(struct parent *p, struct door *d, bool closes)
{
    for (struct child *c = p->children; c < p->children + p->children_count; c++)
        if (c->hooks->kind == d->role && child_is_alive(c))
            channel_send(c->control, PARENT_LISTENER_END, &(struct parent_number){ d->number });
    list_remove(&d->node);
    door_free(d, closes);
}

/* Adopts the number of a door that did not change; any other is announced under a number of its own. */
static void settle(struct parent *p, struct door *d)
{
    struct door *before = find(&p->doors, d);
    if (before && is_same(before, d)) {
        d->number = before->number;
        list_remove(&before->node);
        door_free(before, false);
        return;
    }
    if (before)
        end(p, before, false);
    d->number = ++p->doors_counted;
    tell_all(p, d);
}

void doors_commit(struct parent *p, struct list *next)
{
    LIST_EACH (node, next) {
        settle(p, LIST_OF(node, struct door, node));
    }
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): list_remove() took the freed one off this list */
    LIST_EACH (node, &p->doors) {
        end(p, LIST_OF(node, struct door, node), true);
    }
    struct list *node;
    while ((node = list_pop(next)))
        list_append(&p->doors, node);
}

void doors_tell(struct parent *p, struct child *c)
{
    LIST_EACH (node, &p->doors) {
        const struct door *d = LIST_OF(node, struct door, node);
        if (d->role == c->hooks->kind)
            tell(c, d);
    }
}

void doors_close(struct list *doors)
{
    struct list *node;
    while ((node = list_pop(doors)))
        door_free(LIST_OF(node, struct door, node), true);
}

void doors_forget_keys(struct list *doors)
{
    LIST_EACH (node, doors) {
        struct door *d = LIST_OF(node, struct door, node);
        secret_free(d->key);
        d->key = NULL;
    }
}

bool doors_write(struct parent *p, struct fault *why)
{
    json_t *list = json_array(), *root = json_pack("{s:o}", "listeners", list);
    LIST_EACH (node, &p->doors) {
        const struct door *d = LIST_OF(node, struct door, node);
        json_t *line = json_pack("{s:s, s:s, s:s}", "address", d->bound, "protocol", d->conf.protocol, "tls",
                                 tls_names[d->conf.tls]);
        if (d->role == ROLE_ADMIN)
            json_object_set_new(root, "console", line);
        else
            json_array_append_new(list, line);
    }
    char *text = json_dumps(root, JSON_INDENT(2)), *path = mem_printf("%s/listeners.json", p->conf->state);
    bool is_written = files_replace(path, bytes_of(text), why);
    free(path);
    free(text);
    json_decref(root);
    return is_written;
}

void doors_log(struct parent *p)
{
    LIST_EACH (node, &p->doors) {
        const struct door *d = LIST_OF(node, struct door, node);
        log_info("daemon.listening", LOG_TEXT("address", d->bound), LOG_TEXT("protocol", d->conf.protocol),
                 LOG_TEXT("tls", tls_names[d->conf.tls]));
        printf("postern: %s on %s (tls: %s)\n", d->conf.protocol, d->bound, tls_names[d->conf.tls]);
    }
    log_info("daemon.ready", LOG_TEXT("version", POSTERN_VERSION), LOG_TEXT("state", p->conf->state));
    log_flush();
    printf("postern: ready\n");
    fflush(stdout);
}
