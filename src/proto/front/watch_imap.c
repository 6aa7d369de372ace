/* proto/front/watch_imap.c - IMAP passing by (RFC 9051, 3501; 2177, 7888). A response may go over many lines with literals in
 * between; only where one begins is anything of concern, so that no line of a message is ever taken for one. */
#include <string.h>

#include "proto/front/watch_private.h"

/* A tag longer than that is none. */
#define TAG_LIMIT 256
#define CODE " [CAPABILITY "

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* The size of "{5}" or "~{5}" in front of the line's end; of the client's also "{5+}". */
static bool literal_at_end(struct bytes line, uint64_t *size, bool *is_sync)
{
    size_t end = line.size, from;
    if (end > 0 && line.data[end - 1] == '\n')
        end--;
    if (end > 0 && line.data[end - 1] == '\r')
        end--;
    if (end < 3 || line.data[--end] != '}')
        return false;
    *is_sync = line.data[end - 1] != '+';
    if (!*is_sync)
        end--;
    for (from = end; from > 0 && is_digit(line.data[from - 1]);)
        from--;
    if (from == end || from == 0 || line.data[from - 1] != '{')
        return false;
    *size = 0;
    for (; from < end; from++)
        if (__builtin_mul_overflow(*size, 10, size) || __builtin_add_overflow(*size, line.data[from] - '0', size))
            return false;
    return true;
}

/* Compares as far as both go. */
enum likeness { IS_NOT, MAY_BECOME, IS };

static enum likeness likeness(struct bytes text, const char *to)
{
    struct bytes whole = bytes_of(to);
    if (text.size >= whole.size)
        return bytes_starts_nocase(text, to) ? IS : IS_NOT;
    return bytes_equal_nocase(text, bytes_slice(whole, 0, text.size)) ? MAY_BECOME : IS_NOT;
}

/* What a status response is: text without literals. Only its list of capabilities is of concern if it is good news. */
static enum watch_verdict judge_status(struct watch *w, struct bytes rest, bool is_whole, bool *is_status)
{
    static const char *const bad[] = { "NO ", "BAD ", "BYE " };
    static const char *const good[] = { "OK", "PREAUTH" };
    bool may_become = false;
    *is_status = true;
    for (size_t n = 0; n < sizeof bad / sizeof *bad; n++) {
        enum likeness like = likeness(rest, bad[n]);
        if (like == IS)
            return WATCH_KEEP;
        may_become |= like == MAY_BECOME;
    }
    for (size_t n = 0; n < sizeof good / sizeof *good; n++) {
        enum likeness like = likeness(rest, good[n]);
        may_become |= like == MAY_BECOME;
        if (like != IS)
            continue;
        like = likeness(bytes_slice(rest, strlen(good[n]), rest.size), CODE);
        return like == IS ? WATCH_KEEP : like == IS_NOT || is_whole ? WATCH_PASS : WATCH_MORE;
    }
    *is_status = false;
    return may_become && !is_whole ? WATCH_MORE : WATCH_PASS;
}

static enum watch_verdict judge_untagged(struct watch *w, struct bytes line, bool is_whole)
{
    struct bytes rest = bytes_slice(line, 2, line.size);
    bool is_status;
    w->imap.has_literals = true;
    if (rest.size == 0 && !is_whole)
        return WATCH_MORE;
    if (line.data[1] != ' ' || is_digit(rest.data[0]))
        return WATCH_PASS;
    enum likeness like = likeness(rest, "CAPABILITY ");
    if (like == IS || (like == MAY_BECOME && !is_whole)) {
        w->imap.has_literals = like != IS;
        return like == IS ? WATCH_KEEP : WATCH_MORE;
    }
    enum watch_verdict v = judge_status(w, rest, is_whole, &is_status);
    w->imap.has_literals = !is_status;
    return v;
}

/* The end of a command. If that is the one whose literal waits to be called for, the literal never comes. */
static void heard_tag(struct watch *w, struct bytes tag)
{
    struct watch_imap *m = &w->imap;
    if (m->outstanding > 0)
        m->outstanding--;
    if (!bytes_equal(tag, bytes_of(m->tag)))
        return;
    m->is_idle = false;
    if (m->awaits_go_ahead) {
        m->awaits_go_ahead = m->is_continued = false;
        m->client_literal = 0;
    }
}

static enum watch_verdict judge_tagged(struct watch *w, struct bytes line, bool is_whole)
{
    const uint8_t *blank = memchr(line.data, ' ', line.size < TAG_LIMIT ? line.size : TAG_LIMIT);
    w->imap.has_literals = true;
    if (!blank)
        return is_whole || line.size >= TAG_LIMIT ? WATCH_PASS : WATCH_MORE;
    size_t size = (size_t)(blank - line.data);
    bool is_status;
    enum watch_verdict v = judge_status(w, bytes_slice(line, size + 1, line.size), is_whole, &is_status);
    w->imap.has_literals = !is_status;
    if (v != WATCH_MORE && is_status)
        heard_tag(w, bytes_slice(line, 0, size));
    return v;
}

static enum watch_verdict judge(struct watch *w, struct bytes line, bool is_whole)
{
    if (line.data[0] == '*')
        return judge_untagged(w, line, is_whole);
    if (line.data[0] != '+')
        return judge_tagged(w, line, is_whole);
    w->imap.has_literals = w->imap.awaits_go_ahead = false;
    return WATCH_PASS;
}

static void ended(struct watch *w, struct bytes tail)
{
    uint64_t size;
    bool is_sync;
    if (!w->imap.has_literals || !literal_at_end(tail, &size, &is_sync))
        return;
    w->imap.server_literal = size;
    w->mode = size > 0 ? WATCH_OVER : WATCH_LINE;
}

