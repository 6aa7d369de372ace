#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"

/* -- The vault -- */

static bool ask(struct world *w, bool is_token, uint64_t tag, const char *user, struct bytes password)
{
    unsigned i = w->answers_due++;
    assert_true(i < sizeof w->waiting / sizeof *w->waiting);
    w->waiting[i].is_token = is_token;
    w->waiting[i].tag = tag;
    snprintf(w->waiting[i].user, sizeof w->waiting[i].user, "%s", user);
    snprintf(w->waiting[i].password, sizeof w->waiting[i].password, "%.*s", (int)password.size,
             password.data ? (const char *)password.data : "");
    if (!w->vault_is_silent)
        loop_timer_start(&w->answer, 0);
    return true;
}

static void answer_login(struct world *w, uint64_t tag, const char *user, const char *password)
{
    struct login_answer a = { .tag = tag, .app = user, .mailbox = "shop@a.example", .id = "", .text = "" };
    const char *percent = strchr(user, '%');
    char app[64];
    snprintf(app, sizeof app, "%.*s", percent ? (int)(percent - user) : (int)strlen(user), user);
    a.app = app;
    if (percent)
        a.mailbox = percent + 1;
    a.is_ok = strcmp(password, "secret") == 0;
    if (!a.is_ok) {
        a.kind = FAULT_AUTH;
        a.id = "app.password";
        a.text = "the user name or the password is wrong";
        a.delay_ms = 250;
    }
    asks_answer(&w->logins, tag, &a);
}

static void on_answer(void *ctx)
{
    struct world *w = ctx;
    unsigned due = w->answers_due;
    w->answers_due = 0;
    for (unsigned i = 0; i < due; i++) {
        if (!w->waiting[i].is_token) {
            answer_login(w, w->waiting[i].tag, w->waiting[i].user, w->waiting[i].password);
            continue;
        }
        struct token_answer a = w->token;
        a.tag = w->waiting[i].tag;
        asks_answer(&w->tokens, a.tag, &a);
    }
}

static const struct directory *directory(void *ctx)
{
    return ((struct world *)ctx)->directory;
}

static bool ask_login(void *ctx, struct login_ask *q, struct ask *a, const struct ask_kind *kind)
{
    struct world *w = ctx;
    w->logins_asked++;
    snprintf(w->host, sizeof w->host, "%s", q->host);
    return !w->vault_is_away && ask(w, false, ask_begin(&w->logins, a, kind), q->user, q->password);
}

static bool ask_token(void *ctx, struct token_ask *q, struct ask *a, const struct ask_kind *kind)
{
    struct world *w = ctx;
    w->tokens_asked++;
    w->token_refused = q->refused;
    if (q->refused && q->refused == w->token.serial)
        w->token.serial++;
    return !w->vault_is_away && ask(w, true, ask_begin(&w->tokens, a, kind), "", BYTES_NONE);
}

static void tell_trouble(void *ctx, const struct token_trouble *t)
{
    struct world *w = ctx;
    w->troubles++;
    snprintf(w->trouble_id, sizeof w->trouble_id, "%s", t->id);
}

static const struct bridges_host host = { directory, ask_login, ask_token, tell_trouble };

/* -- The provider -- */

static void far_say(struct far_end *f, const char *text)
{
    if (f->conn)
        conn_write(f->conn, bytes_of(text));
}

