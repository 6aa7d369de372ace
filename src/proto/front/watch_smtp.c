/* proto/front/watch_smtp.c - SMTP passing by (RFC 5321, 3030). Commands are remembered in their order, so that the reply to EHLO is known
 * from others; the octets of messages are stepped over, so that none of their lines is taken for a command. */
#include <string.h>

#include "proto/front/watch_private.h"

/* Commands, by what their reply may mean. 0 is none. */
enum { HELLO = 1, SENDER, RECIPIENT, DATA, MESSAGE, OTHER };

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The reply is too long to be held as a whole, or is none: what is there of it goes on as it is. */
static void give_up_hello(struct watch *w)
{
    if (w->smtp.hello.size == 0)
        return;
    watch_emit(w, buf_bytes(&w->smtp.hello));
    buf_release(&w->smtp.hello);
    w->smtp.is_hello_long = true;
}

/* A reply's line: its code counts on the first, and whether more follow. */
static enum watch_verdict judge(struct watch *w, struct bytes line, bool is_whole)
{
    struct watch_smtp *s = &w->smtp;
    if (line.size < 4 && !is_whole)
        return WATCH_MORE;
    bool is_reply = line.size > 3 && is_digit(line.data[0]) && is_digit(line.data[1]) && is_digit(line.data[2]);
    s->is_last = !is_reply || line.data[3] != '-';
    s->code = is_reply ? (line.data[0] - '0') * 100 + (line.data[1] - '0') * 10 + (line.data[2] - '0') : 0;
    bool is_hello = watch_queue_first(&s->queue) == HELLO && s->code == 250 && !s->is_hello_long;
    if (!is_hello)
        give_up_hello(w);
    return is_hello || (s->code >= 400 && !s->is_within) ? WATCH_KEEP : WATCH_PASS;
}

static void end_line(struct watch *w)
{
    struct watch_smtp *s = &w->smtp;
    s->is_within = !s->is_last;
    if (!s->is_last)
        return;
    s->is_hello_long = false;
    if (watch_queue_first(&s->queue) == DATA) {
        s->awaits_go_ahead = false;
        if (s->code == 354 && s->client == WATCH_COMMANDS) {
            s->client = WATCH_BODY;
            watch_dot_begin(&s->dot);
        }
    }
    watch_queue_pop(&s->queue);
}

static void ended(struct watch *w, struct bytes tail)
{
    end_line(w);
}

static struct bytes take_text_line(struct bytes *rest)
{
    size_t size = bytes_find(*rest, BYTES_LIT("\n"));
    struct bytes line = bytes_slice(*rest, 0, size == SIZE_MAX ? rest->size : size + 1);
    *rest = bytes_slice(*rest, line.size, rest->size);
    return line;
}

static void mark(uint8_t *line, uint8_t sign)
{
    if (line[3] == ' ' || line[3] == '-')
        line[3] = sign;
}

/* The first line is the server's name. Whether a line is the last stands in front of it, so each goes out once the next is known. */
static void emit_hello(struct watch *w)
{
    struct buf out, reply = w->smtp.hello;
    struct bytes rest = buf_bytes(&reply), line;
    size_t last = 0;
    buf_init(&w->smtp.hello, WATCH_HOLD);
    buf_init(&out, reply.size);
    while ((line = take_text_line(&rest)).size > 0) {
        if (out.size > 0 && watch_is_unfit(FRONT_SMTP, bytes_slice(line, 4, line.size), w->without))
            continue;
        last = out.size;
        buf_add_bytes(&out, line);
        mark(out.data + last, '-');
    }
    mark(out.data + last, ' ');
    watch_emit(w, buf_bytes(&out));
    buf_fini(&out);
    buf_fini(&reply);
}

static void tell_of(struct watch *w, struct bytes line)
{
    uint8_t command = watch_queue_first(&w->smtp.queue);
    bool is_about_mail = command == SENDER || command == DATA || command == MESSAGE;
    bool is_throttled = watch_says_throttled(line);
    if (is_throttled)
        watch_tell(w, WATCH_THROTTLED, line);
    if (w->smtp.code == 421)
        watch_tell(w, WATCH_BYE, line);
    else if (is_about_mail && !is_throttled && w->smtp.code > 504)
        watch_tell(w, WATCH_REFUSED, line);
}

