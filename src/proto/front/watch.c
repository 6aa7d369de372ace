/* proto/front/watch.c - the frame of the three watches: a line of the server's is judged by its front, passed on where it stands if it
 * is of no concern, and otherwise held until it is whole. What is of concern is in watch_imap.c, watch_pop3.c and watch_smtp.c. */
#include "proto/front/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "proto/front/watch_private.h"

#define LINE_TOLD 1000

static const struct watch_kind *const kinds[] = {
    [FRONT_IMAP] = &watch_imap,
    [FRONT_POP3] = &watch_pop3,
    [FRONT_SMTP] = &watch_smtp,
};

/* What comes in one call: all before `at` is judged, all before `passed` is with the client. */
struct input {
    struct bytes in;
    size_t at, passed;
};

struct watch *watch_new(enum front_protocol p, const char *without, const struct watch_host *host, void *ctx)
{
    struct watch *w = mem_alloc(sizeof *w);
    w->kind = kinds[p];
    w->protocol = p;
    w->host = *host;
    w->ctx = ctx;
    w->without = mem_strdup(without ? without : "");
    buf_init(&w->held, WATCH_HOLD);
    if (p == FRONT_SMTP)
        buf_init(&w->smtp.hello, WATCH_HOLD);
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    if (w->protocol == FRONT_SMTP) {
        watch_queue_fini(&w->smtp.queue);
        buf_fini(&w->smtp.hello);
    } else if (w->protocol == FRONT_POP3) {
        watch_queue_fini(&w->pop3.queue);
    }
    buf_fini(&w->held);
    free(w->without);
    free(w);
}

void watch_emit(struct watch *w, struct bytes out)
{
    if (out.size > 0)
        w->host.to_client(w->ctx, out);
}

void watch_tell(struct watch *w, enum watch_event what, struct bytes line)
{
    while (line.size > 0 && (line.data[line.size - 1] == '\r' || line.data[line.size - 1] == '\n'))
        line.size--;
    if (w->told & 1u << what)
        return;
    w->told |= 1u << what;
    if (w->host.event)
        w->host.event(w->ctx, what, bytes_slice(line, 0, LINE_TOLD));
}

bool watch_says(struct bytes line, const char *words)
{
    for (size_t size = strlen(words); line.size >= size; line = bytes_slice(line, 1, line.size))
        if (bytes_starts_nocase(line, words))
            return true;
    return false;
}

bool watch_says_throttled(struct bytes line)
{
    return watch_says(line, "throttled") || watch_says(line, "Backoff Time") || watch_says(line, "limit exceeded") ||
           watch_says(line, "exceeded the configured limit") || watch_says(line, "Server busy");
}

static void pass_pending(struct watch *w, struct input *i)
{
    watch_emit(w, bytes_slice(i->in, i->passed, i->at));
    i->passed = i->at;
}

/* The line's part that is there, up to and with its end if that has come. `before` is the octet in front of it. */
static struct bytes line_piece(const struct watch *w, struct bytes in, uint8_t before, bool *is_whole)
{
    *is_whole = false;
    for (size_t at = 0; at < in.size;) {
        const uint8_t *lf = memchr(in.data + at, '\n', in.size - at);
        if (!lf)
            break;
        at = (size_t)(lf - in.data) + 1;
        if (w->kind->needs_cr && (at > 1 ? in.data[at - 2] : before) != '\r')
            continue;
        *is_whole = true;
        return bytes_slice(in, 0, at);
    }
    return in;
}

static struct bytes rest_of(const struct input *i)
{
    return (struct bytes){ i->in.data + i->at, i->in.size - i->at };
}

/* The line passes where it stands; the front that was held, if any, is with the client. */
static void go_on_in_line(struct watch *w, struct bytes piece, bool is_whole)
{
    w->tail.size = 0;
    if (is_whole) {
        w->mode = WATCH_LINE_START;
        w->kind->ended(w, piece);
        return;
    }
    w->mode = WATCH_LINE;
    watch_tail_add(&w->tail, piece);
}

static void too_long(struct watch *w)
{
    if (w->kind->too_long)
        w->kind->too_long(w);
}

