/* A session passing by: first octet the protocol, second how what follows is cut. What follows are packets parted by 0xFE, the client's and
 * the server's in turn. Cut or whole, the client must get the same and the owner hear the same; where no name stands in the server's words
 * that is taken out, the client gets just these. IMAP is also held against a reader that has all in front of it. */
#include <string.h>

#include "fuzz.h"
#include "proto/front/watch.h"

#define ENOUGH (64u << 20)
#define PACKETS_END 0xFE
#define WITHOUT "IMAP4rev2 X="

struct bench {
    struct buf out, said, events;
    bool is_compressed;
};

static void on_to_client(void *ctx, struct bytes out)
{
    struct bench *b = ctx;
    PROMISE(out.size > 0 && buf_add_bytes(&b->out, out));
}

static void on_event(void *ctx, enum watch_event what, struct bytes line)
{
    struct bench *b = ctx;
    PROMISE(line.size <= 1000);
    buf_addf(&b->events, "%d;", what);
}

static void play(struct bench *b, enum front_protocol p, struct bytes in, size_t step)
{
    static const struct watch_host host = { .to_client = on_to_client, .event = on_event };
    struct watch *w = watch_new(p, WITHOUT, &host, b);
    bool is_server = false;
    buf_init(&b->out, ENOUGH);
    buf_init(&b->said, ENOUGH);
    buf_init(&b->events, ENOUGH);
    while (in.size > 0) {
        size_t size = bytes_find(in, (struct bytes){ (const uint8_t[]){ PACKETS_END }, 1 });
        struct bytes packet = bytes_slice(in, 0, size);
        in = bytes_slice(in, packet.size + 1, in.size);
        for (size_t at = 0; at < packet.size; at += step)
            (is_server ? watch_from_server : watch_from_client)(w, bytes_slice(packet, at, at + step));
        if (is_server)
            buf_add_bytes(&b->said, packet);
        buf_addf(&b->events, "%s", watch_is_between(w) ? "y" : "n");
        is_server = !is_server;
    }
    watch_free(w);
}

static void bench_fini(struct bench *b)
{
    buf_fini(&b->out);
    buf_fini(&b->said);
    buf_fini(&b->events);
}

static bool holds_nocase(struct bytes whole, const char *name)
{
    for (; whole.size > 0; whole = bytes_slice(whole, 1, whole.size))
        if (bytes_starts_nocase(whole, name))
            return true;
    return false;
}

static bool has_unfit(struct bytes said)
{
    static const char *const names[] = { "STARTTLS",       "LOGINDISABLED", "COMPRESS", "AUTH",      "SASL",
                                         "UNAUTHENTICATE", "STLS",          "USER",     "IMAP4rev2", "X=" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (holds_nocase(said, names[i]))
            return true;
    return false;
}

/* What is held at the end is the end of what was said. */
static void check_identity(const struct bench *b)
{
    PROMISE(b->out.size <= b->said.size && b->said.size - b->out.size <= 2 * WATCH_HOLD);
    PROMISE(b->out.size == 0 || memcmp(b->out.data, b->said.data, b->out.size) == 0);
}

/* The size of the literal that the line, with its CRLF, ends with. */
static bool literal_of(struct bytes line, uint64_t *size)
{
    size_t open = line.size;
    while (open > 0 && line.data[open - 1] != '{')
        open--;
    struct bytes inside = bytes_slice(line, open, line.size - 2);
    *size = 0;
    for (size_t i = 0; open > 0 && i < inside.size; i++) {
        uint8_t c = inside.data[i];
        if (i > 0 && (c == '}' || (c == '+' && i + 2 == inside.size && inside.data[i + 1] == '}')))
            return c == '+' || i + 1 == inside.size;
        if (c < '0' || c > '9' || __builtin_mul_overflow(*size, 10, size) ||
            __builtin_add_overflow(*size, c - '0', size))
            break;
    }
    return false;
}

static bool is_status(struct bytes line)
{
    static const char *const words[] = { "OK", "PREAUTH", "NO ", "BAD ", "BYE " };
    size_t blank = bytes_find(bytes_slice(line, 0, 256), BYTES_LIT(" "));
    struct bytes rest = bytes_slice(line, blank == SIZE_MAX ? line.size : blank + 1, line.size);
    if (line.data[0] == '+' || bytes_starts_nocase(line, "* CAPABILITY "))
        return true;
    if (line.data[0] == '*' && line.data[1] != ' ')
        return false;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_starts_nocase(rest, words[i]))
            return true;
    return false;
}

/* The next response's octets: whole lines and the literals in between. 0: its end is not there. */
static size_t response_size(struct bytes said)
{
    size_t size = 0;
    bool may_have = true;
    for (bool is_first = true;; is_first = false) {
        struct bytes rest = bytes_slice(said, size, said.size);
        size_t end = bytes_find(rest, BYTES_LIT("\r\n"));
        uint64_t literal;
        if (end == SIZE_MAX)
            return 0;
        if (is_first)
            may_have = !is_status(rest);
        size += end + 2;
        if (!may_have || !literal_of(bytes_slice(rest, 0, end + 2), &literal))
            return size;
        if (literal > said.size - size)
            return 0;
        size += literal;
    }
}

/* Responses that hold none of the names pass unchanged, and these are told from each other by all that was said. */
static void check_imap(const struct bench *b)
{
    struct bytes said = buf_bytes(&b->said), out = buf_bytes(&b->out);
    size_t size;
    while ((size = response_size(said)) > 0) {
        struct bytes response = bytes_slice(said, 0, size);
        bool is_of_concern = bytes_find(response, BYTES_LIT("\r\n")) == size - 2 &&
                             holds_nocase(response, "CAPABILITY ");
        if (is_of_concern) {
            size_t end = bytes_find(out, BYTES_LIT("\r\n"));
            PROMISE(end != SIZE_MAX && end + 2 <= size);
            out = bytes_slice(out, end + 2, out.size);
        } else {
            PROMISE(bytes_equal(bytes_slice(out, 0, size), response));
            out = bytes_slice(out, size, out.size);
        }
        said = bytes_slice(said, size, said.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bench whole, cut;
    if (size < 2)
        return 0;
    struct bytes in = { data + 2, size - 2 };
    enum front_protocol p = (enum front_protocol)(data[0] % 3);
    play(&whole, p, in, SIZE_MAX / 2);
    play(&cut, p, in, 1 + data[1] % 16);
    PROMISE(bytes_equal(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    PROMISE(bytes_equal(buf_bytes(&whole.events), buf_bytes(&cut.events)));
    if (!has_unfit(buf_bytes(&whole.said)))
        check_identity(&whole);
    if (p == FRONT_IMAP && !holds_nocase(in, "COMPRESS"))
        check_imap(&whole);
    bench_fini(&whole);
    bench_fini(&cut);
    return 0;
}
