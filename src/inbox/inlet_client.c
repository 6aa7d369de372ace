/* inbox/inlet_client.c - what the protocol engines ask for, and the way of their answers to whoever uses the inlet. */
#include "base/text.h"
#include "inbox/inlet_private.h"

static void on_send(void *ctx, struct bytes out)
{
    inlet_write(ctx, out, false);
}

static void on_send_secret(void *ctx, struct bytes out)
{
    inlet_write(ctx, out, true);
}

static void on_start_tls(void *ctx)
{
    inlet_start_tls(ctx);
}

static void on_want_credential(void *ctx)
{
    inlet_want_credential(ctx);
}

static void on_ready(void *ctx)
{
    inlet_ready(ctx);
}

/* -- IMAP -- */

static void on_imap_auth_refused(void *ctx, const struct imap_reply *reply, const char *challenge)
{
    struct inlet_trouble t = { 0 };

    inlet_trouble_of_imap("auth", reply, &t);
    inlet_auth_refused(ctx, &t, challenge);
}

/* Where the engine has a name for it, that is more than the reply says. */
static void on_imap_failed(void *ctx, const char *when, const struct imap_reply *reply, const struct fault *why)
{
    struct inlet *l = ctx;
    struct inlet_trouble t = { 0 };

    if (reply && text_is_empty(why ? why->id : "")) {
        inlet_trouble_of_imap(when, reply, &t);
        inlet_fail(l, &t);
    } else {
        inlet_fail_fault(l, when, why);
    }
}

#define IMAP_CALL(name, parameters, arguments) \
    static void on_imap_##name parameters \
    { \
        struct inlet *l = ctx; \
        if (l->user && l->user->imap->name) \
            l->user->imap->name arguments; \
    }
IMAP_CALL(refused, (void *ctx, const char *command, const struct imap_reply *reply), (l->ctx, command, reply))
IMAP_CALL(selected, (void *ctx, const struct imap_folder *folder), (l->ctx, folder))
IMAP_CALL(found, (void *ctx, const uint64_t *uids, size_t count), (l->ctx, uids, count))
IMAP_CALL(listed, (void *ctx, const char *folder, const char *separator, bool is_selectable),
          (l->ctx, folder, separator, is_selectable))
IMAP_CALL(message, (void *ctx, const struct imap_message *m), (l->ctx, m))
IMAP_CALL(changed, (void *ctx, uint32_t exists), (l->ctx, exists))
IMAP_CALL(idling, (void *ctx), (l->ctx))

static bool on_imap_body(void *ctx, uint64_t uid, uint64_t size, struct bytes chunk)
{
    struct inlet *l = ctx;
    return l->user && l->user->imap->body && l->user->imap->body(l->ctx, uid, size, chunk);
}

const struct imap_client_host inlet_imap_host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_imap_auth_refused,
    .refused = on_imap_refused,
    .selected = on_imap_selected,
    .found = on_imap_found,
    .listed = on_imap_listed,
    .message = on_imap_message,
    .body = on_imap_body,
    .changed = on_imap_changed,
    .idling = on_imap_idling,
    .failed = on_imap_failed,
};

/* -- POP3 -- */

static void on_pop3_auth_refused(void *ctx, const struct pop3_reply *reply, const char *challenge)
{
    struct inlet_trouble t = { 0 };

    inlet_trouble_of_pop3("auth", reply, &t);
    inlet_auth_refused(ctx, &t, challenge);
}

static void on_pop3_failed(void *ctx, const char *when, const struct pop3_reply *reply, const struct fault *why)
{
    struct inlet *l = ctx;
    struct inlet_trouble t = { 0 };

    if (reply && text_is_empty(why ? why->id : "")) {
        inlet_trouble_of_pop3(when, reply, &t);
        inlet_fail(l, &t);
    } else {
        inlet_fail_fault(l, when, why);
    }
}

#define POP3_CALL(name, parameters, arguments) \
    static void on_pop3_##name parameters \
    { \
        struct inlet *l = ctx; \
        if (l->user && l->user->pop3->name) \
            l->user->pop3->name arguments; \
    }
POP3_CALL(refused, (void *ctx, const char *command, const struct pop3_reply *reply), (l->ctx, command, reply))
POP3_CALL(counted, (void *ctx, uint32_t messages, uint64_t octets), (l->ctx, messages, octets))
POP3_CALL(unique, (void *ctx, uint32_t number, const char *uidl), (l->ctx, number, uidl))
POP3_CALL(sized, (void *ctx, uint32_t number, uint64_t octets), (l->ctx, number, octets))
POP3_CALL(ended, (void *ctx), (l->ctx))

static bool on_pop3_body(void *ctx, uint32_t number, struct bytes chunk)
{
    struct inlet *l = ctx;
    return l->user && l->user->pop3->body && l->user->pop3->body(l->ctx, number, chunk);
}

const struct pop3_client_host inlet_pop3_host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_pop3_auth_refused,
    .refused = on_pop3_refused,
    .counted = on_pop3_counted,
    .unique = on_pop3_unique,
    .sized = on_pop3_sized,
    .body = on_pop3_body,
    .ended = on_pop3_ended,
    .failed = on_pop3_failed,
};
