/* conf/load.c - finding the file, the defaults, and what a reload may change. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "conf/parse.h"
#include "net/addr.h"

#define SYSTEM_FILE "/etc/postern/postern.yaml"
#define FILE_MOST (512 * 1024)

/* ---- defaults ---- */

const char *conf_default_state(struct arena *arena)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (geteuid() == 0)
        return "/var/lib/postern";
    if (xdg && xdg[0] == '/')
        return arena_printf(arena, "%s/postern", xdg);
    return arena_printf(arena, "%s/.local/state/postern", home && home[0] == '/' ? home : "");
}

void conf_listener_init(struct conf_listener *l)
{
    *l = (struct conf_listener){ .protocol = "smtp", .address = "", .certificate = "", .key = "", .mode = "queue" };
}

bool conf_listener_is_private(const struct conf_listener *l)
{
    struct net_addr address;
    return l->tls == CONF_TLS_NONE || (net_addr_parse(l->address, &address, NULL) && net_addr_is_loopback(&address));
}

static const char *system_name(struct arena *arena)
{
    char name[HOST_NAME_MAX + 1] = "";
    if (gethostname(name, sizeof name - 1) != 0 || !name[0])
        return "localhost";
    return arena_strdup(arena, name);
}

/* A try-out as root in a container has no user made for it: that must run, and warn. */
static const char *default_user(void)
{
    return geteuid() != 0 || getpwnam("postern") ? "postern" : "root";
}

void conf_fill(struct conf *c, const struct conf_base *base, struct arena *arena)
{
    const char *state = c->state;
    for (const struct conf_row *row = conf_rows; row->name; row++) {
        struct fault why = { 0 };
        if (!conf_value_read(row, row->initial, base, arena, c, &why))
            abort(); /* a row whose own default is out of its range; a unit test reads them all */
    }
    c->state = state;
    c->hostname = system_name(arena);
    c->user = default_user();
    c->listeners = arena_array(arena, 1, sizeof *c->listeners);
    c->listeners_count = 1;
    conf_listener_init(&c->listeners[0]);
    c->listeners[0].address = "127.0.0.1:2525";
    c->listeners[0].auth_without_tls = true;
}

/* ---- the file ---- */

static bool load_defaults(struct arena *arena, struct conf *out)
{
    *out = (struct conf){ .file = "", .state = conf_default_state(arena) };
    struct conf_base base = { "", out->state };
    conf_fill(out, &base, arena);
    return true;
}

static bool read_all(int fd, struct buf *text, const char *path, struct fault *why)
{
    for (;;) {
        uint8_t *room = buf_reserve(text, 16384);
        if (!room)
            return fault_set(why, FAULT_CONFIG, "conf.file", "%s is larger than %d octets: is it the right file?", path,
                             FILE_MOST);
        ssize_t n = read(fd, room, 16384);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return fault_errno(why, FAULT_CONFIG, errno, "%s can't be read", path);
        if (n == 0)
            return true;
        buf_grew(text, (size_t)n);
    }
}

static bool load_file(const char *path, struct arena *arena, struct conf *out, conf_mistake_fn *each, void *ctx,
                      struct fault *why)
{
    char absolute[PATH_MAX];
    struct buf text;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "configuration file %s can't be opened", path);
    buf_init(&text, FILE_MOST);
    bool is_good = read_all(fd, &text, path, why);
    close(fd);
    if (!is_good && each)
        each(ctx, why);
    if (is_good)
        is_good = conf_parse(buf_bytes(&text), realpath(path, absolute) ? absolute : path, arena, out, each, ctx, why);
    buf_fini(&text);
    return is_good;
}

bool conf_load(const char *path, struct arena *arena, struct conf *out, conf_mistake_fn *each, void *ctx,
               struct fault *why)
{
    const char *named = path ? path : getenv("POSTERN_CONFIG");
    if (text_is_empty(named) && access(SYSTEM_FILE, F_OK) != 0 && errno == ENOENT)
        return load_defaults(arena, out);
    struct fault first = { 0 };
    bool is_good = load_file(text_is_empty(named) ? SYSTEM_FILE : named, arena, out, each, ctx, &first);
    if (!is_good && why)
        *why = first;
    return is_good;
}

/* ---- reload, and out again ---- */

bool conf_may_reload(const struct conf *now, const struct conf *next, struct fault *why)
{
    for (const struct conf_row *row = conf_rows; row->name; row++) {
        if (!row->is_reloadable && !conf_value_equal(row, now, next))
            return fault_set(why, FAULT_CONFIG, "conf.restart",
                             "%s can't be changed while running: restart the daemon, or put the old value back",
                             row->name);
    }
    return true;
}

bool conf_console_is_open(const struct conf *c)
{
    return !text_is_empty(c->console.address) && !text_equal(c->console.address, "none");
}

bool conf_console_has_tls(const struct conf *c)
{
    return !text_is_empty(c->console.certificate);
}

char *conf_console_url(const struct conf *c, const char *bound)
{
    size_t size = strlen(c->console.public_url);
    while (size > 0 && c->console.public_url[size - 1] == '/')
        size--;
    if (size > 0)
        return mem_strndup(c->console.public_url, size);
    return mem_printf("http%s://%s", conf_console_has_tls(c) ? "s" : "", *bound ? bound : c->console.address);
}

static json_t *group_of(json_t *root, const char *name, const char **rest)
{
    const char *dot = strchr(name, '.');
    if (!dot) {
        *rest = name;
        return root;
    }
    char group[64];
    size_t size = (size_t)(dot - name) < sizeof group - 1 ? (size_t)(dot - name) : sizeof group - 1;
    memcpy(group, name, size);
    group[size] = '\0';
    if (!json_object_get(root, group))
        json_object_set_new(root, group, json_object());
    *rest = dot + 1;
    return json_object_get(root, group);
}

json_t *conf_to_json(const struct conf *c)
{
    json_t *root = json_object(), *listeners = json_array();
    const char *rest;
    for (const struct conf_row *row = conf_rows; row->name; row++) {
        json_t *group = group_of(root, row->name, &rest);
        json_object_set_new(group, rest, conf_value_json(row, c));
    }
    for (size_t i = 0; i < c->listeners_count; i++) {
        json_t *listener = json_object();
        for (const struct conf_row *row = conf_listener_rows; row->name; row++)
            json_object_set_new(listener, strchr(row->name, '.') + 1, conf_value_json(row, &c->listeners[i]));
        json_array_append_new(listeners, listener);
    }
    json_object_set_new(root, "listeners", listeners);
    return root;
}
