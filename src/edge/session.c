/* edge/session.c - joins connection and engine: bytes in and out, TLS, the clock, the end. */
#include "edge/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"

enum {
    SLICE = 4096,        /* fed at once: bounds what replies to one slice can need */
    STALL_AT = 64 << 10, /* of unread replies: then nothing more is fed */
    OUT_LIMIT = 1 << 20, /* more than one slice can cause on top of STALL_AT */
    LINGER_MS = 5000,
    DATA_RATE = 100,      /* octets a second that a message must keep up on the whole */
    ARENA_KEEP = 8 << 10, /* an idle session holds no more than this from its last mail */
};

static int64_t now_ms(const struct session *s)
{
    return loop_now_ms(s->guest.edge->loop);
}

/* -- The clock: a command must be whole, and data must flow -- */

static int64_t due_ms(const struct session *s)
{
    const struct service *v = s->guest.service;
    const struct mail *m = s->mail;
    if (!m || !m->began_ms)
        return s->moved_ms + v->session_idle_ms;
    int64_t silent = s->heard_ms + v->data_idle_ms;
    int64_t slow = m->began_ms + v->data_idle_ms + (int64_t)(m->size / DATA_RATE) * 1000;
    return silent < slow ? silent : slow;
}

static void on_clock(void *ctx)
{
    struct session *s = ctx;
    int64_t left = due_ms(s) - now_ms(s);
    if (s->is_over)
        return;
    if (left <= 0 && s->ask.tag)
        left = s->guest.service->session_idle_ms; /* the client waits for us, and that has a clock of its own */
    if (left > 0) {
        loop_timer_start(&s->clock, left);
        return;
    }
    log_info("session.timeout", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
             LOG_TEXT("state", smtp_server_state_name(s->smtp)));
    smtp_server_close(s->smtp, "4.4.2", "Timeout: nothing complete was heard for too long");
}

/* An earlier end than the running one; a later one is found out when the timer fires. */
static void watch_clock(struct session *s)
{
    int64_t due = due_ms(s);
    if (!loop_timer_is_running(&s->clock) || s->clock.due_ms > due)
        loop_timer_start(&s->clock, due - now_ms(s));
}

void session_rest(struct session *s, enum session_rest why, uint32_t ms)
{
    s->resting = why;
    loop_timer_start(&s->rest, ms);
}

static void on_rested(void *ctx)
{
    struct session *s = ctx;
    enum session_rest why = s->resting;
    s->resting = REST_NONE;
    if (s->is_over)
        return;
    if (why == REST_LOGIN)
        session_login_rested(s);
    else
        smtp_server_resume(s->smtp);
    session_go_on(s);
}

/* -- The engine's host -- */

static void on_send(void *ctx, struct bytes out)
{
    struct session *s = ctx;
    s->moved_ms = now_ms(s);
    if (!s->is_over && !conn_write(s->conn, out))
        session_cut(s); /* a reader this slow is none */
}

static void on_start_tls(void *ctx)
{
    struct session *s = ctx;
    if (!s->is_over)
        conn_start_tls_server(s->conn, s->guest.service->context);
}

static void on_quit(void *ctx)
{
    struct session *s = ctx;
    if (s->is_over)
        return;
    s->is_over = true;
    loop_timer_stop(&s->clock);
    loop_timer_stop(&s->rest);
    ask_forget(&s->ask);
    conn_finish(s->conn, LINGER_MS);
}

static void on_pause(void *ctx, uint32_t ms)
{
    session_rest(ctx, REST_ENGINE, ms);
}

