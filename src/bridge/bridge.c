/* bridge/bridge.c - a session's life: the near connection, the clock, the end. */
#include <stdlib.h>

#include "base/log.h"
#include "bridge/bridge_private.h"

static const char *const state_names[] = {
    [BRIDGE_KNOCKING] = "knocking", [BRIDGE_ASKING] = "asking",   [BRIDGE_REACHING] = "reaching",
    [BRIDGE_OPEN] = "open",         [BRIDGE_LEAVING] = "leaving", [BRIDGE_OVER] = "over",
};

static const char stopping[] = "Shutting down, try again in a moment";

int64_t bridge_now(const struct bridge *b)
{
    return loop_now_ms(b->all->loop);
}

uint32_t bridge_protocol(const struct bridge *b)
{
    static const uint32_t protocols[] = {
        [FRONT_IMAP] = OBJECT_IMAP, [FRONT_POP3] = OBJECT_POP3, [FRONT_SMTP] = OBJECT_SMTP
    };
    return protocols[b->terms->protocol];
}

void bridge_enter(struct bridge *b, enum bridge_state next)
{
    log_debug("bridge.state", LOG_TEXT("session", b->client.id), LOG_TEXT("from", state_names[b->state]),
              LOG_TEXT("to", state_names[next]));
    b->state = next;
    b->moved_ms = bridge_now(b);
    bridge_watch_clock(b);
}

/* -- The clock: one for all states; traffic only notes the time -- */

static int64_t patience_ms(const struct bridge *b)
{
    switch (b->state) {
    case BRIDGE_REACHING:
        return REACH_MS;
    case BRIDGE_OPEN:
        return b->is_half ? pass_half_patience_ms(b) : b->terms->idle_ms;
    default:
        return b->terms->login_ms;
    }
}

void bridge_watch_clock(struct bridge *b)
{
    int64_t due = b->moved_ms + patience_ms(b), now = bridge_now(b);
    /* The vault's answer has a clock of its own; so have the last words. */
    if (b->state == BRIDGE_ASKING || b->state >= BRIDGE_LEAVING)
        loop_timer_stop(&b->clock);
    else if (!loop_timer_is_running(&b->clock) || b->clock.due_ms > due)
        loop_timer_start(&b->clock, due > now ? due - now : 0);
}

static void on_clock(void *ctx)
{
    struct bridge *b = ctx;
    if (b->moved_ms + patience_ms(b) > bridge_now(b)) {
        bridge_watch_clock(b);
        return;
    }
    switch (b->state) {
    case BRIDGE_KNOCKING:
        log_info("session.timeout", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
                 LOG_TEXT("state", front_state_name(b->entry->front)));
        front_close(b->entry->front, "Timeout: nobody signed in for too long");
        break;
    case BRIDGE_REACHING:
        reach_late(b);
        break;
    case BRIDGE_OPEN:
        pass_idle(b);
        break;
    default:
        break;
    }
}

/* -- The end -- */

void bridge_drop_entry(struct bridge *b)
{
    loop_defer(b->all->loop, &b->turn);
}

static void give_place_back(struct bridge *b)
{
    if (b->has_place)
        bridges_leave(b->all, b->app, b->mailbox, bridge_protocol(b));
    b->has_place = false;
}

void bridge_forget(struct bridge *b)
{
    if (b->far)
        conn_free(b->far);
    b->far = NULL;
    give_place_back(b);
    free(b->app);
    free(b->mailbox);
    free(b->far_name);
    b->app = b->mailbox = b->far_name = NULL;
}

static void log_close(const struct bridge *b)
{
    if (b->watch)
        log_info("bridge.close", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
                 LOG_TEXT("app", b->app), LOG_TEXT("mailbox", b->mailbox), LOG_UNSIGNED("up", b->up),
                 LOG_UNSIGNED("down", b->down), LOG_NUMBER("ms", bridge_now(b) - b->began_ms),
                 LOG_TEXT("text", b->why ? b->why : ""));
    else
        log_debug("session.close", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host),
                  LOG_TEXT("text", b->why ? b->why : ""));
}

static void free_entry(struct bridge *b)
{
    if (b->entry)
        knock_free(b->entry);
    b->entry = NULL;
}

static void on_turn(void *ctx)
{
    struct bridge *b = ctx;
    if (b->state == BRIDGE_OPEN || b->state >= BRIDGE_LEAVING)
        free_entry(b);
    if (b->state == BRIDGE_OPEN && b->is_stopping)
        pass_farewell(b, stopping, "stopped");
    if (b->state != BRIDGE_OVER)
        return;
    watch_free(b->watch);
    free(b);
}

