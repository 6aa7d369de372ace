/* Octets into commands: lines, literals, and what stands in their place while somebody signs in, appends or idles. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sandbox/imapd_private.h"

#define COMMAND_MAX (96 * 1024)
#define LITERAL_MAX (64 * 1024)

void imapd_session_init(struct imapd_session *s, struct imapd_server *x)
{
    s->server = x;
    s->sandbox = x->links.sandbox;
    s->state = IMAPD_FRESH;
    s->verb = "";
    s->arena = arena_new();
    buf_init(&s->command, COMMAND_MAX);
    loop_deferred_init(&s->push, imapd_on_changed, s);
    loop_timer_init(&s->expiry, s->sandbox->loop, NULL, s);
    snprintf(s->tag, sizeof s->tag, "*");
}

static struct imapd_session *of(struct link *l)
{
    return (struct imapd_session *)(void *)l;
}

void imapd_session_closed(struct link *l)
{
    struct imapd_session *s = of(l);
    imapd_fetch_free(s);
    imapd_append_free(s);
    imapd_sign_out(s);
}

void imapd_session_free(struct link *l)
{
    struct imapd_session *s = of(l);
    loop_undefer(&s->push);
    arena_free(s->arena);
    buf_fini(&s->command);
    free(s->view.seen);
    free(s);
}

/* Base64 of the UTF-16LE server name, as the classic front end has it. */
#define SERVER_NAME \
    "UwBCAFgAMAAxAE0AQgAwADAAMAAxAC4AUwBCAFgAUABSAEQAMAAxAC4AUABSAE8ARAAuAE8AVQBUAEwATwBPAEsALgBDAE8ATQA="

void imapd_session_greet(struct link *l)
{
    struct imapd_session *s = of(l);
    char reply[512];
    if (link_injected(l, "connect", BYTES_NONE, reply)) {
        if (*reply != 0)
            imapd_say_injected(s, reply);
    } else if (imapd_is_google(s)) {
        link_say(l, "* OK Gimap ready for requests from 127.0.0.1 %.12s", l->id);
    } else if (imapd_is_2026(s)) {
        link_say(
            l, "* OK Microsoft Exchange IMAP4 service is ready. %s (tcpproxy/15.21.0406.000 BACKENDAUTHENTICATE) [%s]",
            l->id, SERVER_NAME);
    } else {
        link_say(l, "* OK The Microsoft Exchange IMAP4 service is ready. [%s]", SERVER_NAME);
    }
    link_send(l);
}

void imapd_session_secured(struct link *l)
{
}

void imapd_session_silent(struct link *l)
{
    imapd_bye(of(l), "Connection is closed. 13");
    link_send(l);
}

void imapd_session_drained(struct link *l)
{
    imapd_fetch_go_on(of(l));
}

void imapd_forget_command(struct imapd_session *s)
{
    buf_release(&s->command);
    s->line_from = 0;
    arena_reset(s->arena);
}

/* Tokens and passwords never reach the log. */
static void note_line(struct imapd_session *s, struct bytes line)
{
    bool is_secret = s->input == INPUT_TOKEN || s->input == INPUT_CHALLENGED;
    struct bytes rest = line;
    size_t blank = bytes_find(rest, BYTES_LIT(" "));
    rest = blank == SIZE_MAX ? BYTES_NONE : bytes_slice(rest, blank + 1, rest.size);
    bool is_login = bytes_starts_nocase(rest, "LOGIN ");
    if (is_secret || s->line_from > 0) {
        link_note(&s->link, "C", line.size > 1 ? BYTES_LIT("[masked]") : line);
    } else if (is_login || bytes_starts_nocase(rest, "AUTHENTICATE ")) {
        char text[120];
        size_t end = is_login ? 5 : bytes_find(bytes_slice(rest, 13, rest.size), BYTES_LIT(" "));
        struct bytes head = bytes_slice(rest, 0, is_login ? end : end == SIZE_MAX ? 40 : end + 13);
        struct bytes tag = bytes_slice(line, 0, blank);
        int size = snprintf(text, sizeof text, "%.*s %.*s [masked]", (int)(tag.size < 40 ? tag.size : 40),
                            (const char *)tag.data, (int)head.size, (const char *)head.data);
        link_note(&s->link, "C", (struct bytes){ (const uint8_t *)text, (size_t)size });
    } else {
        link_note(&s->link, "C", line);
    }
}

