/* The POP3 client: first octet the set-up, second how the server's words are cut, third which commands are given. Cut or whole, it must say
 * and report the same; the secret must never be given out but as one, and never before the TLS that was asked for. */
#include <string.h>

#include "fuzz.h"
#include "proto/pop3/client.h"

#define ENOUGH (64u << 20)

struct play {
    struct pop3_client *client;
    bool is_over, needs_tls, has_tls, wants_tls;
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
    PROMISE(!bytes_starts_nocase(out, "AUTH")); /* always a line of its own */
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
    pop3_client_credential(p->client, "joe@x", BYTES_LIT("TheSecret"));
}

static void give_command(struct pop3_client *c, unsigned which)
{
    switch (which % 8) {
    case 0:
        pop3_client_stat(c);
        break;
    case 1:
        pop3_client_uidl(c);
        break;
    case 2:
        pop3_client_list(c);
        break;
    case 3:
        pop3_client_top(c, 7);
        break;
    case 4:
        pop3_client_retrieve(c, 7);
        break;
    case 5:
        pop3_client_delete(c, 7);
        break;
    case 6:
        pop3_client_noop(c);
        break;
    default:
        pop3_client_quit(c);
        break;
    }
}

static void on_ready(void *ctx)
{
    struct play *p = ctx;
    PROMISE(pop3_client_is_ready(p->client) && !p->is_over);
    buf_add_str(&p->events, "ready;");
    if (p->commands-- > 0)
        give_command(p->client, p->choice++);
}

static void note(struct play *p, const char *what, const struct pop3_reply *r)
{
    PROMISE(r->text && !strchr(r->text, '\n') && strlen(r->code) < sizeof r->code);
    buf_addf(&p->events, "%s %d %s %s;", what, r->is_ok, r->code, r->text);
}

static void on_auth_refused(void *ctx, const struct pop3_reply *reply, const char *challenge)
{
    struct play *p = ctx;
    note(p, challenge, reply);
    if (p->credentials-- > 0)
        pop3_client_credential(p->client, "joe@x", BYTES_LIT("TheSecret"));
    else
        pop3_client_quit(p->client);
}

static void on_refused(void *ctx, const char *command, const struct pop3_reply *reply)
{
    PROMISE(!reply->is_ok);
    note(ctx, command, reply);
}

static void on_counted(void *ctx, uint32_t messages, uint64_t octets)
{
    struct play *p = ctx;
    buf_addf(&p->events, "counted %u %llu;", messages, (unsigned long long)octets);
}

static void on_unique(void *ctx, uint32_t number, const char *uidl)
{
    struct play *p = ctx;
    PROMISE(*uidl && !strchr(uidl, ' '));
    buf_addf(&p->events, "%u=%s;", number, uidl);
}

static void on_sized(void *ctx, uint32_t number, uint64_t octets)
{
    struct play *p = ctx;
    buf_addf(&p->events, "%u:%llu;", number, (unsigned long long)octets);
}

static bool on_body(void *ctx, uint32_t number, struct bytes chunk)
{
    struct play *p = ctx;
    PROMISE(number == 7 && chunk.size > 0);
    buf_add_bytes(&p->events, chunk);
    return true;
}

static void on_ended(void *ctx)
{
    struct play *p = ctx;
    PROMISE(!p->is_over);
    buf_add_str(&p->events, "ended;");
}

static void on_failed(void *ctx, const char *when, const struct pop3_reply *reply, const struct fault *why)
{
    struct play *p = ctx;
    PROMISE(!p->is_over && why->kind != FAULT_NONE && why->text[0]);
    p->is_over = true;
    buf_addf(&p->events, "failed %s %s %s;", when, why->id, reply ? reply->text : "");
}

static const struct pop3_client_host host = {
    .send = on_send,
    .send_secret = on_send_secret,
    .start_tls = on_start_tls,
    .want_credential = on_want_credential,
    .ready = on_ready,
    .auth_refused = on_auth_refused,
    .refused = on_refused,
    .counted = on_counted,
    .unique = on_unique,
    .sized = on_sized,
    .body = on_body,
    .ended = on_ended,
    .failed = on_failed,
};

static void feed(struct play *p, struct bytes in, size_t step)
{
    while (in.size > 0) {
        struct bytes piece = bytes_slice(in, 0, step ? step : in.size);
        size_t used = pop3_client_feed(p->client, piece);
        PROMISE(used > 0 && used <= piece.size);
        in = bytes_slice(in, used, in.size);
    }
}

/* The first '`' stands for the handshake: nothing of what follows it can have come before. */
static void play(struct play *p, const struct pop3_client_options *options, unsigned choice, struct bytes in,
                 size_t step)
{
    *p = (struct play){ .commands = 6, .credentials = 1, .choice = choice };
    p->needs_tls = options->tls == POP3_CLIENT_STLS;
    buf_init(&p->out, ENOUGH);
    buf_init(&p->events, ENOUGH);
    p->client = pop3_client_new(options, &host, p);
    size_t mark = bytes_find(in, BYTES_LIT("`"));
    feed(p, bytes_slice(in, 0, mark == SIZE_MAX ? in.size : mark), step);
    if (mark == SIZE_MAX || !p->wants_tls || p->is_over)
        return;
    p->has_tls = true;
    pop3_client_tls_done(p->client);
    feed(p, bytes_slice(in, mark + 1, in.size), step);
}

static void play_fini(struct play *p)
{
    pop3_client_free(p->client);
    buf_fini(&p->out);
    buf_fini(&p->events);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3)
        return 0;
    struct pop3_client_options options = { .host = "mail.x", .port = 995 };
    options.tls = data[0] & 1 ? POP3_CLIENT_STLS : POP3_CLIENT_NO_TLS;
    options.sasl = (enum pop3_client_sasl)(data[0] / 2 % 8 % 5);
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