static void take_line(struct watch *w, struct bytes line)
{
    struct watch_smtp *s = &w->smtp;
    if (s->code >= 400) {
        tell_of(w, line);
        watch_emit(w, line);
    } else if (!buf_add_bytes(&s->hello, line)) {
        give_up_hello(w);
        watch_emit(w, line);
    } else if (s->is_last) {
        emit_hello(w);
    }
    end_line(w);
}

/* "BDAT 1000 LAST": so many octets follow at once. */
static bool begin_chunk(struct watch *w)
{
    struct watch_smtp *s = &w->smtp;
    struct bytes digits = watch_command_word(w, 1);
    s->chunk_left = 0;
    for (size_t i = 0; i < digits.size; i++)
        if (!is_digit(digits.data[i]) || __builtin_mul_overflow(s->chunk_left, 10, &s->chunk_left) ||
            __builtin_add_overflow(s->chunk_left, digits.data[i] - '0', &s->chunk_left))
            return false;
    if (s->chunk_left > 0)
        s->client = WATCH_CHUNK;
    return digits.size > 0;
}

static void push(struct watch *w, uint8_t kind)
{
    if (!watch_queue_push(&w->smtp.queue, kind))
        w->is_blind = true;
}

static void heard_command(struct watch *w)
{
    static const struct {
        const char *name;
        uint8_t kind;
    } kinds[] = { { "EHLO", HELLO },     { "HELO", OTHER }, { "MAIL", SENDER },
                  { "RCPT", RECIPIENT }, { "DATA", DATA },  { "BDAT", MESSAGE } };
    struct bytes verb = watch_command_word(w, 0);
    uint8_t kind = OTHER;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (bytes_equal_nocase(verb, bytes_of(kinds[i].name)))
            kind = kinds[i].kind;
    push(w, kind);
    w->smtp.awaits_go_ahead = kind == DATA;
    if (bytes_equal_nocase(verb, BYTES_LIT("BDAT")) && !begin_chunk(w))
        w->is_blind = true;
    if (bytes_equal_nocase(verb, BYTES_LIT("QUIT")))
        watch_tell(w, WATCH_SIGNED_OUT, (struct bytes){ (const uint8_t *)w->command.head, w->command.head_size });
    watch_command_clear(w);
}

static size_t take_body(struct watch *w, struct bytes in)
{
    bool is_over;
    size_t used = watch_dot_take(&w->smtp.dot, in, &is_over);
    if (is_over) {
        w->smtp.client = WATCH_COMMANDS;
        push(w, MESSAGE);
    }
    return used;
}

static size_t take_some(struct watch *w, struct bytes in)
{
    struct watch_smtp *s = &w->smtp;
    bool is_whole = false;
    size_t used;
    switch (s->client) {
    case WATCH_BODY:
        return take_body(w, in);
    case WATCH_CHUNK:
        used = in.size < s->chunk_left ? in.size : (size_t)s->chunk_left;
        s->chunk_left -= used;
        if (s->chunk_left == 0)
            s->client = WATCH_COMMANDS;
        return used;
    default:
        used = watch_command_take(w, in, &is_whole);
        if (is_whole)
            heard_command(w);
        return used;
    }
}

/* A client that does not wait for 354 sends what nobody can tell: message or commands. */
static void from_client(struct watch *w, struct bytes in)
{
    while (in.size > 0 && !w->is_blind) {
        if (w->smtp.awaits_go_ahead)
            w->is_blind = true;
        else
            in = bytes_slice(in, take_some(w, in), in.size);
    }
}

static bool is_between(const struct watch *w)
{
    const struct watch_smtp *s = &w->smtp;
    return s->client == WATCH_COMMANDS && !s->is_within && watch_queue_first(&s->queue) == 0;
}

/* Of a reply that is gathered in `hello` the client has seen nothing. */
static bool is_at_start(const struct watch *w)
{
    return !w->smtp.is_within || w->smtp.hello.size > 0;
}

const struct watch_kind watch_smtp = {
    .judge = judge,
    .line = take_line,
    .ended = ended,
    .too_long = give_up_hello,
    .from_client = from_client,
    .is_between = is_between,
    .is_at_start = is_at_start,
};