static void far_sayf(struct far_end *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void far_sayf(struct far_end *f, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    far_say(f, text);
}

static void far_drop(struct far_end *f)
{
    conn_free(f->conn);
    f->conn = NULL;
    f->is_closed = true;
}

static void far_signed_in(struct far_end *f, const char *good, const char *bad)
{
    struct world *w = f->world;
    f->in_auth = false;
    if (w->refusals > 0) {
        w->refusals--;
        far_sayf(f, "%s%s\r\n", bad, w->refusal ? w->refusal : "");
        if (w->hangs_up)
            conn_finish(f->conn, 1000);
        return;
    }
    f->is_signed_in = true;
    far_say(f, good);
}

static void imap_line(struct far_end *f, const char *line)
{
    char good[160], bad[96];
    if (!f->in_auth)
        snprintf(f->tag, sizeof f->tag, "%.*s", (int)strcspn(line, " "), line);
    const char *verb = line + strcspn(line, " ");
    snprintf(good, sizeof good,
             "%s OK [CAPABILITY IMAP4rev1 IDLE UIDPLUS ENABLE IMAP4rev2 COMPRESS=DEFLATE AUTH=XOAUTH2] done\r\n",
             f->tag);
    snprintf(bad, sizeof bad, "%s NO AUTHENTICATE failed.", f->tag);
    if (f->in_auth) {
        far_signed_in(f, good, bad);
    } else if (strncasecmp(verb, " CAPABILITY", 11) == 0) {
        far_sayf(f, "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2 AUTH=PLAIN SASL-IR\r\n%s OK done\r\n", f->tag);
    } else if (strncasecmp(verb, " AUTHENTICATE", 13) == 0) {
        if (strlen(verb) > 24) {
            far_signed_in(f, good, bad);
        } else {
            f->in_auth = true;
            far_say(f, "+ \r\n");
        }
    } else if (strncasecmp(verb, " LOGIN", 6) == 0) {
        far_signed_in(f, good, bad);
    } else {
        far_sayf(f, "%s BAD what?\r\n", f->tag);
    }
}

static void pop3_line(struct far_end *f, const char *line)
{
    if (f->in_auth) {
        far_signed_in(f, "+OK User successfully authenticated.\r\n",
                      "-ERR Authentication failure: unknown user name or bad password.");
    } else if (strncasecmp(line, "CAPA", 4) == 0) {
        far_say(f, "+OK\r\nTOP\r\nUIDL\r\nSASL PLAIN XOAUTH2\r\nUSER\r\n.\r\n");
    } else if (strncasecmp(line, "AUTH ", 5) == 0) {
        f->in_auth = true;
        far_say(f, "+ \r\n");
    } else {
        far_say(f, "-ERR what?\r\n");
    }
}

static void smtp_line(struct far_end *f, const char *line)
{
    if (f->in_auth)
        far_signed_in(f, "235 2.7.0 Authentication successful\r\n", "535 5.7.3 Authentication unsuccessful");
    else if (strncasecmp(line, "EHLO", 4) == 0)
        far_say(f, "250-mx\r\n250-SIZE 1000000\r\n250-PIPELINING\r\n250-DSN\r\n250 AUTH PLAIN LOGIN XOAUTH2\r\n");
    else if (strncasecmp(line, "AUTH ", 5) == 0) {
        f->in_auth = true;
        far_say(f, "334 \r\n");
    } else {
        far_say(f, "500 what?\r\n");
    }
}

static bool far_is_in_trouble(struct far_end *f)
{
    struct world *w = f->world;
    if (!w->trouble_at || ++f->moves < w->trouble_at)
        return false;
    struct linger hard = { 1, 0 };
    switch (f->moves == w->trouble_at ? w->trouble : TROUBLE_SILENT) {
    case TROUBLE_END:
        conn_finish(f->conn, 1000);
        break;
    case TROUBLE_RESET:
        (void)hard;
        far_drop(f);
        break;
    case TROUBLE_GARBAGE:
        far_say(f, "\x01\x02\xff HTTP/1.1 400 Bad Request\r\n\r\n<html>\r\n");
        break;
    case TROUBLE_ENDLESS:
        for (int i = 0; i < 200; i++)
            far_say(
                f,
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789"
                "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789");
        break;
    case TROUBLE_LITERAL:
        far_say(f, "* OK {4294967295}\r\nxxxx");
        break;
    default:
        break;
    }
    return true;
}

static void far_line(struct far_end *f, const char *line)
{
    if (far_is_in_trouble(f))
        return;
    switch (f->world->terms.protocol) {
    case FRONT_IMAP:
        imap_line(f, line);
        break;
    case FRONT_POP3:
        pop3_line(f, line);
        break;
    case FRONT_SMTP:
        smtp_line(f, line);
        break;
    }
}

static size_t far_data(void *ctx, struct bytes in)
{
    struct far_end *f = ctx;
    size_t at = 0;
    while (at < in.size && !f->is_signed_in && f->conn) {
        buf_add(&f->line, in.data + at, 1);
        if (in.data[at++] != '\n')
            continue;
        char line[4096];
        snprintf(line, sizeof line, "%.*s", (int)f->line.size, (const char *)f->line.data);
        buf_clear(&f->line);
        far_line(f, line);
    }
    if (f->is_signed_in)
        buf_add_bytes(&f->got, bytes_slice(in, at, in.size));
    return in.size;
}

static void far_greet(struct far_end *f)
{
    static const char *const greetings[] = {
        [FRONT_IMAP] = "* OK The Microsoft Exchange IMAP4 service is ready.\r\n",
        [FRONT_POP3] = "+OK The Microsoft Exchange POP3 service is ready.\r\n",
        [FRONT_SMTP] = "220 mx ESMTP\r\n",
    };
    if (!far_is_in_trouble(f))
        far_say(f, greetings[f->world->terms.protocol]);
}

static void far_ready(void *ctx)
{
    far_greet(ctx);
}

static void far_closed(void *ctx, const struct fault *why)
{
    struct far_end *f = ctx;
    far_drop(f);
}

static void far_ended(void *ctx)
{
    struct far_end *f = ctx;
    f->has_ended = true;
    if (!f->world->stays)
        conn_finish(f->conn, 1000);
}

static const struct conn_events far_events = { far_ready, far_data, NULL, far_closed, far_ended };

static void on_dialled(void *ctx, int fd, const struct net_addr *peer)
{
    struct world *w = ctx;
    struct far_end *f = &w->far[w->dials++];
    assert_true(w->dials <= sizeof w->far / sizeof *w->far);
    *f = (struct far_end){ .world = w };
    buf_init(&f->line, 65536);
    buf_init(&f->got, 256 << 20);
    f->conn = conn_accept(w->loop, fd, &(struct conn_limits){ .out_limit = 256 << 20 }, &far_events, f);
    if (w->provider_tls)
        conn_start_tls_server(f->conn, w->provider_tls);
    else
        far_greet(f);
}

struct far_end *world_far(struct world *w)
{
    assert_true(w->dials > 0);
    return &w->far[w->dials - 1];
}

void world_greet(struct world *w)
{
    far_greet(world_far(w));
}

void world_far_say(struct world *w, const char *text)
{
    far_say(world_far(w), text);
}

/* -- The whole -- */

void world_put(struct world *w, enum object_kind kind, const char *key, const char *text)
{
    struct fault why = { 0 };
    if (!directory_apply_text(w->directory, kind, key, text, &why))
        fail_msg("%s: %s", key, why.text);
    if (w->bridges)
        bridges_directory_changed(w->bridges);
}

static void fill_directory(struct world *w, const char *tls, const char *ca_file)
{
    unsigned port = net_addr_port(&w->provider);
    char *server = mem_printf("{\"host\":\"%s\",\"port\":%u,\"tls\":\"%s\",\"sasl\":\"xoauth2\"}",
                              w->provider_tls ? "localhost" : "127.0.0.1", port, tls);
    char *provider = mem_printf(
        "{\"name\":\"mx\",\"smtp\":%s,\"imap\":%s,\"pop3\":%s,\"endpoints\":{\"token\":\"https://t.example/\"},"
        "\"limits\":{\"connections\":2,\"size_mb\":1},\"ca_file\":\"%s\"}",
        server, server, server, ca_file);
    world_put(w, OBJECT_PROVIDER, "mx", provider);
    world_put(w, OBJECT_REGISTRATION, "reg",
              "{\"name\":\"reg\",\"provider\":\"mx\",\"tenant\":\"t\",\"client_id\":\"c\",\"credential\":\"none\"}");
    world_put(w, OBJECT_MAILBOX, "shop@a.example",
              "{\"address\":\"shop@a.example\",\"registration\":\"reg\",\"grant\":\"code\"}");
    world_put(w, OBJECT_MAILBOX, "send@a.example",
              "{\"address\":\"send@a.example\",\"registration\":\"reg\",\"grant\":\"code\",\"protocols\":[\"smtp\"]}");
    world_put(w, OBJECT_APP, "web", "{\"name\":\"web\",\"mailboxes\":[\"shop@a.example\",\"send@a.example\"]}");
    world_put(w, OBJECT_APP, "poster", "{\"name\":\"poster\",\"mailboxes\":[\"shop@a.example\"],\"allow\":[\"http\"]}");
    world_put(w, OBJECT_APP, "forced",
              "{\"name\":\"forced\",\"mailboxes\":[\"shop@a.example\"],\"force_sender\":\"shop@a.example\"}");
    free(server);
    free(provider);
}

static void open_world(struct world *w, enum front_protocol p, const char *tls, const char *ca_file)
{
    struct fault why;
    struct tls_context *context = w->provider_tls;
    *w = (struct world){ .loop = loop_new_virtual(1700000000000), .provider_tls = context };
    w->directory = directory_new();
    asks_init(&w->logins, w->loop, 30000);
    asks_init(&w->tokens, w->loop, 60000);
    loop_timer_init(&w->answer, w->loop, on_answer, w);
    assert_true(net_addr_parse("127.0.0.1:0", &w->provider, NULL));
    int fd = net_listen_open(&w->provider, 64, &why);
    w->provider.size = sizeof w->provider.storage;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&w->provider.storage, &w->provider.size), 0);
    w->listener = listener_new(w->loop, fd, on_dialled, w);
    w->token = (struct token_answer){ .is_ok = true,
                                      .sasl = OBJECT_SASL_XOAUTH2,
                                      .user = "shop@a.example",
                                      .secret = BYTES_LIT("token"),
                                      .serial = 1,
                                      .id = "",
                                      .text = "" };
    w->terms = (struct bridge_terms){ .protocol = p,
                                      .policy = { .hostname = "gate.example", .errors_limit = 20 },
                                      .login_ms = 60000,
                                      .idle_ms = 1800000,
                                      .buffer = 128 << 10 };
    fill_directory(w, tls, ca_file);
    w->bridges = bridges_new(w->loop, &host, w);
    bridges_set(w->bridges, &(struct bridges_settings){ .sessions_per_app = 3, .sessions_per_mailbox = 2 });
}