static void hold(struct watch *w, struct input *i, struct bytes piece, bool is_decided)
{
    pass_pending(w, i);
    buf_add_bytes(&w->held, piece);
    w->is_decided = is_decided;
    w->mode = WATCH_HELD;
    i->at = i->passed = i->in.size;
}

static void take_line_start(struct watch *w, struct input *i)
{
    bool is_whole;
    struct bytes piece = line_piece(w, rest_of(i), 0, &is_whole);
    enum watch_verdict v = w->kind->judge(w, piece, is_whole);
    if (v != WATCH_PASS && piece.size > WATCH_HOLD)
        too_long(w);
    if (v == WATCH_PASS || piece.size > WATCH_HOLD) {
        i->at += piece.size;
        go_on_in_line(w, piece, is_whole);
    } else if (!is_whole) {
        hold(w, i, piece, v == WATCH_KEEP);
    } else {
        pass_pending(w, i);
        w->kind->line(w, piece);
        i->at += piece.size;
        i->passed = i->at;
    }
}

static void take_line(struct watch *w, struct input *i)
{
    bool is_whole;
    struct bytes piece = line_piece(w, rest_of(i), w->tail.size ? w->tail.data[w->tail.size - 1] : 0, &is_whole);
    i->at += piece.size;
    watch_tail_add(&w->tail, piece);
    if (!is_whole)
        return;
    w->mode = WATCH_LINE_START;
    w->kind->ended(w, (struct bytes){ w->tail.data, w->tail.size });
    w->tail.size = 0;
}

static void let_go(struct watch *w, bool is_whole)
{
    struct buf line = w->held;
    buf_init(&w->held, WATCH_HOLD);
    watch_emit(w, buf_bytes(&line));
    go_on_in_line(w, buf_bytes(&line), is_whole);
    buf_fini(&line);
}

static void take_held(struct watch *w, struct input *i)
{
    bool is_whole;
    struct bytes piece = line_piece(w, rest_of(i), w->held.data[w->held.size - 1], &is_whole);
    if (!buf_add_bytes(&w->held, piece)) {
        too_long(w);
        let_go(w, false);
        return;
    }
    i->at += piece.size;
    i->passed = i->at;
    enum watch_verdict v = w->is_decided ? WATCH_KEEP : w->kind->judge(w, buf_bytes(&w->held), is_whole);
    w->is_decided = v == WATCH_KEEP;
    if (v == WATCH_PASS) {
        let_go(w, is_whole);
    } else if (is_whole) {
        struct buf line = w->held;
        buf_init(&w->held, WATCH_HOLD);
        w->mode = WATCH_LINE_START;
        w->kind->line(w, buf_bytes(&line));
        buf_fini(&line);
    }
}

/* Lines that were gathered go first, then the one that is held. */
static void pass_all(struct watch *w, struct bytes in)
{
    too_long(w);
    watch_emit(w, buf_bytes(&w->held));
    buf_release(&w->held);
    watch_emit(w, in);
}

void watch_from_server(struct watch *w, struct bytes in)
{
    struct input i = { in, 0, 0 };
    while (i.at < in.size && !w->is_blind) {
        switch (w->mode) {
        case WATCH_LINE_START:
            take_line_start(w, &i);
            break;
        case WATCH_LINE:
            take_line(w, &i);
            break;
        case WATCH_HELD:
            take_held(w, &i);
            break;
        case WATCH_OVER:
            i.at += w->kind->step_over(w, rest_of(&i));
            break;
        }
    }
    if (w->is_blind)
        pass_all(w, bytes_slice(in, i.passed, in.size));
    else
        pass_pending(w, &i);
}

void watch_from_client(struct watch *w, struct bytes in)
{
    if (!w->is_blind && in.size > 0)
        w->kind->from_client(w, in);
}

bool watch_is_between(const struct watch *w)
{
    return !w->is_blind && w->mode == WATCH_LINE_START && w->command.size == 0 && w->kind->is_between(w);
}

bool watch_is_at_start(const struct watch *w)
{
    bool is_at_line = w->mode == WATCH_LINE_START || w->mode == WATCH_HELD;
    return !w->is_blind && is_at_line && (!w->kind->is_at_start || w->kind->is_at_start(w));
}
