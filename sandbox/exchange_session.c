/* A session: lines in, verbs by table, replies out. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "sandbox/exchange_private.h"

#define IN_LIMIT (64 * 1024)
#define IDLE_LOOK_MS 5000

typedef void verb_fn(struct exchange_session *s, struct bytes args);

enum {
    WHEN_ANY = 0,
    WHEN_GREETED = 1,
    WHEN_TLS = 2,
    WHEN_SIGNED_IN = 4,
    WHEN_MAIL = 8,
    WHEN_RCPT = 16,
    WHEN_IDLE = 32
};

struct verb {
    const char *name, *step; /* the step is for injections */
    unsigned when;
    verb_fn *run;
};

static bool is_valid_domain(struct bytes name)
{
    if (name.size == 0 || name.size > 255)
        return false;
    for (size_t i = 0; i < name.size; i++) {
        if (!isalnum(name.data[i]) && strchr("-._:[]", name.data[i]) == NULL)
            return false;
    }
    return true;
}

bool exchange_offers(struct exchange_server *x, const char *capability)
{
    const char *without = switches_text(x->sandbox->switches, SWITCH_SMTP_WITHOUT);
    if (strcmp(without, "all") == 0 && strcmp(capability, "STARTTLS") != 0)
        return false;
    size_t size = strlen(capability);
    for (const char *at = strcasestr(without, capability); at != NULL; at = strcasestr(at + 1, capability)) {
        if ((at == without || at[-1] == ',') && (at[size] == 0 || at[size] == ','))
            return false;
    }
    return strstr(x->dialect->capabilities, capability) != NULL;
}

/* One line of EHLO's answer; false: nothing to say in this place. */
static bool capability_text(struct exchange_session *s, const char *name, char *out, size_t size)
{
    struct exchange_server *x = s->server;
    struct switches *w = x->sandbox->switches;
    snprintf(out, size, "%s", name);
    if (strcmp(name, "STARTTLS") == 0) {
        if (conn_is_tls(s->conn))
            snprintf(out, size, "AUTH %s", x->dialect->mechanisms);
        return conn_is_tls(s->conn) || !switches_is(w, SWITCH_SMTP_STARTTLS, "off");
    }
    if (strcmp(name, "SIZE") == 0)
        snprintf(out, size, "SIZE %llu",
                 x->kind == EXCHANGE_GOOGLE ? 35882577ULL : (unsigned long long)switches_number(w, SWITCH_SMTP_SIZE));
    return exchange_offers(x, name);
}

static void on_ehlo(struct exchange_session *s, struct bytes args)
{
    if (!is_valid_domain(args)) {
        exchange_refuse(s, "501 5.5.4 Invalid domain name");
        return;
    }
    exchange_reset(s);
    s->state = SESSION_READY;
    char names[256], last[160], host[NET_ADDR_TEXT_SIZE];
    net_addr_host_text(conn_peer(s->conn), host, sizeof host);
    snprintf(names, sizeof names, "%s", s->server->dialect->capabilities);
    snprintf(last, sizeof last, "%s %s [%.80s]", s->server->dialect->host, s->server->dialect->hello, host);
    char *rest = names;
    for (char *name = strtok_r(rest, " ", &rest); name != NULL; name = strtok_r(NULL, " ", &rest)) {
        char text[160];
        if (!capability_text(s, name, text, sizeof text))
            continue;
        exchange_say(s, "250-%s", last);
        snprintf(last, sizeof last, "%s", text);
    }
    exchange_say(s, "250 %s", last);
}

static void on_helo(struct exchange_session *s, struct bytes args)
{
    if (!is_valid_domain(args)) {
        exchange_refuse(s, "501 5.5.4 Invalid domain name");
        return;
    }
    exchange_reset(s);
    s->state = SESSION_READY;
    char host[NET_ADDR_TEXT_SIZE];
    net_addr_host_text(conn_peer(s->conn), host, sizeof host);
    exchange_say(s, "250 %s %s [%s]", s->server->dialect->host, s->server->dialect->hello, host);
}

static enum ca_kind certificate_kind(struct switches *w)
{
    const char *name = switches_text(w, SWITCH_SMTP_CERTIFICATE);
    return strcmp(name, "wrong-name") == 0   ? CA_WRONG_NAME
           : strcmp(name, "unknown-ca") == 0 ? CA_UNKNOWN
           : strcmp(name, "expired") == 0    ? CA_EXPIRED
                                             : CA_GOOD;
}

