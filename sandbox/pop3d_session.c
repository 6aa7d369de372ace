/* Lines into commands: which there are, and when each may come. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/text.h"
#include "sandbox/pop3d_private.h"

#define LINE_MAX_SIZE (64 * 1024)

/* Base64 of a server name, as the front ends have it. */
#define SERVER_NAME \
    "UwBCAFgAMAAxAE0AQgAwADAAMAAxAC4AUwBCAFgAUABSAEQAMAAxAC4AUABSAE8ARAAuAE8AVQBUAEwATwBPAEsALgBDAE8ATQA="

void pop3d_session_init(struct pop3d_session *s, struct pop3d_server *x)
{
    s->server = x;
    s->sandbox = x->links.sandbox;
    s->state = POP3D_FRESH;
}

static struct pop3d_session *of(struct link *l)
{
    return (struct pop3d_session *)(void *)l;
}

bool pop3d_is_google(const struct pop3d_session *s)
{
    return s->server->kind == POP3D_GOOGLE;
}

void pop3d_session_closed(struct link *l)
{
    pop3d_sign_out(of(l));
}

void pop3d_session_free(struct link *l)
{
    free(of(l));
}

void pop3d_session_secured(struct link *l)
{
}

void pop3d_session_silent(struct link *l)
{
    pop3d_end(of(l), "-ERR Connection is closed. 22");
    link_send(l);
}

void pop3d_session_drained(struct link *l)
{
    pop3d_go_on(of(l));
}

void pop3d_end(struct pop3d_session *s, const char *reply)
{
    link_say(&s->link, "%s", reply);
    s->link.ends_after = true;
}

void pop3d_bad(struct pop3d_session *s, const char *reply)
{
    uint64_t allowed = switches_number(s->sandbox->switches, SWITCH_POP3_BAD_COMMANDS);
    if (allowed > 0 && ++s->bad_commands >= allowed)
        pop3d_end(s, "-ERR Protocol error. Connection is closed. 10");
    else
        link_say(&s->link, "%s", reply);
}

bool pop3d_injected(struct pop3d_session *s, const char *step, struct bytes line)
{
    char reply[512];
    if (!link_injected(&s->link, step, line, reply))
        return false;
    if (*reply != 0)
        link_say(&s->link, "%s", reply + (strncmp(reply, "raw:", 4) == 0 ? 4 : 0));
    s->link.ends_after = strstr(reply, "Connection is closed") != NULL;
    return true;
}

void pop3d_session_greet(struct link *l)
{
    struct pop3d_session *s = of(l);
    struct switches *w = s->sandbox->switches;
    if (pop3d_injected(s, "connect", BYTES_NONE))
        ;
    else if (pop3d_is_google(s))
        link_say(l, "+OK Gpop ready for requests from 127.0.0.1 %.12s", l->id);
    else if (switches_is(w, SWITCH_POP3_GENERATION, "2026"))
        link_say(l, "+OK Microsoft Exchange POP3 server ready (tcpproxy/15.20.9137.005). [%s]", SERVER_NAME);
    else if (switches_is(w, SWITCH_POP3_GENERATION, "bare"))
        link_say(l, "+OK The Microsoft Exchange POP3 service is ready.");
    else
        link_say(l, "+OK The Microsoft Exchange POP3 service is ready. [%s]", SERVER_NAME);
    link_send(l);
}

static bool offers(struct pop3d_session *s, const char *capability)
{
    const char *without = switches_text(s->sandbox->switches, SWITCH_POP3_WITHOUT);
    return strcmp(without, "all") != 0 && strcasestr(without, capability) == NULL;
}

static void on_capa(struct pop3d_session *s, struct bytes args)
{
    static const char *const google[] = { "USER", "RESP-CODES", "EXPIRE 0",      "LOGIN-DELAY 300",
                                          "TOP",  "UIDL",       "X-GOOGLE-RICO", "SASL PLAIN XOAUTH2 OAUTHBEARER" };
    struct switches *w = s->sandbox->switches;
    bool is_plain = !conn_is_tls(s->link.conn), is_new = switches_is(w, SWITCH_POP3_GENERATION, "2026");
    link_say(&s->link, pop3d_is_google(s) ? "+OK Capability list follows" : "+OK");
    for (size_t i = 0; i < sizeof google / sizeof *google && pop3d_is_google(s); i++)
        link_say(&s->link, "%s", google[i]);
    if (!pop3d_is_google(s)) {
        if (offers(s, "TOP"))
            link_say(&s->link, "TOP");
        if (offers(s, "UIDL"))
            link_say(&s->link, "UIDL");
        if (!is_plain && offers(s, "SASL"))
            link_say(&s->link, is_new ? "SASL XOAUTH2" : "SASL PLAIN XOAUTH2");
        if (!is_plain && offers(s, "USER"))
            link_say(&s->link, "USER");
        if (is_plain && !switches_is(w, SWITCH_POP3_STLS, "off"))
            link_say(&s->link, "STLS");
    }
    link_say(&s->link, ".");
}

static void on_noop(struct pop3d_session *s, struct bytes args)
{
    link_say(&s->link, "+OK");
}

static void on_quit(struct pop3d_session *s, struct bytes args)
{
    pop3d_update(s);
    pop3d_end(s, pop3d_is_google(s) ? "+OK Farewell." : "+OK Microsoft Exchange Server POP3 server signing off.");
}

