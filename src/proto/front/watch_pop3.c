/* proto/front/watch_pop3.c - POP3 passing by (RFC 1939, 2449). Which answers have more lines than one is known from the commands, so
 * these are remembered in their order; a message is stepped over to its CRLF.CRLF. */
#include <string.h>

#include "proto/front/watch_private.h"

/* Commands, by how they are answered. 0 is none. */
enum { ONE_LINE = 1, MESSAGE, LIST_OF_CAPABILITIES };

static enum watch_verdict judge_status(struct watch *w, struct bytes line, bool is_whole)
{
    struct watch_pop3 *p = &w->pop3;
    if (line.data[0] == '-')
        return WATCH_KEEP;
    if (line.size < 3 && !is_whole)
        return WATCH_MORE;
    p->is_ok = bytes_starts_nocase(line, "+OK");
    return WATCH_PASS;
}

static enum watch_verdict judge(struct watch *w, struct bytes line, bool is_whole)
{
    return w->pop3.is_list ? WATCH_KEEP : judge_status(w, line, is_whole);
}

/* A status line that is not bad news. A "+ " calls for more of a command, which is not answered by that. */
static void ended(struct watch *w, struct bytes tail)
{
    struct watch_pop3 *p = &w->pop3;
    uint8_t command = watch_queue_first(&p->queue);
    if (p->is_list || !p->is_ok)
        return;
    watch_queue_pop(&p->queue);
    p->is_list = command == LIST_OF_CAPABILITIES;
    if (command == MESSAGE) {
        watch_dot_begin(&p->dot);
        w->mode = WATCH_OVER;
    }
}

static size_t step_over(struct watch *w, struct bytes in)
{
    bool is_over;
    size_t used = watch_dot_take(&w->pop3.dot, in, &is_over);
    if (is_over)
        w->mode = WATCH_LINE_START;
    return used;
}

static void take_capability(struct watch *w, struct bytes line)
{
    struct bytes name = bytes_trim(line);
    w->pop3.is_list = !bytes_equal(name, BYTES_LIT("."));
    if (!w->pop3.is_list || !watch_is_unfit(FRONT_POP3, name, w->without))
        watch_emit(w, line);
}

static void take_bad_news(struct watch *w, struct bytes line)
{
    bool is_asked_for = watch_queue_first(&w->pop3.queue) != 0;
    watch_queue_pop(&w->pop3.queue);
    watch_emit(w, line);
    if (watch_says(line, "authenticated but not connected"))
        watch_tell(w, WATCH_NOT_CONNECTED, line);
    else if (watch_says_throttled(line))
        watch_tell(w, WATCH_THROTTLED, line);
    if (watch_says(line, "AccessTokenExpired"))
        watch_tell(w, WATCH_TOKEN_EXPIRED, line);
    else if (!is_asked_for || watch_says(line, "connection is closed") || watch_says(line, "connection closed"))
        watch_tell(w, WATCH_BYE, line);
}

static void take_line(struct watch *w, struct bytes line)
{
    if (w->pop3.is_list)
        take_capability(w, line);
    else
        take_bad_news(w, line);
}

static uint8_t kind_of(struct bytes verb, bool has_argument)
{
    if (bytes_equal_nocase(verb, BYTES_LIT("CAPA")))
        return LIST_OF_CAPABILITIES;
    if (bytes_equal_nocase(verb, BYTES_LIT("RETR")) || bytes_equal_nocase(verb, BYTES_LIT("TOP")))
        return MESSAGE;
    bool is_list = bytes_equal_nocase(verb, BYTES_LIT("LIST")) || bytes_equal_nocase(verb, BYTES_LIT("UIDL"));
    return is_list && !has_argument ? MESSAGE : ONE_LINE;
}

static void heard_command(struct watch *w)
{
    struct bytes verb = watch_command_word(w, 0);
    if (!watch_queue_push(&w->pop3.queue, kind_of(verb, watch_command_word(w, 1).size > 0)))
        w->is_blind = true;
    if (bytes_equal_nocase(verb, BYTES_LIT("QUIT")))
        watch_tell(w, WATCH_SIGNED_OUT, (struct bytes){ (const uint8_t *)w->command.head, w->command.head_size });
    watch_command_clear(w);
}

static void from_client(struct watch *w, struct bytes in)
{
    while (in.size > 0 && !w->is_blind) {
        bool is_whole;
        size_t used = watch_command_take(w, in, &is_whole);
        if (is_whole)
            heard_command(w);
        in = bytes_slice(in, used, in.size);
    }
}

static bool is_between(const struct watch *w)
{
    return !w->pop3.is_list && watch_queue_first(&w->pop3.queue) == 0;
}

static bool is_at_start(const struct watch *w)
{
    return !w->pop3.is_list;
}

const struct watch_kind watch_pop3 = {
    .judge = judge,
    .line = take_line,
    .ended = ended,
    .step_over = step_over,
    .from_client = from_client,
    .is_between = is_between,
    .is_at_start = is_at_start,
};