static void on_starttls(struct exchange_session *s, struct bytes args)
{
    struct switches *w = s->server->sandbox->switches;
    const char *how = switches_text(w, SWITCH_SMTP_STARTTLS);
    if (conn_is_tls(s->conn)) {
        exchange_refuse(s, "503 5.5.1 Bad sequence of commands");
    } else if (args.size > 0) {
        exchange_refuse(s, "501 5.5.4 Invalid arguments");
    } else if (strcmp(how, "off") == 0) {
        exchange_refuse(s, "500 5.3.3 Unrecognized command 'STARTTLS'");
    } else if (strcmp(how, "refuse") == 0) {
        exchange_refuse(s, "454 4.7.0 TLS not available due to temporary reason");
    } else {
        exchange_say(s, "%s", s->server->dialect->tls_ready);
        exchange_send(s);
        if (s->is_over)
            return;
        exchange_reset(s);
        s->state = SESSION_FRESH;
        s->is_waiting = true; /* what was sent along in the clear is not looked at: the connection calls it an attack */
        conn_start_tls_server(s->conn, s->server->tls[certificate_kind(w)]);
    }
}

static void on_rset(struct exchange_session *s, struct bytes args)
{
    exchange_reset(s);
    exchange_say(s, "250 2.0.0 Resetting");
}

static void on_noop(struct exchange_session *s, struct bytes args)
{
    exchange_say(s, "250 2.0.0 OK");
}

static void on_vrfy(struct exchange_session *s, struct bytes args)
{
    exchange_say(s, "252 2.1.5 Cannot VRFY user");
}

static void on_quit(struct exchange_session *s, struct bytes args)
{
    exchange_say(s, "%s", s->server->dialect->bye);
    s->ends_after = true;
}

static const struct verb verbs[] = {
    /* name       step        when                                            run */
    { "EHLO", "ehlo", WHEN_ANY, on_ehlo },
    { "HELO", "ehlo", WHEN_ANY, on_helo },
    { "STARTTLS", "starttls", WHEN_GREETED | WHEN_IDLE, on_starttls },
    { "AUTH", "auth", WHEN_GREETED | WHEN_IDLE, exchange_on_auth },
    { "MAIL", "mail", WHEN_GREETED | WHEN_TLS | WHEN_SIGNED_IN | WHEN_IDLE, exchange_on_mail },
    { "RCPT", "rcpt", WHEN_MAIL, exchange_on_rcpt },
    { "DATA", "data", WHEN_RCPT, exchange_on_data },
    { "BDAT", "data", WHEN_RCPT, exchange_on_bdat },
    { "RSET", "rset", WHEN_ANY, on_rset },
    { "NOOP", "", WHEN_ANY, on_noop },
    { "VRFY", "", WHEN_ANY, on_vrfy },
    { "QUIT", "quit", WHEN_ANY, on_quit },
};

/* False when the order of commands forbids this one; then the refusal is said. */
static bool is_in_order(struct exchange_session *s, const struct verb *v)
{
    bool has_mail = s->envelope.sender != NULL;
    bool is_wrong = ((v->when & WHEN_GREETED) && s->state == SESSION_FRESH) || ((v->when & WHEN_IDLE) && has_mail) ||
                    ((v->when & WHEN_MAIL) && !has_mail) || ((v->when & WHEN_RCPT) && s->envelope.count == 0);
    if (is_wrong) {
        exchange_refuse(s, "503 5.5.1 Bad sequence of commands");
        return false;
    }
    if ((v->when & WHEN_TLS) && !conn_is_tls(s->conn)) {
        exchange_refuse(s, "451 5.7.3 STARTTLS is required to send mail");
        return false;
    }
    if ((v->when & WHEN_SIGNED_IN) && !s->is_signed_in) {
        const char *why = s->last_refusal;
        exchange_refuse(s, "%s%s%s", s->server->dialect->not_signed_in, *why != 0 ? " Error: " : "", why);
        return false;
    }
    return true;
}

static const struct verb *find_verb(struct bytes name)
{
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (bytes_equal_nocase(name, bytes_of(verbs[i].name)))
            return &verbs[i];
    }
    return NULL;
}