/* A literal follows this line: of the command, or a message. */
static void await_literal(struct imapd_session *s, const struct imapd_literal *literal)
{
    if (imapd_append_begins(s, buf_bytes(&s->command), literal))
        return;
    if (literal->size > LITERAL_MAX || s->command.size + literal->size + 1024 > COMMAND_MAX) {
        struct imapd_in in = { .rest = buf_bytes(&s->command), .arena = s->arena };
        imapd_take_tag(s, &in);
        imapd_bad_arguments(s);
        if (!literal->is_sync)
            imapd_bye(s, "Connection closed. 14"); /* what comes now is no command */
        imapd_forget_command(s);
        return;
    }
    if (literal->is_sync)
        link_say(&s->link, "+ Ready for additional command text.");
    buf_add_str(&s->command, "\r\n");
    s->literal_left = literal->size;
    s->line_from = s->command.size;
    s->input = literal->size > 0 ? INPUT_LITERAL : INPUT_COMMAND;
}

static void on_command_line(struct imapd_session *s, struct bytes line)
{
    struct imapd_literal literal;
    if (s->append != NULL) {
        imapd_append_finish(s, line);
        imapd_forget_command(s);
    } else if (!buf_add_bytes(&s->command, line)) {
        imapd_bad(s, "Command Error. 12");
        imapd_forget_command(s);
    } else if (imapd_literal_at_end(buf_bytes(&s->command), &literal) && literal.at >= s->line_from) {
        await_literal(s, &literal);
    } else {
        imapd_dispatch(s, buf_bytes(&s->command));
        imapd_forget_command(s);
    }
}

static void on_line(struct imapd_session *s, struct bytes line)
{
    note_line(s, line);
    switch (s->input) {
    case INPUT_TOKEN:
    case INPUT_CHALLENGED:
        imapd_on_token_line(s, line);
        break;
    case INPUT_IDLE:
        imapd_on_idle_line(s, line);
        break;
    default:
        on_command_line(s, line);
    }
    link_send(&s->link);
}

/* LF ends a line, with or without CR before it. */
static size_t take_line(struct imapd_session *s, struct bytes in)
{
    size_t newline = bytes_find(in, BYTES_LIT("\n"));
    size_t longest = COMMAND_MAX - 4096;
    if (newline == SIZE_MAX && in.size <= longest)
        return 0;
    if (s->skips_line || newline == SIZE_MAX || newline > longest) {
        bool is_whole = newline != SIZE_MAX;
        if (is_whole) {
            snprintf(s->tag, sizeof s->tag, "*"); /* nobody looked for it */
            imapd_bad(s, "Command Error. 12");
            link_send(&s->link);
        }
        s->skips_line = !is_whole;
        return is_whole ? newline + 1 : in.size;
    }
    size_t end = newline > 0 && in.data[newline - 1] == '\r' ? newline - 1 : newline;
    on_line(s, bytes_slice(in, 0, end));
    return newline + 1;
}

static size_t take_literal(struct imapd_session *s, struct bytes in)
{
    struct bytes part = bytes_slice(in, 0, s->literal_left < in.size ? (size_t)s->literal_left : in.size);
    s->literal_left -= part.size;
    if (s->input == INPUT_MESSAGE)
        imapd_append_data(s, part);
    else
        buf_add_bytes(&s->command, part);
    if (s->literal_left == 0) {
        s->input = INPUT_COMMAND;
        s->line_from = s->command.size;
    }
    return part.size;
}

size_t imapd_session_data(struct link *l, struct bytes in)
{
    struct imapd_session *s = of(l);
    size_t used = 0;
    while (used < in.size && !l->is_waiting && !l->is_over) {
        struct bytes rest = bytes_slice(in, used, in.size);
        bool is_literal = s->input == INPUT_LITERAL || s->input == INPUT_MESSAGE;
        size_t n = is_literal && s->literal_left > 0 ? take_literal(s, rest) : take_line(s, rest);
        if (n == 0)
            break;
        used += n;
    }
    return used;
}