void bridge_cut(struct bridge *b)
{
    if (b->state == BRIDGE_OVER)
        return;
    log_close(b);
    bridge_enter(b, BRIDGE_OVER);
    if (b->entry)
        loop_timer_stop(&b->entry->rest);
    ask_forget(&b->ask);
    conn_free(b->near);
    b->near = NULL;
    bridge_forget(b);
    b->client.ended(b->client.ctx);
    loop_defer(b->all->loop, &b->turn);
}

void bridge_leave(struct bridge *b, const char *why)
{
    if (b->state >= BRIDGE_LEAVING)
        return;
    b->why = why;
    bridge_enter(b, BRIDGE_LEAVING);
    if (b->entry)
        loop_timer_stop(&b->entry->rest);
    ask_forget(&b->ask);
    give_place_back(b); /* a client that does not hang up keeps nobody else out */
    if (b->far)
        conn_finish(b->far, FAR_LINGER_MS);
    conn_finish(b->near, LINGER_MS);
    bridge_drop_entry(b);
}

void bridge_stop(struct bridge *b)
{
    if (b->is_stopping || b->state >= BRIDGE_LEAVING)
        return;
    b->is_stopping = true;
    if (b->state == BRIDGE_OPEN)
        pass_farewell(b, stopping, "stopped");
    else
        front_close(b->entry->front, stopping);
}

/* -- The near connection -- */

static void on_ready(void *ctx)
{
    struct bridge *b = ctx;
    if (b->terms->tls == CONF_TLS_IMPLICIT) {
        front_set_secure(b->entry->front);
        front_greet(b->entry->front);
    } else {
        front_tls_done(b->entry->front);
        conn_resume(b->near);
    }
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct bridge *b = ctx;
    switch (b->state) {
    case BRIDGE_KNOCKING:
        return knock_data(b, in);
    case BRIDGE_OPEN:
        return pass_from_client(b, in);
    case BRIDGE_ASKING:
    case BRIDGE_REACHING:
        return 0; /* paused; it is for the provider, or for the next try */
    default:
        return in.size;
    }
}

static void on_drained(void *ctx)
{
    pass_drained(ctx, true);
}

static void on_ended(void *ctx)
{
    struct bridge *b = ctx;
    if (b->state == BRIDGE_OPEN)
        pass_client_ended(b);
    else if (b->state == BRIDGE_KNOCKING)
        bridge_leave(b, "the client left");
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct bridge *b = ctx;
    if (why && !b->watch && bytes_starts_nocase(bytes_of(why->id), "tls."))
        log_info("session.failed", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host), LOG_FAULT(why));
    if (!b->why)
        b->why = "the client's connection broke";
    bridge_cut(b);
}

static const struct conn_events near_events = { on_ready, on_data, on_drained, on_closed, on_ended };

static struct entry *entry_new(struct bridge *b)
{
    struct entry *e = mem_alloc(sizeof *e);
    const struct directory *d = b->all->host.directory(b->all->ctx);
    e->policy = b->terms->policy;
    e->promise = mem_strdup(bridges_promise(b->all, b->terms->protocol));
    e->policy.capabilities = e->promise;
    e->front = front_new(b->terms->protocol, &e->policy, &knock_host, b);
    if (b->terms->protocol == FRONT_SMTP && directory_app_by_host(d, b->client.host, OBJECT_SMTP))
        front_set_trusted(e->front);
    return e;
}

struct bridge *bridge_open(struct bridges *all, const struct bridge_terms *terms, int fd,
                           const struct bridge_client *client)
{
    struct bridge *b = mem_alloc(sizeof *b);
    struct conn_limits limits = { .out_limit = terms->buffer + 2 * READ_MOST };
    *b = (struct bridge){ .all = all, .terms = terms, .client = *client, .began_ms = loop_now_ms(all->loop) };
    loop_timer_init(&b->clock, all->loop, on_clock, b);
    loop_deferred_init(&b->turn, on_turn, b);
    b->entry = entry_new(b);
    loop_timer_init(&b->entry->rest, all->loop, NULL, b);
    b->near = conn_accept(all->loop, fd, &limits, &near_events, b);
    conn_keep_alive(b->near);
    log_debug("session.open", LOG_TEXT("session", b->client.id), LOG_TEXT("peer", b->client.host));
    bridge_enter(b, BRIDGE_KNOCKING);
    if (terms->tls == CONF_TLS_IMPLICIT)
        conn_start_tls_server(b->near, terms->context);
    else
        front_greet(b->entry->front);
    return b;
}