static void on_command(struct exchange_session *s, struct bytes line)
{
    size_t blank = bytes_find(line, BYTES_LIT(" "));
    struct bytes name = bytes_slice(line, 0, blank == SIZE_MAX ? line.size : blank);
    struct bytes args = blank == SIZE_MAX ? BYTES_NONE : bytes_trim(bytes_slice(line, blank + 1, line.size));
    const struct verb *v = find_verb(name);
    if (v == NULL) {
        char clean[64];
        text_sanitize(bytes_slice(name, 0, 40), clean, sizeof clean);
        s->delay_ms = (int64_t)switches_number(s->server->sandbox->switches, SWITCH_SMTP_TARPIT);
        exchange_refuse(s, "500 5.3.3 Unrecognized command '%s'", clean);
        return;
    }
    if (*v->step != 0 && exchange_injected(s, v->step, line))
        return;
    if (is_in_order(s, v))
        v->run(s, args);
}

/* Tokens and passwords never reach the log. */
static void note_command(struct exchange_session *s, struct bytes line)
{
    if (s->state == SESSION_AUTH || s->state == SESSION_CHALLENGED) {
        exchange_note_line(s, "C", line.size > 1 ? BYTES_LIT("[masked]") : line);
        return;
    }
    if (!bytes_starts_nocase(line, "AUTH ")) {
        exchange_note_line(s, "C", line);
        return;
    }
    size_t blank = bytes_find(bytes_slice(line, 5, line.size), BYTES_LIT(" "));
    char text[80];
    struct bytes head = bytes_slice(line, 0, blank == SIZE_MAX ? line.size : blank + 5);
    int used = snprintf(text, sizeof text, "%.*s%s", (int)(head.size < 40 ? head.size : 40), (const char *)head.data,
                        blank == SIZE_MAX ? "" : " [masked]");
    exchange_note_line(s, "C", (struct bytes){ (const uint8_t *)text, (size_t)used });
}

static void on_line(struct exchange_session *s, struct bytes line)
{
    note_command(s, line);
    s->drops_reply = false;
    if (s->state == SESSION_AUTH || s->state == SESSION_CHALLENGED)
        exchange_on_auth_line(s, line);
    else
        on_command(s, line);
    exchange_send(s);
}

/* Only CRLF ends a line; a bare LF ends nothing but the patience. */
static size_t take_line(struct exchange_session *s, struct bytes in)
{
    size_t longest = switches_number(s->server->sandbox->switches, SWITCH_SMTP_LINE);
    size_t newline = bytes_find(in, BYTES_LIT("\n"));
    if (newline == SIZE_MAX && in.size <= longest)
        return 0;
    size_t end = newline == SIZE_MAX ? in.size : newline;
    bool is_whole = newline != SIZE_MAX;
    if (s->skips_line || end > longest) {
        if (is_whole) {
            exchange_refuse(s, "500 5.5.2 Line too long");
            exchange_send(s);
        }
        s->skips_line = !is_whole;
        return end + is_whole;
    }
    bool is_strict = end > 0 && in.data[end - 1] == '\r' && memchr(in.data, '\r', end - 1) == NULL &&
                     memchr(in.data, 0, end) == NULL;
    if (is_strict) {
        on_line(s, bytes_slice(in, 0, end - 1));
    } else {
        exchange_refuse(s, "500 5.5.2 Syntax error, bare CR, LF or NUL");
        exchange_send(s);
    }
    return end + 1;
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct exchange_session *s = ctx;
    size_t used = 0;
    s->active_ms = loop_now_ms(s->server->sandbox->loop);
    while (used < in.size && !s->is_waiting && !s->is_over) {
        struct bytes rest = bytes_slice(in, used, in.size);
        size_t n = s->state == SESSION_DATA   ? exchange_feed_data(s, rest)
                   : s->state == SESSION_BDAT ? exchange_feed_chunk(s, rest)
                                              : take_line(s, rest);
        if (n == 0)
            break;
        used += n;
    }
    return s->is_over ? in.size : used;
}

void exchange_session_free(struct exchange_session *s)
{
    loop_undefer(&s->burial);
    list_remove(&s->node);
    s->server->sessions_count--;
    arena_free(s->mail);
    buf_fini(&s->out);
    json_decref(s->note);
    free(s);
}

