/* bridge/pass.c - an open session: octets both ways, each side read no faster than the other takes it, until one of them ends. */
#include "base/log.h"
#include "base/text.h"
#include "bridge/bridge_private.h"

/* -- What passes by -- */

static void tell_trouble(struct bridge *b, const char *id, const char *words)
{
    struct bridges *all = b->all;
    struct token_trouble t = { .mailbox = b->mailbox, .protocol = bridge_protocol(b), .id = id, .text = words };
    all->host.tell_trouble(all->ctx, &t);
}

/* Whoever gets so many octets of answers has its mailbox open. */
static void note_good(struct bridge *b)
{
    enum { GOOD_OCTETS = 1024 };
    if (b->is_good || b->had_trouble || b->down < GOOD_OCTETS || b->terms->protocol == FRONT_SMTP)
        return;
    b->is_good = true;
    tell_trouble(b, "", "");
}

static void to_client(void *ctx, struct bytes out)
{
    struct bridge *b = ctx;
    if (b->state != BRIDGE_OPEN)
        return;
    b->down += out.size;
    note_good(b);
    if (conn_write(b->near, out))
        return;
    b->why = "the client does not read"; /* can't be: it is paused long before */
    bridge_cut(b);
}

static void forget_answer(struct ask *a, const void *message)
{
}

static void forget_failure(struct ask *a, enum ask_failure how)
{
}

static const struct ask_kind nobody_waits = { forget_answer, forget_failure };

/* The client comes back in a moment: its next session shall find a token that is good. */
static void renew_token(struct bridge *b)
{
    struct bridges *all = b->all;
    struct token_ask question = { .mailbox = b->mailbox, .protocol = bridge_protocol(b), .refused = b->serial };
    if (!b->ask.tag)
        all->host.ask_token(all->ctx, &question, &b->ask, &nobody_waits);
}

/* No password is wrong, and programs show it as if one were: so it is told where the mailbox is looked at. */
static void not_connected(struct bridge *b, const char *words)
{
    const struct finding *f = report_judge(b, "select", words);
    report(b, REPORT_NOT_CONNECTED, f, words);
    tell_trouble(b, f->id, words);
}

static void on_event(void *ctx, enum watch_event what, struct bytes line)
{
    struct bridge *b = ctx;
    char words[TEXT_SIZE];
    text_sanitize(line, words, sizeof words);
    switch (what) {
    case WATCH_TOKEN_EXPIRED:
        b->said_bye = true;
        log_info("bridge.token-expired", LOG_TEXT("session", b->client.id), LOG_TEXT("app", b->app),
                 LOG_TEXT("mailbox", b->mailbox), LOG_TEXT("host", b->far_name), LOG_TEXT("text", words));
        renew_token(b);
        break;
    case WATCH_NOT_CONNECTED:
        b->had_trouble = true;
        not_connected(b, words);
        break;
    case WATCH_THROTTLED:
        report(b, REPORT_THROTTLED, report_judge(b, "idle", words), words);
        break;
    case WATCH_BYE:
        b->said_bye = true;
        log_info("bridge.bye", LOG_TEXT("session", b->client.id), LOG_TEXT("app", b->app),
                 LOG_TEXT("mailbox", b->mailbox), LOG_TEXT("host", b->far_name), LOG_TEXT("text", words));
        break;
    case WATCH_REFUSED:
        report(b, REPORT_REFUSED_MAIL, report_judge(b, "mail", words), words);
        break;
    case WATCH_SIGNED_OUT:
        b->is_signed_out = true;
        break;
    }
}

static const struct watch_host watch_host = { to_client, on_event };

/* Exchange Online lists IMAP4rev2 and fails when it is used. */
const char *pass_without(const struct bridge *b)
{
    return b->entry->is_exchange ? "IMAP4rev2 ENABLE" : "";
}

void pass_begin(struct bridge *b)
{
    bridge_enter(b, BRIDGE_OPEN);
    b->watch = watch_new(b->terms->protocol, pass_without(b), &watch_host, b);
}

size_t pass_from_client(struct bridge *b, struct bytes in)
{
    b->moved_ms = bridge_now(b);
    if (!b->far)
        return in.size;
    watch_from_client(b->watch, in);
    b->up += in.size;
    if (!conn_write(b->far, in))
        return in.size; /* its end is about to be told */
    if (conn_pending(b->far) > b->terms->buffer) {
        b->near_waits = true;
        conn_pause(b->near);
    }
    return in.size;
}

size_t pass_from_server(struct bridge *b, struct bytes in)
{
    b->moved_ms = bridge_now(b);
    watch_from_server(b->watch, in);
    if (b->state == BRIDGE_OPEN && conn_pending(b->near) > b->terms->buffer) {
        b->far_waits = true;
        conn_pause(b->far);
    }
    if (b->is_half)
        bridge_watch_clock(b);
    if (b->state == BRIDGE_OPEN && b->is_stopping)
        bridge_drop_entry(b); /* which looks whether a farewell may be said now */
    return in.size;
}

void pass_drained(struct bridge *b, bool is_near)
{
    bool *waits = is_near ? &b->far_waits : &b->near_waits;
    if (b->state != BRIDGE_OPEN)
        return;
    b->moved_ms = bridge_now(b);
    if (!*waits)
        return;
    *waits = false;
    conn_resume(is_near ? b->far : b->near);
}

/* -- Ends -- */

static void say_farewell(struct bridge *b, const char *text)
{
    struct buf line;
    buf_init(&line, 2 * TEXT_SIZE);
    front_farewell(b->terms->protocol, text, &line);
    conn_write(b->near, buf_bytes(&line));
    buf_fini(&line);
}

void pass_farewell(struct bridge *b, const char *text, const char *why)
{
    if (b->state != BRIDGE_OPEN || !watch_is_between(b->watch))
        return;
    if (!b->said_bye && !b->is_signed_out)
        say_farewell(b, text);
    bridge_leave(b, why);
}

int64_t pass_half_patience_ms(const struct bridge *b)
{
    return !b->is_shut && !b->is_signed_out && watch_is_between(b->watch) ? HALF_QUIET_MS : HALF_MS;
}

void pass_idle(struct bridge *b)
{
    if (b->is_half && !b->is_shut && b->far) {
        b->is_shut = true;
        b->moved_ms = bridge_now(b);
        conn_shut(b->far);
        bridge_watch_clock(b);
        return;
    }
    pass_farewell(b, "Nothing was said for too long", "nothing moved for too long");
    if (b->state != BRIDGE_OPEN)
        return;
    b->why = "nothing moved for too long";
    bridge_cut(b);
}

/* Many servers that are told of it drop the answers that are still due, so it is passed on when none is. */
void pass_client_ended(struct bridge *b)
{
    b->is_half = true;
    b->why = "the client left";
    b->moved_ms = bridge_now(b);
    bridge_watch_clock(b);
}

void pass_server_closed(struct bridge *b, const struct fault *why)
{
    bool is_in_order = b->is_signed_out || b->said_bye || b->is_half;
    if (!is_in_order)
        log_info("bridge.lost", LOG_TEXT("session", b->client.id), LOG_TEXT("app", b->app),
                 LOG_TEXT("mailbox", b->mailbox), LOG_TEXT("host", b->far_name),
                 LOG_TEXT("text", why ? why->text : "the provider ended the connection"));
    if (!is_in_order && watch_is_at_start(b->watch))
        say_farewell(b, "The mail server ended the connection, connect again");
    bridge_leave(b, b->is_signed_out ? "signed out" : b->why ? b->why : "the provider ended it");
}
