#include "sandbox/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/text.h"

#define LINES_MAX 300
#define IN_LIMIT (128 * 1024)
#define OUT_LIMIT (64 * 1024 * 1024) /* of answers that are made in one go; long ones wait for their reader */
#define IDLE_LOOK_MS 5000
#define STALL_MS (10 * 60 * 1000) /* a paused connection does not see its client leave */
#define FINISH_MS 2000

void link_note(struct link *l, const char *who, struct bytes line)
{
    if (json_array_size(l->lines) >= LINES_MAX)
        return;
    char clean[300], text[320];
    text_sanitize(line, clean, sizeof clean);
    snprintf(text, sizeof text, "%s: %s", who, clean);
    json_array_append_new(l->lines, json_string(text));
}

void link_say(struct link *l, const char *format, ...)
{
    size_t from = l->out.size;
    va_list args;
    va_start(args, format);
    buf_vaddf(&l->out, format, args);
    va_end(args);
    link_note(l, "S", bytes_slice(buf_bytes(&l->out), from, l->out.size));
    buf_add_str(&l->out, "\r\n");
}

void link_add(struct link *l, struct bytes data)
{
    buf_add_bytes(&l->out, data);
}

bool link_write(struct link *l, struct bytes data)
{
    if (l->is_over)
        return false;
    bool is_last = l->is_cut && data.size >= l->cut_left;
    if (is_last)
        data = bytes_slice(data, 0, (size_t)l->cut_left);
    if (!conn_write(l->conn, data)) { /* the client does not read its answers */
        link_end(l);
        return false;
    }
    l->cut_left -= l->is_cut ? data.size : 0;
    if (!is_last)
        return true;
    link_note(l, "!", BYTES_LIT("cut"));
    conn_flush(l->conn);
    link_end(l);
    return false;
}

static void write_out(struct link *l)
{
    bool is_written = link_write(l, buf_bytes(&l->out));
    buf_release(&l->out);
    if (is_written && l->ends_after) {
        l->is_over = true;
        conn_finish(l->conn, FINISH_MS);
    }
}

static void on_late(void *ctx)
{
    struct link *l = ctx;
    l->is_waiting = false;
    write_out(l);
    if (!l->is_over)
        conn_resume(l->conn);
}

void link_send(struct link *l)
{
    if (l->is_over)
        return;
    if (l->drops_reply) {
        link_note(l, "!", BYTES_LIT("dropped"));
        link_end(l);
        return;
    }
    if (l->out.size == 0 && !l->ends_after)
        return;
    if (l->delay_ms == 0) {
        write_out(l);
        return;
    }
    l->is_waiting = true;
    conn_pause(l->conn);
    loop_timer_init(&l->timer, l->server->sandbox->loop, on_late, l);
    loop_timer_start(&l->timer, l->delay_ms);
    l->delay_ms = 0;
}

static void on_stalled_long(void *ctx)
{
    link_end(ctx);
}

static void stall(struct link *l)
{
    link_note(l, "!", BYTES_LIT("stalled"));
    l->is_waiting = true;
    conn_pause(l->conn);
    loop_timer_init(&l->timer, l->server->sandbox->loop, on_stalled_long, l);
    loop_timer_start(&l->timer, STALL_MS);
}

bool link_injected(struct link *l, const char *step, struct bytes line, char reply[512])
{
    struct injection does = injections_take(l->server->injections, step, line);
    uint64_t slow_ms = switches_number(l->server->sandbox->switches, l->server->kind->slow);
    reply[0] = 0;
    l->delay_ms = (int64_t)slow_ms;
    switch (does.what) {
    case INJECT_NOTHING:
        return false;
    case INJECT_REPLY:
        snprintf(reply, 512, "%s", does.reply);
        return true;
    case INJECT_DROP:
        link_note(l, "!", BYTES_LIT("dropped"));
        link_end(l);
        return true;
    case INJECT_DROP_AFTER:
        l->drops_reply = true;
        return false;
    case INJECT_STALL:
        stall(l);
        return true;
    case INJECT_SLOW:
        l->delay_ms = does.delay_ms;
        return false;
    case INJECT_CUT:
        l->is_cut = true;
        l->cut_left = does.bytes;
        return false;
    }
    return false;
}

static void bury(void *ctx)
{
    struct link *l = ctx;
    loop_undefer(&l->burial);
    list_remove(&l->node);
    l->server->count--;
    buf_fini(&l->out);
    json_decref(l->note);
    l->server->kind->free(l);
}

void link_end(struct link *l)
{
    if (l->conn == NULL)
        return;
    l->is_over = true;
    l->server->kind->closed(l);
    loop_timer_stop(&l->timer);
    loop_timer_stop(&l->idle);
    json_object_set_new(l->note, "is_open", json_false());
    conn_free(l->conn);
    l->conn = NULL;
    loop_defer(l->server->sandbox->loop, &l->burial);
}

static enum ca_kind certificate_kind(struct link *l)
{
    const char *name = switches_text(l->server->sandbox->switches, l->server->kind->certificate);
    return strcmp(name, "wrong-name") == 0   ? CA_WRONG_NAME
           : strcmp(name, "unknown-ca") == 0 ? CA_UNKNOWN
           : strcmp(name, "expired") == 0    ? CA_EXPIRED
                                             : CA_GOOD;
}

void link_start_tls(struct link *l)
{
    l->is_waiting = true; /* what was sent along in the clear is not looked at: the connection calls it an attack */
    conn_start_tls_server(l->conn, l->server->tls[certificate_kind(l)]);
}

