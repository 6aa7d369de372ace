/* proto/pop3/commands.c - what is done once signed in: how each command is said, and what its answer holds. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "proto/pop3/client_private.h"

#define DIGITS 20

static void start(struct pop3_client *c, enum pop3_step step)
{
    if (c->step == STEP_OVER || c->step == STEP_QUIT)
        return;
    assert(c->step == STEP_READY);
    pop3_client_enter_and_flush(c, step);
}

static void start_on(struct pop3_client *c, enum pop3_step step, uint32_t number)
{
    c->number = number;
    c->is_wanted = true;
    start(c, step);
}

enum pop3_step pop3_heard_command(struct pop3_client *c, const struct pop3_reply *r)
{
    if (!r->is_ok && c->host.refused)
        c->host.refused(c->ctx, pop3_client_when(c), r);
    return STEP_READY;
}

/* A word off the front of `text`. */
static struct bytes take_word(struct bytes *text)
{
    *text = bytes_trim(*text);
    const uint8_t *blank = text->size ? memchr(text->data, ' ', text->size) : NULL;
    struct bytes word = bytes_slice(*text, 0, blank ? (size_t)(blank - text->data) : text->size);
    *text = bytes_slice(*text, word.size, text->size);
    return word;
}

static bool take_number(struct bytes *text, uint64_t max, uint64_t *number)
{
    char digits[DIGITS + 1] = "";
    struct bytes word = take_word(text);
    if (word.size == 0 || word.size > DIGITS || memchr(word.data, 0, word.size))
        return false;
    memcpy(digits, word.data, word.size);
    return text_to_u64(digits, max, number);
}

void pop3_client_stat(struct pop3_client *c)
{
    start(c, STEP_STAT);
}

void pop3_say_stat(struct pop3_client *c)
{
    pop3_client_say(c, "STAT");
}

enum pop3_step pop3_heard_stat(struct pop3_client *c, const struct pop3_reply *r)
{
    uint64_t messages, octets;
    struct bytes text = bytes_of(r->text);
    if (!r->is_ok)
        return pop3_heard_command(c, r);
    if (!take_number(&text, UINT32_MAX, &messages) || !take_number(&text, UINT64_MAX, &octets))
        return pop3_client_breach(c, "a count of messages that can't be read", bytes_of(r->text));
    if (c->host.counted)
        c->host.counted(c->ctx, (uint32_t)messages, octets);
    return STEP_READY;
}

void pop3_client_uidl(struct pop3_client *c)
{
    start(c, STEP_UIDL);
}

void pop3_say_uidl(struct pop3_client *c)
{
    pop3_client_say(c, "UIDL");
}

/* RFC 1939 7: 1 to 70 characters of printable ASCII; servers are known to be more generous in length. */
bool pop3_line_of_uidl(struct pop3_client *c, struct bytes line)
{
    char uidl[POP3_LINE_LIMIT + 1] = "";
    uint64_t number;
    if (!take_number(&line, UINT32_MAX, &number))
        return false;
    struct bytes word = take_word(&line);
    if (word.size == 0)
        return false;
    memcpy(uidl, word.data, word.size);
    if (!text_is_ascii(word) || !text_is_line(uidl) || strlen(uidl) != word.size)
        return false;
    if (c->host.unique)
        c->host.unique(c->ctx, (uint32_t)number, uidl);
    return true;
}

void pop3_client_list(struct pop3_client *c)
{
    start(c, STEP_LIST);
}

void pop3_say_list(struct pop3_client *c)
{
    pop3_client_say(c, "LIST");
}

bool pop3_line_of_list(struct pop3_client *c, struct bytes line)
{
    uint64_t number, octets;
    if (!take_number(&line, UINT32_MAX, &number) || !take_number(&line, UINT64_MAX, &octets))
        return false;
    if (c->host.sized)
        c->host.sized(c->ctx, (uint32_t)number, octets);
    return true;
}

void pop3_client_top(struct pop3_client *c, uint32_t number)
{
    start_on(c, STEP_TOP, number);
}

void pop3_say_top(struct pop3_client *c)
{
    pop3_client_say(c, "TOP %u 0", c->number);
}

void pop3_client_retrieve(struct pop3_client *c, uint32_t number)
{
    start_on(c, STEP_RETRIEVE, number);
}

void pop3_say_retrieve(struct pop3_client *c)
{
    pop3_client_say(c, "RETR %u", c->number);
}

void pop3_client_delete(struct pop3_client *c, uint32_t number)
{
    start_on(c, STEP_DELETE, number);
}

void pop3_say_delete(struct pop3_client *c)
{
    pop3_client_say(c, "DELE %u", c->number);
}

void pop3_client_noop(struct pop3_client *c)
{
    start(c, STEP_NOOP);
}

void pop3_say_noop(struct pop3_client *c)
{
    pop3_client_say(c, "NOOP");
}

/* In the midst of a command its answer would be taken for QUIT's, and deletions for done: then hanging up is the way to leave. */
void pop3_client_quit(struct pop3_client *c)
{
    if (c->step == STEP_OVER || c->step == STEP_QUIT)
        return;
    pop3_client_forget(c);
    if (c->step == STEP_READY || c->step == STEP_CREDENTIAL || c->step == STEP_REFUSED)
        pop3_client_enter_and_flush(c, STEP_QUIT);
    else
        c->step = STEP_OVER;
}

void pop3_say_quit(struct pop3_client *c)
{
    pop3_client_say(c, "QUIT");
}

/* Only +OK promises that deletions took effect (RFC 1939 6). Without a sign-in there were none. */
enum pop3_step pop3_heard_quit(struct pop3_client *c, const struct pop3_reply *r)
{
    if (!r->is_ok && c->is_signed_in)
        return pop3_client_fail(c, r, FAULT_RETRY, "", "the server did not delete what it was told to: %.300s",
                                r->text);
    c->step = STEP_OVER;
    if (c->host.ended)
        c->host.ended(c->ctx);
    return STEP_OVER;
}
