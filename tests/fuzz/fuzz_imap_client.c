/* The IMAP client: first octet the set-up, second how the server's words are cut, third which commands are given. Cut or whole, it must say
 * and report the same; the secret must never be given out but as one, and never before the TLS that was asked for. */
#include <string.h>

#include "fuzz.h"
#include "proto/imap/client.h"

#define ENOUGH (64u << 20)

struct play {
    struct imap_client *client;
    bool is_over, needs_tls, has_tls, wants_tls, in_body;
    int commands, credentials;
    unsigned choice;
    struct buf out, events;
};

static void on_send(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && out.size > 0);
    PROMISE(bytes_find(out, BYTES_LIT("VGhlU2VjcmV0")) == SIZE_MAX && bytes_find(out, BYTES_LIT("Secret")) == SIZE_MAX);
    PROMISE(buf_add_bytes(&p->out, out));
}

static void on_send_secret(void *ctx, struct bytes out)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && (p->has_tls || !p->needs_tls));
    PROMISE(out.size > 2 && bytes_find(out, BYTES_LIT("\r\n")) == out.size - 2);
    PROMISE(buf_add_bytes(&p->out, out));
}

static void on_start_tls(void *ctx)
{
    struct play *p = ctx;
    p->wants_tls = true;
}

static void on_want_credential(void *ctx)
{
    struct play *p = ctx;
    imap_client_credential(p->client, "joe@x", BYTES_LIT("TheSecret"));
}

static void give_command(struct imap_client *c, unsigned which)
{
    static const uint64_t uids[] = { 1, 2, 5 };
    switch (which % 13) {
    case 0:
        imap_client_select(c, "INBOX", false);
        break;
    case 1:
        imap_client_search(c, 2, 0);
        break;
    case 2:
        imap_client_fetch(c, uids, 3, true);
        break;
    case 3:
        imap_client_fetch_body(c, 5);
        break;
    case 4:
        imap_client_idle(c);
        break;
    case 5:
        imap_client_list(c);
        break;
    case 6:
        imap_client_move(c, 5, "Done \"\xc3\xbc\"");
        break;
    case 7:
        imap_client_delete(c, 5);
        break;
    case 8:
        imap_client_store_seen(c, 5);
        break;
    case 9:
        imap_client_create(c, "x");
        break;
    case 10:
        imap_client_noop(c);
        break;
    case 11:
        imap_client_fetch(c, uids, 1, false);
        break;
    default:
        imap_client_logout(c);
        break;
    }
}

static void on_ready(void *ctx)
{
    struct play *p = ctx;
    PROMISE(imap_client_is_ready(p->client) && !p->is_over);
    p->in_body = false;
    buf_add_str(&p->events, "ready;");
    if (p->commands-- > 0)
        give_command(p->client, p->choice++);
}

static void note(struct play *p, const char *what, const struct imap_reply *r)
{
    PROMISE(r->text && !strchr(r->text, '\n') && strlen(r->code) < sizeof r->code);
    buf_addf(&p->events, "%s %d %s %s;", what, (int)r->status, r->code, r->text);
}

static void on_auth_refused(void *ctx, const struct imap_reply *reply, const char *challenge)
{
    struct play *p = ctx;
    note(p, challenge, reply);
    if (p->credentials-- > 0)
        imap_client_credential(p->client, "joe@x", BYTES_LIT("TheSecret"));
    else
        imap_client_logout(p->client);
}

static void on_refused(void *ctx, const char *command, const struct imap_reply *reply)
{
    note(ctx, command, reply);
}

static void on_selected(void *ctx, const struct imap_folder *f)
{
    struct play *p = ctx;
    buf_addf(&p->events, "selected %u %llu %llu;", f->exists, (unsigned long long)f->uidvalidity,
             (unsigned long long)f->uidnext);
}

static void on_found(void *ctx, const uint64_t *uids, size_t count)
{
    struct play *p = ctx;
    PROMISE(count > 0);
    for (size_t i = 0; i < count; i++) {
        PROMISE(uids[i] >= 2 && (i == 0 || uids[i - 1] <= uids[i]));
        buf_addf(&p->events, "%llu,", (unsigned long long)uids[i]);
    }
}