static const char *notice_event(const char *finding)
{
    static const struct {
        const char *finding, *event;
    } names[] = {
        { "smtp.client.tls-on-plain", "session.tls-on-plain" }, { "smtp.client.http", "session.http" },
        { "smtp.client.bare-lf", "session.bare-lf" },           { "smtp.client.errors", "session.errors" },
        { "smtp.client.bad-octets", "mail.refused" },           { "smtp.client.too-large", "mail.refused" },
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (text_equal(names[i].finding, finding))
            return names[i].event;
    return "session.noticed";
}

static void on_noticed(void *ctx, const struct fault *what)
{
    struct session *s = ctx;
    log_info(notice_event(what->id), LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
             LOG_TEXT("app", s->app ? s->app : ""), LOG_FAULT(what));
}

static void on_reset(void *ctx)
{
    struct session *s = ctx;
    session_on_reset(s);
    if (arena_size(s->mail_arena) > ARENA_KEEP) {
        arena_free(s->mail_arena);
        s->mail_arena = arena_new();
    } else {
        arena_reset(s->mail_arena);
    }
    if (s->guest.edge->is_stopping)
        loop_defer(s->guest.edge->loop, &s->close_soon);
}

static const struct smtp_server_host engine_host = {
    .send = on_send,
    .start_tls = on_start_tls,
    .auth = session_on_auth,
    .mail = session_on_mail,
    .rcpt = session_on_rcpt,
    .data_begin = session_on_data_begin,
    .data = session_on_data,
    .data_end = session_on_data_end,
    .reset = on_reset,
    .quit = on_quit,
    .pause = on_pause,
    .noticed = on_noticed,
};

/* -- The connection's events -- */

static void on_ready(void *ctx)
{
    struct session *s = ctx;
    if (s->guest.service->tls == CONF_TLS_IMPLICIT) {
        smtp_server_set_secure(s->smtp);
        smtp_server_greet(s->smtp);
    } else {
        smtp_server_tls_done(s->smtp);
        session_go_on(s);
    }
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct session *s = ctx;
    size_t used = 0;
    s->heard_ms = now_ms(s);
    session_trust_host(s);
    while (used < in.size && !s->is_over && !smtp_server_is_waiting(s->smtp) && conn_pending(s->conn) <= STALL_AT)
        used += smtp_server_feed(s->smtp, bytes_slice(in, used, used + SLICE));
    if (s->is_over)
        return in.size;
    watch_clock(s);
    s->is_stalled = used < in.size && !smtp_server_is_waiting(s->smtp);
    if (s->is_stalled || smtp_server_is_waiting(s->smtp))
        conn_pause(s->conn);
    return used;
}

static void on_drained(void *ctx)
{
    struct session *s = ctx;
    if (!s->is_stalled)
        return;
    s->is_stalled = false;
    conn_resume(s->conn);
}

static void bury(void *ctx)
{
    struct session *s = ctx;
    session_login_fini(s);
    smtp_server_free(s->smtp);
    arena_free(s->mail_arena);
    guest_fini(&s->guest);
    free(s->app);
    free(s->mailbox);
    free(s);
}

void session_cut(struct session *s)
{
    if (!s->conn)
        return;
    s->is_over = true;
    loop_timer_stop(&s->clock);
    loop_timer_stop(&s->rest);
    loop_undefer(&s->close_soon);
    ask_forget(&s->ask);
    body_drop(&s->body);
    conn_free(s->conn);
    s->conn = NULL;
    guest_end(&s->guest);
    loop_defer(s->guest.edge->loop, &s->bury);
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct session *s = ctx;
    if (why && !s->is_over && bytes_starts_nocase(bytes_of(why->id), "tls."))
        log_info("session.failed", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host), LOG_FAULT(why));
    log_debug("session.close", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host),
              LOG_TEXT("text", why ? why->text : ""), LOG_UNSIGNED("mails", s->mails));
    session_cut(s);
}

static const struct conn_events conn_host = { on_ready, on_data, on_drained, on_closed };

/* -- Life -- */

void session_go_on(struct session *s)
{
    if (s->is_over)
        return;
    watch_clock(s);
    if (!s->is_stalled && !smtp_server_is_waiting(s->smtp))
        conn_resume(s->conn);
}

/* 421 when no message is under way; else when it is over. */
static void stop(struct guest *g)
{
    struct session *s = LIST_OF(g, struct session, guest);
    if (!s->is_over && !s->mail)
        smtp_server_close(s->smtp, "4.3.2", "Shutting down, try again in a moment");
}

static void cut(struct guest *g)
{
    session_cut(LIST_OF(g, struct session, guest));
}

static const struct guest_kind session_kind = { stop, cut };

static void close_soon(void *ctx)
{
    stop(&((struct session *)ctx)->guest);
}

void session_open(struct edge *e, struct service *service, int fd, const char *host)
{
    struct session *s = mem_alloc(sizeof *s);
    struct conn_limits limits = { .out_limit = OUT_LIMIT };
    guest_begin(&s->guest, &session_kind, e, service, host);
    s->mail_arena = arena_new();
    body_init(&s->body, e->spool_fd);
    s->heard_ms = s->moved_ms = now_ms(s);
    loop_timer_init(&s->clock, e->loop, on_clock, s);
    loop_timer_init(&s->rest, e->loop, on_rested, s);
    loop_deferred_init(&s->bury, bury, s);
    loop_deferred_init(&s->close_soon, close_soon, s);
    s->smtp = smtp_server_new(&s->guest.service->policy, &engine_host, s);
    s->conn = conn_accept(e->loop, fd, &limits, &conn_host, s);
    log_debug("session.open", LOG_TEXT("session", s->guest.id), LOG_TEXT("peer", s->guest.host));
    watch_clock(s);
    if (service->tls == CONF_TLS_IMPLICIT)
        conn_start_tls_server(s->conn, service->context);
    else
        smtp_server_greet(s->smtp);
}