/* Behind a literal the response goes on: that is no line's start. */
static size_t step_over(struct watch *w, struct bytes in)
{
    size_t used = in.size < w->imap.server_literal ? in.size : (size_t)w->imap.server_literal;
    w->imap.server_literal -= used;
    if (w->imap.server_literal == 0)
        w->mode = WATCH_LINE;
    return used;
}

/* The list goes to the client without what is unfit; false: all of it is fit. */
static bool emit_fit(struct watch *w, struct bytes line, size_t from)
{
    struct buf out;
    bool is_changed = false;
    size_t at = from;
    buf_init(&out, line.size);
    buf_add_bytes(&out, bytes_slice(line, 0, from));
    while (at < line.size && !strchr("]\r\n", line.data[at])) {
        size_t begin = at, end;
        while (at < line.size && line.data[at] == ' ')
            at++;
        for (end = at; end < line.size && !strchr(" ]\r\n", line.data[end]);)
            end++;
        bool is_unfit = end > at && watch_is_unfit(FRONT_IMAP, bytes_slice(line, at, end), w->without);
        /* The blank in front goes with the name; the first name has none in front and leaves the one behind. */
        if (is_unfit && begin == at && end < line.size && line.data[end] == ' ')
            end++;
        if (is_unfit)
            is_changed = true;
        else
            buf_add_bytes(&out, bytes_slice(line, begin, end));
        at = end;
    }
    buf_add_bytes(&out, bytes_slice(line, at, line.size));
    if (is_changed)
        watch_emit(w, buf_bytes(&out));
    buf_fini(&out);
    return is_changed;
}

static void tell_of(struct watch *w, struct bytes line)
{
    bool is_bye = bytes_starts_nocase(line, "* BYE ");
    if (watch_says(line, "authenticated but not connected"))
        watch_tell(w, WATCH_NOT_CONNECTED, line);
    else if (watch_says_throttled(line))
        watch_tell(w, WATCH_THROTTLED, line);
    if (is_bye && watch_says(line, "AccessTokenExpired"))
        watch_tell(w, WATCH_TOKEN_EXPIRED, line);
    else if (is_bye && !w->imap.is_leaving)
        watch_tell(w, WATCH_BYE, line);
}

/* "* CAPABILITY list", "tag OK [CAPABILITY list] text", or bad news. */
static void take_line(struct watch *w, struct bytes line)
{
    size_t code = SIZE_MAX, first = bytes_find(line, BYTES_LIT(" "));
    if (bytes_starts_nocase(line, "* CAPABILITY ")) {
        code = strlen("* CAPABILITY ");
    } else {
        size_t bracket = bytes_find(line, BYTES_LIT("["));
        if (bracket != SIZE_MAX && bracket - first <= strlen(" PREAUTH ") &&
            bytes_starts_nocase(bytes_slice(line, bracket, line.size), "[CAPABILITY "))
            code = bracket + strlen("[CAPABILITY ");
        else
            tell_of(w, line);
    }
    if (code == SIZE_MAX || !emit_fit(w, line, code))
        watch_emit(w, line);
}

/* Between commands, or in the line that ends IDLE. */
static void heard_command(struct watch *w)
{
    struct watch_imap *m = &w->imap;
    struct bytes tag = watch_command_word(w, 0), verb = watch_command_word(w, 1);
    if (m->is_idle && bytes_equal_nocase(tag, BYTES_LIT("DONE"))) {
        m->is_idle = false;
        return;
    }
    m->outstanding++;
    tag = bytes_slice(tag, 0, sizeof m->tag - 1);
    if (tag.size > 0)
        memcpy(m->tag, tag.data, tag.size);
    m->tag[tag.size] = 0;
    if (bytes_equal_nocase(verb, BYTES_LIT("IDLE"))) {
        m->is_idle = true;
    } else if (bytes_equal_nocase(verb, BYTES_LIT("LOGOUT"))) {
        m->is_leaving = true;
        watch_tell(w, WATCH_SIGNED_OUT, (struct bytes){ (const uint8_t *)w->command.head, w->command.head_size });
    } else if (bytes_equal_nocase(verb, BYTES_LIT("COMPRESS"))) {
        w->is_blind = true;
    }
}

static void heard_line(struct watch *w)
{
    struct watch_imap *m = &w->imap;
    struct bytes tail = { w->command.tail.data, w->command.tail.size };
    bool is_sync = false, has_literal = literal_at_end(tail, &m->client_literal, &is_sync);
    if (!m->is_continued)
        heard_command(w);
    m->is_continued = has_literal;
    m->awaits_go_ahead = has_literal && is_sync;
    if (!has_literal)
        m->client_literal = 0;
    watch_command_clear(w);
}

static void from_client(struct watch *w, struct bytes in)
{
    struct watch_imap *m = &w->imap;
    while (in.size > 0 && !w->is_blind) {
        size_t used;
        bool is_whole = false;
        if (m->client_literal > 0) {
            used = in.size < m->client_literal ? in.size : (size_t)m->client_literal;
            m->client_literal -= used;
        } else {
            used = watch_command_take(w, in, &is_whole);
        }
        if (is_whole)
            heard_line(w);
        in = bytes_slice(in, used, in.size);
    }
}

static bool is_between(const struct watch *w)
{
    return !w->imap.is_continued && (w->imap.outstanding == 0 || w->imap.is_idle);
}

const struct watch_kind watch_imap = {
    .needs_cr = true,
    .judge = judge,
    .line = take_line,
    .ended = ended,
    .step_over = step_over,
    .from_client = from_client,
    .is_between = is_between,
};
