/* Completions of commands, and what they carry along. */
#include <stdio.h>
#include <string.h>

#include "sandbox/imapd_private.h"

bool imapd_is_google(const struct imapd_session *s)
{
    return s->server->kind == IMAPD_GOOGLE;
}

bool imapd_is_2026(const struct imapd_session *s)
{
    return switches_is(s->sandbox->switches, SWITCH_IMAP_GENERATION, "2026");
}

/* RFC 3501, 7.4.1: no EXPUNGE while FETCH, STORE or SEARCH counts by sequence numbers. */
static bool may_tell_expunges(const struct imapd_session *s)
{
    return s->is_uid ||
           (strcmp(s->verb, "FETCH") != 0 && strcmp(s->verb, "STORE") != 0 && strcmp(s->verb, "SEARCH") != 0);
}

static __attribute__((format(printf, 3, 0))) void complete(struct imapd_session *s, const char *word,
                                                           const char *format, va_list args)
{
    char text[1024];
    vsnprintf(text, sizeof text, format, args);
    imapd_sync(s, may_tell_expunges(s));
    link_say(&s->link, "%s %s %s", s->tag, word, text);
}

void imapd_ok_text(struct imapd_session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    s->bad_commands = 0;
    complete(s, "OK", format, args);
    va_end(args);
}

void imapd_ok(struct imapd_session *s)
{
    /* Exchange leaves UID out of the completion's text; Google says "Success". */
    imapd_ok_text(s, imapd_is_google(s) ? "Success" : "%s completed.", s->verb);
}

void imapd_ok_code(struct imapd_session *s, const char *code)
{
    s->bad_commands = 0;
    imapd_sync(s, may_tell_expunges(s));
    link_say(&s->link, "%s OK %s%s completed.", s->tag, code, s->verb);
}

void imapd_no(struct imapd_session *s, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complete(s, "NO", format, args);
    va_end(args);
}

void imapd_bad(struct imapd_session *s, const char *text)
{
    uint64_t allowed = switches_number(s->sandbox->switches, SWITCH_IMAP_BAD_COMMANDS);
    link_say(&s->link, "%s BAD %s", s->tag, text);
    if (allowed > 0 && ++s->bad_commands >= allowed)
        imapd_bye(s, "Connection closed. 14");
}

void imapd_bad_arguments(struct imapd_session *s)
{
    imapd_bad(s, imapd_is_google(s) ? "Could not parse command" : "Command Argument Error. 11");
}

void imapd_not_connected(struct imapd_session *s)
{
    bool is_no = switches_is(s->sandbox->switches, SWITCH_IMAP_NOT_CONNECTED, "NO");
    link_say(&s->link, "%s %s User is authenticated but not connected.", s->tag, is_no ? "NO" : "BAD");
}

void imapd_bye(struct imapd_session *s, const char *text)
{
    link_say(&s->link, "* BYE %s", text);
    s->link.ends_after = true;
}

void imapd_say_injected(struct imapd_session *s, const char *reply)
{
    bool is_bare = strncmp(reply, "raw:", 4) == 0;
    if (is_bare || *reply == '*' || *reply == '+')
        link_say(&s->link, "%s", reply + (is_bare ? 4 : 0));
    else
        link_say(&s->link, "%s %s", s->tag, reply);
    s->link.ends_after = strncmp(reply, "* BYE", 5) == 0;
}

bool imapd_injected(struct imapd_session *s, const char *step, struct bytes line)
{
    char reply[512];
    if (!link_injected(&s->link, step, line, reply))
        return false;
    if (*reply != 0)
        imapd_say_injected(s, reply);
    return true;
}