static void on_ready(void *ctx)
{
    struct link *l = ctx;
    bool is_first = json_object_get(l->note, "tls") == NULL && json_array_size(l->lines) == 0;
    l->is_waiting = false;
    json_object_set_new(l->note, "tls", json_string(conn_tls_text(l->conn)));
    link_note(l, "!", bytes_of(conn_tls_text(l->conn)));
    if (is_first)
        l->server->kind->greet(l);
    else
        l->server->kind->secured(l);
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct link *l = ctx;
    l->active_ms = loop_now_ms(l->server->sandbox->loop);
    size_t used = l->server->kind->data(l, in);
    return l->is_over ? in.size : used;
}

static void on_drained(void *ctx)
{
    struct link *l = ctx;
    l->active_ms = loop_now_ms(l->server->sandbox->loop);
    if (l->server->kind->drained != NULL && !l->is_over)
        l->server->kind->drained(l);
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct link *l = ctx;
    if (why != NULL)
        link_note(l, "!", bytes_of(why->text));
    link_end(l);
}

/* One timer that looks now and then, instead of one that every line puts off. */
static void on_idle(void *ctx)
{
    struct link *l = ctx;
    struct sandbox *sb = l->server->sandbox;
    int64_t limit_ms = (int64_t)switches_number(sb->switches, l->server->kind->idle) * 1000;
    int64_t left_ms = limit_ms > 0 ? l->active_ms + limit_ms - loop_now_ms(sb->loop) : IDLE_LOOK_MS;
    if (left_ms > 0 || l->is_waiting || l->is_over) {
        loop_timer_start(&l->idle, left_ms > 0 && left_ms < IDLE_LOOK_MS ? left_ms : IDLE_LOOK_MS);
        return;
    }
    l->server->kind->silent(l);
}

static void on_accepted(void *ctx, int fd, const struct net_addr *peer)
{
    static const struct conn_events events = {
        .ready = on_ready, .data = on_data, .drained = on_drained, .closed = on_closed
    };
    struct conn_limits limits = { .in_limit = IN_LIMIT, .out_limit = OUT_LIMIT };
    struct link_port *port = ctx;
    struct link_server *x = port->server;
    struct link *l = x->kind->open(x);
    l->server = x;
    buf_init(&l->out, OUT_LIMIT);
    sandbox_guid(l->id);
    net_addr_text(peer, l->peer, sizeof l->peer);
    loop_deferred_init(&l->burial, bury, l);
    loop_timer_init(&l->timer, x->sandbox->loop, NULL, l);
    loop_timer_init(&l->idle, x->sandbox->loop, on_idle, l);
    l->active_ms = loop_now_ms(x->sandbox->loop);
    loop_timer_start(&l->idle, 0);
    list_append(&x->links, &l->node);
    x->count++;
    l->note = json_pack("{s:s, s:s, s:s, s:s, s:b, s:[]}", "kind", x->kind->name, "server", x->name, "session", l->id,
                        "peer", l->peer, "is_open", true, "lines");
    l->lines = json_object_get(l->note, "lines");
    activity_note(x->sandbox->activity, json_incref(l->note));
    char counter[32];
    snprintf(counter, sizeof counter, "%s.connections", x->kind->name);
    activity_count(x->sandbox->activity, counter, NULL);
    l->conn = conn_accept(x->sandbox->loop, fd, &limits, &events, l);
    if (port->is_tls)
        link_start_tls(l);
    else
        x->kind->greet(l);
}

bool link_server_init(struct link_server *x, struct sandbox *sandbox, const struct link_kind *kind, const char *name,
                      int tls_fd, int plain_fd, struct fault *why)
{
    x->sandbox = sandbox;
    x->kind = kind;
    x->name = name;
    x->injections = injections_new(kind->rules);
    x->connections = map_new();
    list_init(&x->links);
    x->ports[0] = (struct link_port){ .server = x, .is_tls = true };
    x->ports[1] = (struct link_port){ .server = x };
    x->ports[0].listener = listener_new(sandbox->loop, tls_fd, on_accepted, &x->ports[0]);
    if (plain_fd >= 0)
        x->ports[1].listener = listener_new(sandbox->loop, plain_fd, on_accepted, &x->ports[1]);
    for (unsigned i = 0; i < CA_KINDS; i++) {
        const struct ca_pair *pair = &sandbox->ca.servers[i];
        x->tls[i] = tls_server_new(bytes_of(pair->certificate_pem), bytes_of(pair->key_pem), why);
        if (x->tls[i] == NULL)
            return false;
    }
    return true;
}

void link_server_fini(struct link_server *x)
{
    LIST_EACH (at, &x->links) {
        struct link *l = LIST_OF(at, struct link, node);
        link_end(l);
        bury(l);
    }
    listener_free(x->ports[0].listener);
    listener_free(x->ports[1].listener);
    for (unsigned i = 0; i < CA_KINDS; i++)
        tls_context_free(x->tls[i]);
    injections_free(x->injections);
    map_free(x->connections);
}

json_t *link_server_json(const struct link_server *x)
{
    return json_pack("{s:I, s:o}", "sessions", (json_int_t)x->count, "injections", injections_json(x->injections));
}

size_t link_server_count(struct link_server *x, const char *address, int step)
{
    uintptr_t count = (uintptr_t)map_get(x->connections, address);
    count = step < 0 ? count - 1 : count + (uintptr_t)step;
    map_put(x->connections, address, (void *)count);
    return (size_t)count;
}