static void on_listed(void *ctx, const char *folder, const char *separator, bool is_selectable)
{
    struct play *p = ctx;
    buf_addf(&p->events, "%s %s %d;", folder, separator, is_selectable);
}

static void on_message(void *ctx, const struct imap_message *m)
{
    struct play *p = ctx;
    PROMISE(m->uid > 0 && m->header.size <= IMAP_LITERAL_LIMIT);
    buf_addf(&p->events, "%u:%llu %lld %d;", m->sequence, (unsigned long long)m->uid, (long long)m->received_ms,
             m->is_seen);
    buf_add_bytes(&p->events, m->header);
}

static bool on_body(void *ctx, uint64_t uid, uint64_t size, struct bytes chunk)
{
    struct play *p = ctx;
    PROMISE(uid == 5 && chunk.size <= size);
    if (!p->in_body)
        buf_addf(&p->events, "body of %llu;", (unsigned long long)size);
    p->in_body = true;
    buf_add_bytes(&p->events, chunk);
    return true;
}

static void on_changed(void *ctx, uint32_t exists)
{
    struct play *p = ctx;
    buf_addf(&p->events, "changed %u;", exists);
    imap_client_done(p->client);
}

static void on_idling(void *ctx)
{
    struct play *p = ctx;
    buf_add_str(&p->events, "idling;");
}

static void on_failed(void *ctx, const char *when, const struct imap_reply *reply, const struct fault *why)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && why->kind != FAULT_NONE && why->text[0]);
    p->is_over = true;
    buf_addf(&p->events, "failed %s %s %s;", when, why->id, reply ? reply->text : "");
}

static const struct imap_client_host host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .refused = on_refused,
    .selected = on_selected,
    .found = on_found,
    .listed = on_listed,
    .message = on_message,
    .body = on_body,
    .changed = on_changed,
    .idling = on_idling,
    .failed = on_failed,
};

static void feed(struct play *p, struct bytes in, size_t step)
{
    while (in.size > 0) {
        struct bytes piece = bytes_slice(in, 0, step ? step : in.size);
        size_t used = imap_client_feed(p->client, piece);
        PROMISE(used > 0 && used <= piece.size);
        in = bytes_slice(in, used, in.size);
    }
}

/* The first '`' stands for the handshake: nothing of what follows it can have come before. */
static void play(struct play *p, const struct imap_client_options *options, unsigned choice, struct bytes in,
                 size_t step)
{
    *p = (struct play){ .commands = 6, .credentials = 1, .choice = choice };
    p->needs_tls = options->tls == IMAP_CLIENT_STARTTLS;
    buf_init(&p->out, ENOUGH);
    buf_init(&p->events, ENOUGH);
    p->client = imap_client_new(options, &host, p);
    size_t mark = bytes_find(in, BYTES_LIT("`"));
    feed(p, bytes_slice(in, 0, mark == SIZE_MAX ? in.size : mark), step);
    if (mark == SIZE_MAX || !p->wants_tls || p->is_over)
        return;
    p->has_tls = true;
    imap_client_tls_done(p->client);
    feed(p, bytes_slice(in, mark + 1, in.size), step);
}

static void play_fini(struct play *p)
{
    imap_client_free(p->client);
    buf_fini(&p->out);
    buf_fini(&p->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct imap_client_options options = {
        .host = "mail.x", .port = 993, .no_initial_response = data[0] & 16, .wants_capabilities = data[0] & 32
    };
    options.tls = data[0] & 1 ? IMAP_CLIENT_STARTTLS : IMAP_CLIENT_NO_TLS;
    options.sasl = (enum imap_client_sasl)(data[0] / 2 % 8 % 5);
    struct bytes in = { data + 3, size - 3 };
    struct play whole, cut;
    play(&whole, &options, data[2], in, 0);
    play(&cut, &options, data[2], in, 1 + data[1] % 16);
    PROMISE(bytes_equal(buf_bytes(&whole.events), buf_bytes(&cut.events)));
    PROMISE(bytes_equal(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    play_fini(&whole);
    play_fini(&cut);
    return 0;
}