static void bury(void *ctx)
{
    exchange_session_free(ctx);
}

void exchange_session_end(struct exchange_session *s)
{
    if (s->conn == NULL)
        return;
    s->is_over = true;
    exchange_reset(s);
    exchange_sign_out(s);
    loop_timer_stop(&s->timer);
    loop_timer_stop(&s->idle);
    json_object_set_new(s->note, "messages", json_integer(s->messages));
    json_object_set_new(s->note, "is_open", json_false());
    conn_free(s->conn);
    s->conn = NULL;
    loop_defer(s->server->sandbox->loop, &s->burial);
}

static void on_closed(void *ctx, const struct fault *why)
{
    struct exchange_session *s = ctx;
    if (why != NULL)
        exchange_note_line(s, "!", bytes_of(why->text));
    exchange_session_end(s);
}

static void on_tls(void *ctx)
{
    struct exchange_session *s = ctx;
    s->is_waiting = false;
    json_object_set_new(s->note, "tls", json_string(conn_tls_text(s->conn)));
    exchange_note_line(s, "!", bytes_of(conn_tls_text(s->conn)));
}

/* One timer that looks now and then, instead of one that every line puts off. */
static void on_idle(void *ctx)
{
    struct exchange_session *s = ctx;
    int64_t limit_ms = (int64_t)switches_number(s->server->sandbox->switches, SWITCH_SMTP_IDLE) * 1000;
    int64_t left_ms = limit_ms > 0 ? s->active_ms + limit_ms - loop_now_ms(s->server->sandbox->loop) : IDLE_LOOK_MS;
    if (left_ms > 0 || s->is_waiting) {
        loop_timer_start(&s->idle, left_ms > 0 && left_ms < IDLE_LOOK_MS ? left_ms : IDLE_LOOK_MS);
        return;
    }
    exchange_refuse(s, "421 4.4.1 Connection timed out");
    s->ends_after = true;
    exchange_send(s);
}

static void make_id(char out[17])
{
    uint64_t random;
    secret_random(&random, sizeof random);
    snprintf(out, 17, "08DE%012llX", (unsigned long long)(random & 0xffffffffffffULL));
}

static void greet(struct exchange_session *s)
{
    char time[40];
    clock_rfc5322(loop_wall_ms(s->server->sandbox->loop), time, sizeof time);
    if (exchange_injected(s, "connect", BYTES_NONE)) {
        exchange_send(s);
        return;
    }
    if (s->server->kind == EXCHANGE_GOOGLE)
        exchange_say(s, "220 %s %s %s - gsmtp", s->server->dialect->host, s->server->dialect->greeting, s->id);
    else
        exchange_say(s, "220 %s %s %s [%s]", s->server->dialect->host, s->server->dialect->greeting, time, s->id);
    exchange_send(s);
}

void exchange_session_new(struct exchange_server *x, int fd, const struct net_addr *peer)
{
    static const struct conn_events events = { .ready = on_tls, .data = on_data, .closed = on_closed };
    struct conn_limits limits = { .in_limit = IN_LIMIT, .out_limit = IN_LIMIT };
    struct exchange_session *s = mem_alloc(sizeof *s);
    s->server = x;
    s->mail = arena_new();
    buf_init(&s->out, IN_LIMIT);
    make_id(s->id);
    net_addr_text(peer, s->peer, sizeof s->peer);
    loop_deferred_init(&s->burial, bury, s);
    loop_timer_init(&s->timer, x->sandbox->loop, NULL, s);
    loop_timer_init(&s->idle, x->sandbox->loop, on_idle, s);
    s->active_ms = loop_now_ms(x->sandbox->loop);
    loop_timer_start(&s->idle, 0);
    list_append(&x->sessions, &s->node);
    x->sessions_count++;
    s->note = json_pack("{s:s, s:s, s:s, s:s, s:b, s:[]}", "kind", "smtp", "server", x->dialect->name, "session", s->id,
                        "peer", s->peer, "is_open", true, "lines");
    s->lines = json_object_get(s->note, "lines");
    activity_note(x->sandbox->activity, json_incref(s->note));
    activity_count(x->sandbox->activity, "smtp.connections", NULL);
    s->conn = conn_accept(x->sandbox->loop, fd, &limits, &events, s);
    greet(s);
}