static const struct command {
    const char *name, *step;
    unsigned when;
    const char *with; /* what pop3.without may take away; "": nothing */
    pop3d_command_fn *run;
} commands[] = {
    { "CAPA", "capa", POP3D_FRESH | POP3D_READY, "", on_capa },
    { "STLS", "stls", POP3D_FRESH, "", pop3d_on_stls },
    { "AUTH", "auth", POP3D_FRESH, "SASL", pop3d_on_auth },
    { "USER", "user", POP3D_FRESH, "USER", pop3d_on_user },
    { "PASS", "pass", POP3D_FRESH, "USER", pop3d_on_pass },
    { "STAT", "stat", POP3D_READY, "", pop3d_on_stat },
    { "LIST", "list", POP3D_READY, "", pop3d_on_list },
    { "UIDL", "uidl", POP3D_READY, "UIDL", pop3d_on_uidl },
    { "RETR", "retr", POP3D_READY, "", pop3d_on_retr },
    { "TOP", "top", POP3D_READY, "TOP", pop3d_on_top },
    { "DELE", "dele", POP3D_READY, "", pop3d_on_dele },
    { "RSET", "rset", POP3D_READY, "", pop3d_on_rset },
    { "NOOP", "noop", POP3D_READY, "", on_noop },
    { "QUIT", "quit", POP3D_FRESH | POP3D_READY, "", on_quit },
};

/* Even of QUIT: nothing goes. */
static bool is_expired(const struct pop3d_session *s)
{
    return s->state == POP3D_READY && s->who.expires_ms > 0 && loop_wall_ms(s->sandbox->loop) >= s->who.expires_ms &&
           !switches_is(s->sandbox->switches, SWITCH_POP3_EXPIRY, "ignore");
}

static void run_command(struct pop3d_session *s, const struct command *c, struct bytes args, struct bytes line)
{
    bool is_lost = s->state == POP3D_READY && c->run != on_quit &&
                   strcmp(switches_keyed(s->sandbox->switches, SWITCH_POP3_STATE, s->address), "lost") == 0;
    if (pop3d_injected(s, c->step, line))
        return;
    if (is_expired(s)) {
        pop3d_end(s, "-ERR Session invalidated - AccessTokenExpired");
    } else if (!(c->when & s->state)) {
        pop3d_bad(s, "-ERR Command is not valid in this state.");
    } else if (is_lost) {
        link_say(&s->link, "-ERR Server Unavailable. 21");
    } else {
        unsigned before = s->bad_commands;
        c->run(s, args);
        s->bad_commands = s->bad_commands == before ? 0 : s->bad_commands;
    }
}

static void on_command(struct pop3d_session *s, struct bytes line)
{
    size_t blank = bytes_find(line, BYTES_LIT(" "));
    struct bytes name = bytes_slice(line, 0, blank == SIZE_MAX ? line.size : blank);
    struct bytes args = blank == SIZE_MAX ? BYTES_NONE : bytes_trim(bytes_slice(line, blank + 1, line.size));
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const struct command *c = &commands[i];
        if (bytes_equal_nocase(name, bytes_of(c->name)) && (*c->with == 0 || offers(s, c->with))) {
            run_command(s, c, args, line);
            return;
        }
    }
    pop3d_bad(s, "-ERR Protocol error. 14");
}

/* Tokens and passwords never reach the log. */
static void note_line(struct pop3d_session *s, struct bytes line)
{
    bool is_auth = bytes_starts_nocase(line, "AUTH ");
    size_t blank = is_auth ? bytes_find(bytes_slice(line, 5, line.size), BYTES_LIT(" ")) : SIZE_MAX;
    if (s->input != POP3D_COMMAND)
        link_note(&s->link, "C", line.size > 1 ? BYTES_LIT("[masked]") : line);
    else if (bytes_starts_nocase(line, "PASS "))
        link_note(&s->link, "C", BYTES_LIT("PASS [masked]"));
    else if (blank != SIZE_MAX)
        link_note(&s->link, "C", BYTES_LIT("AUTH … [masked]"));
    else
        link_note(&s->link, "C", line);
}

static void on_line(struct pop3d_session *s, struct bytes line)
{
    note_line(s, line);
    if (s->input == POP3D_COMMAND)
        on_command(s, line);
    else
        pop3d_on_token_line(s, line);
    link_send(&s->link);
}

/* LF ends a line, with or without CR before it. */
static size_t take_line(struct pop3d_session *s, struct bytes in)
{
    size_t newline = bytes_find(in, BYTES_LIT("\n"));
    bool is_whole = newline != SIZE_MAX;
    if (!is_whole && in.size <= LINE_MAX_SIZE)
        return 0;
    if (s->skips_line || !is_whole || newline > LINE_MAX_SIZE) {
        if (is_whole) {
            pop3d_bad(s, "-ERR Protocol error. 14");
            link_send(&s->link);
        }
        s->skips_line = !is_whole;
        return is_whole ? newline + 1 : in.size;
    }
    size_t end = newline > 0 && in.data[newline - 1] == '\r' ? newline - 1 : newline;
    on_line(s, bytes_slice(in, 0, end));
    return newline + 1;
}

size_t pop3d_session_data(struct link *l, struct bytes in)
{
    size_t used = 0;
    while (used < in.size && !l->is_waiting && !l->is_over) {
        size_t n = take_line(of(l), bytes_slice(in, used, in.size));
        if (n == 0)
            break;
        used += n;
    }
    return used;
}