void world_open(struct world *w, enum front_protocol p)
{
    w->provider_tls = NULL;
    open_world(w, p, "none", "");
}

void world_open_tls(struct world *w, enum front_protocol p, struct bytes certificate, struct bytes key,
                    const char *ca_file)
{
    struct fault why;
    w->provider_tls = tls_server_new(certificate, key, &why);
    assert_non_null(w->provider_tls);
    open_world(w, p, "implicit", ca_file);
}

void world_close(struct world *w)
{
    for (unsigned i = 0; i < w->dials; i++) {
        conn_free(w->far[i].conn);
        buf_fini(&w->far[i].line);
        buf_fini(&w->far[i].got);
    }
    listener_free(w->listener);
    loop_timer_stop(&w->answer);
    asks_fini(&w->logins);
    asks_fini(&w->tokens);
    bridges_free(w->bridges);
    directory_free(w->directory);
    tls_context_free(w->provider_tls);
    loop_free(w->loop);
}

void world_turns(struct world *w, unsigned count)
{
    while (count-- > 0)
        loop_turn(w->loop, 1);
}

/* -- Clients -- */

void world_ended(void *ctx)
{
    ((struct world *)ctx)->ended++;
}

int world_client(struct world *w)
{
    int fds[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    struct bridge_client client = { .id = "s1", .host = "192.0.2.7", .ended = world_ended, .ctx = w };
    bridge_open(w->bridges, &w->terms, fds[0], &client);
    w->opened++;
    return fds[1];
}

void world_say(struct world *w, int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

static void read_until(struct world *w, int fd, const char *text)
{
    char heard[8192] = "";
    size_t size = 0;
    for (unsigned turns = 0; turns < 5000; turns++) {
        ssize_t n = recv(fd, heard + size, 1, 0);
        if (n == 1) {
            heard[++size] = '\0';
            if (text && strstr(heard, text))
                return;
            if (size + 1 == sizeof heard)
                fail_msg("\"%s\" was expected, but: %s", text ? text : "the end", heard);
            continue;
        }
        if (n == 0 || errno != EAGAIN) {
            if (text)
                fail_msg("\"%s\" was expected, but the end came after: %s", text, heard);
            return;
        }
        loop_turn(w->loop, 0);
        if (turns > 2000)
            loop_advance(w->loop, 1); /* a held back refusal */
    }
    fail_msg("\"%s\" was expected, but: %s", text ? text : "the end", heard);
}

void world_expect(struct world *w, int fd, const char *text)
{
    read_until(w, fd, text);
}

void world_expect_end(struct world *w, int fd)
{
    read_until(w, fd, NULL);
}

const char *world_login(const struct world *w)
{
    static const char *const logins[] = {
        [FRONT_IMAP] = "a1 LOGIN web secret\r\n",
        [FRONT_POP3] = "USER web\r\nPASS secret\r\n",
        [FRONT_SMTP] = "EHLO me.example\r\nAUTH PLAIN AHdlYgBzZWNyZXQ=\r\n",
    };
    return logins[w->terms.protocol];
}

const char *world_welcome(const struct world *w)
{
    static const char *const welcomes[] = {
        [FRONT_IMAP] = "a1 OK", [FRONT_POP3] = "+OK Signed in", [FRONT_SMTP] = "235 "
    };
    return welcomes[w->terms.protocol];
}

void world_sign_in(struct world *w, int fd)
{
    unsigned before = w->dials;
    world_say(w, fd, world_login(w));
    WORLD_UNTIL(w, w->dials > before && world_far(w)->is_signed_in);
    world_expect(w, fd, world_welcome(w));
    world_expect(w, fd, "\r\n");
}
