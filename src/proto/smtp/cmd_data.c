/* proto/smtp/cmd_data.c - DATA and BDAT: when a message may come, when it is too much, and what became of it. What a message's
 * octets may be is in data.c. A refused message is swallowed to its real end, so that nothing in it is taken for commands. */
#include <string.h>

#include "base/text.h"
#include "proto/smtp/server_private.h"

#define SWALLOW_AT_LEAST (1u << 20) /* octets over the size limit before the connection is given up */

static void ask_begin(struct smtp_server *s)
{
    s->wait = WAIT_BEGIN;
    s->host.data_begin(s->ctx, &s->env);
}

void smtp_on_data(struct smtp_server *s, struct bytes args)
{
    if (args.size > 0) {
        smtp_refuse(s, "501 5.5.4 DATA takes no argument");
        return;
    }
    s->body = (struct smtp_server_body){ .is_bdat = false };
    smtp_data_init(&s->body.data, true);
    ask_begin(s);
}

static bool parse_bdat(struct bytes args, uint64_t *size, bool *is_last)
{
    char digits[21];
    size_t count = 0;
    while (count < args.size && count < sizeof digits - 1 && args.data[count] != ' ')
        count++;
    memcpy(digits, args.data, count);
    digits[count] = 0;
    struct bytes mark = bytes_trim(bytes_slice(args, count, args.size));
    *is_last = bytes_equal_nocase(mark, BYTES_LIT("LAST"));
    return text_to_u64(digits, UINT64_MAX, size) && (*is_last || mark.size == 0);
}

/* Where the octets that follow end is unknown, and they must not be taken for commands. */
static bool take_bdat(struct smtp_server *s, struct bytes args, uint64_t *size, bool *is_last)
{
    if (parse_bdat(args, size, is_last))
        return true;
    smtp_reply(s, "501 5.5.4 BDAT size [LAST] is needed\r\n421 4.7.0 Where this chunk ends is unknown, closing");
    smtp_server_quit(s);
    return false;
}

static bool is_endless(const struct smtp_server *s, uint64_t total)
{
    uint64_t limit = s->policy->size_limit;
    uint64_t more = limit > SWALLOW_AT_LEAST ? limit : SWALLOW_AT_LEAST;
    return limit && (total > UINT64_MAX - more || total > limit + more);
}

static void give_up(struct smtp_server *s)
{
    smtp_reply(s, s->body.refusal);
    smtp_reply(s, "421 4.7.0 Still sending, closing");
    smtp_server_quit(s);
}

static void refuse_size(struct smtp_server *s)
{
    unsigned long long limit = s->policy->size_limit;
    smtp_notice(s, "smtp.client.too-large", "the client sent a message over the limit of %llu octets", limit);
    s->body.refusal = arena_printf(s->mail, "552 5.3.4 The message is too large: at most %llu octets are taken", limit);
}

/* The octets of a chunk, or none, and what comes after them. */
static void enter_chunk(struct smtp_server *s, uint64_t size, bool is_last)
{
    s->body.chunk_size = s->body.chunk_left = size;
    s->body.is_last_chunk = is_last;
    smtp_server_enter(s, SMTP_CHUNK);
    uint64_t limit = s->policy->size_limit;
    uint64_t total = size > UINT64_MAX - s->body.size ? UINT64_MAX : s->body.size + size;
    if (limit && total > limit && !s->body.refusal)
        refuse_size(s);
    if (is_endless(s, total))
        give_up(s);
    else if (size == 0)
        smtp_body_feed(s, BYTES_NONE);
}

void smtp_on_bdat(struct smtp_server *s, struct bytes args)
{
    uint64_t size;
    bool is_last;
    if (!take_bdat(s, args, &size, &is_last))
        return;
    s->after_chunk = SMTP_BDAT;
    if (s->state == SMTP_BDAT) {
        enter_chunk(s, size, is_last);
        return;
    }
    s->body = (struct smtp_server_body){ .is_bdat = true, .chunk_size = size, .is_last_chunk = is_last };
    smtp_data_init(&s->body.data, false);
    ask_begin(s);
}

void smtp_bdat_refused_by_order(struct smtp_server *s, struct bytes args, const char *line)
{
    uint64_t size;
    bool is_last;
    if (!take_bdat(s, args, &size, &is_last))
        return;
    s->after_chunk = s->state;
    s->body = (struct smtp_server_body){ .is_bdat = true, .refusal = line };
    enter_chunk(s, size, is_last);
}

void smtp_begin_decided(struct smtp_server *s, const struct smtp_verdict *v)
{
    s->body.is_begun = v->code == 0;
    if (v->code == 421) {
        smtp_reply(s, smtp_verdict_line(s, v));
        smtp_server_quit(s);
    } else if (s->body.is_bdat) {
        if (v->code != 0)
            s->body.refusal = smtp_verdict_line(s, v);
        enter_chunk(s, s->body.chunk_size, s->body.is_last_chunk);
    } else if (v->code != 0) {
        smtp_reply(s, smtp_verdict_line(s, v));
        smtp_server_end_transaction(s);
    } else {
        smtp_reply(s, "354 Start mail input; end with <CRLF>.<CRLF>");
        smtp_server_enter(s, SMTP_DATA);
    }
}

/* At the end only, so that the answer does not depend on how the octets were cut on their way. */
static void judge_flaw(struct smtp_server *s)
{
    static const char *const names[] = {
        [SMTP_DATA_BARE_CR] = "bare CR", [SMTP_DATA_BARE_LF] = "bare LF", [SMTP_DATA_NUL] = "NUL"
    };
    const struct smtp_data *d = &s->body.data;
    unsigned long long line = d->flaw_line;
    if (d->flaw == SMTP_DATA_CLEAN || s->body.refusal)
        return;
    smtp_notice(s, "smtp.client.bad-octets", "line %llu of the client's message holds a %s", line, names[d->flaw]);
    if (d->flaw == SMTP_DATA_NUL)
        s->body.refusal = arena_printf(
            s->mail, "550 5.6.0 Line %llu of the message holds a NUL octet, which text can't carry", line);
    else
        s->body.refusal = arena_printf(
            s->mail, "550 5.6.11 Line %llu of the message holds a %s; lines must end with CRLF", line, names[d->flaw]);
}

static void end_body(struct smtp_server *s)
{
    struct smtp_server_body *b = &s->body;
    smtp_data_finish(&b->data);
    judge_flaw(s);
    s->env.is_8bit = s->env.is_8bit || b->data.has_8bit;
    if (!b->refusal) {
        s->wait = WAIT_END;
        s->host.data_end(s->ctx, &s->env, true);
        return;
    }
    smtp_reply(s, b->refusal);
    if (b->is_begun)
        s->host.data_end(s->ctx, &s->env, false);
    smtp_server_end_transaction(s);
    smtp_count_error(s);
}

void smtp_end_decided(struct smtp_server *s, const struct smtp_verdict *v)
{
    if (v->code == 0) {
        struct smtp_verdict stored = { 250, "2.0.0", text_is_empty(v->text) ? "Message accepted" : v->text };
        smtp_reply(s, smtp_verdict_line(s, &stored));
    } else {
        smtp_reply(s, smtp_verdict_line(s, v));
    }
    if (v->code == 421)
        smtp_server_quit(s);
    else
        smtp_server_end_transaction(s);
}

static void keep(struct smtp_server *s, struct bytes run)
{
    struct smtp_server_body *b = &s->body;
    b->size += run.size;
    if (s->policy->size_limit && b->size > s->policy->size_limit && !b->refusal)
        refuse_size(s);
    if (run.size > 0 && !b->refusal && !b->is_unkept && b->data.flaw == SMTP_DATA_CLEAN)
        b->is_unkept = !s->host.data(s->ctx, run);
    if (is_endless(s, b->size))
        give_up(s);
}

static size_t feed_data(struct smtp_server *s, struct bytes in)
{
    struct bytes run;
    bool is_end;
    size_t used = smtp_data_next(&s->body.data, in, &run, &is_end);
    keep(s, run);
    if (is_end && s->state != SMTP_CLOSED)
        end_body(s);
    return used;
}

static void end_chunk(struct smtp_server *s)
{
    struct smtp_server_body *b = &s->body;
    smtp_server_enter(s, s->after_chunk);
    if (s->after_chunk != SMTP_BDAT) {
        smtp_refuse(s, b->refusal);
        return;
    }
    judge_flaw(s);
    if (b->is_last_chunk)
        end_body(s);
    else if (b->refusal)
        smtp_reply(s, b->refusal);
    else
        smtp_replyf(s, "250 2.0.0 %llu octets received", (unsigned long long)b->chunk_size);
}

static size_t feed_chunk(struct smtp_server *s, struct bytes in)
{
    struct smtp_server_body *b = &s->body;
    struct bytes piece = bytes_slice(in, 0, b->chunk_left < in.size ? (size_t)b->chunk_left : in.size), run;
    bool is_end;
    size_t used = smtp_data_next(&b->data, piece, &run, &is_end);
    b->chunk_left -= used;
    keep(s, run);
    if (b->chunk_left == 0 && s->state != SMTP_CLOSED)
        end_chunk(s);
    return used;
}

size_t smtp_body_feed(struct smtp_server *s, struct bytes in)
{
    return s->state == SMTP_DATA ? feed_data(s, in) : feed_chunk(s, in);
}
