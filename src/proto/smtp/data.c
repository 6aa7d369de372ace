/* proto/smtp/data.c - scans by memchr, a line at a time, so that a clean message costs two passes of the processor's widest loads. */
#include "proto/smtp/data.h"

#include <string.h>

void smtp_data_init(struct smtp_data *d, bool is_dotted)
{
    *d = (struct smtp_data){ .is_dotted = is_dotted };
}

static void note(struct smtp_data *d, enum smtp_data_flaw flaw)
{
    if (d->flaw != SMTP_DATA_CLEAN)
        return;
    d->flaw = flaw;
    d->flaw_line = d->lines + 1;
}

static void end_line(struct smtp_data *d)
{
    d->lines++;
    d->place = SMTP_DATA_LINE_START;
}

/* A dot that began a line was held back, maybe with a CR: now it is an end, or dropped. Returns the octets used. */
static size_t settle_dot(struct smtp_data *d, struct bytes in, bool *is_end)
{
    size_t at = 0;
    if (d->place == SMTP_DATA_AFTER_DOT) {
        if (in.data[0] != '\r') {
            d->place = SMTP_DATA_IN_LINE;
            return 0;
        }
        d->place = SMTP_DATA_AFTER_DOT_CR;
        at = 1;
    }
    if (d->place != SMTP_DATA_AFTER_DOT_CR || at == in.size)
        return at;
    if (in.data[at] == '\n') {
        d->place = SMTP_DATA_LINE_START;
        *is_end = true;
        return at + 1;
    }
    note(d, SMTP_DATA_BARE_CR);
    d->place = SMTP_DATA_IN_LINE;
    return at;
}

/* Goes to the end of the line, of `in`, or behind a bare CR. Returns where that is. */
static size_t pass_line(struct smtp_data *d, struct bytes in, size_t from)
{
    if (d->place == SMTP_DATA_AFTER_CR) {
        if (in.data[from] == '\n') {
            end_line(d);
            return from + 1;
        }
        note(d, SMTP_DATA_BARE_CR);
    }
    const uint8_t *begin = in.data + from, *end = in.data + in.size;
    const uint8_t *cr = memchr(begin, '\r', (size_t)(end - begin));
    const uint8_t *stop = cr ? cr : end;
    if (memchr(begin, '\n', (size_t)(stop - begin)))
        note(d, SMTP_DATA_BARE_LF);
    d->place = SMTP_DATA_IN_LINE;
    if (!cr)
        return in.size;
    if (cr + 1 == end) {
        d->place = SMTP_DATA_AFTER_CR;
        return in.size;
    }
    if (cr[1] == '\n') {
        end_line(d);
        return (size_t)(cr + 2 - in.data);
    }
    note(d, SMTP_DATA_BARE_CR);
    return (size_t)(cr + 1 - in.data);
}

static bool has_high_octet(struct bytes run)
{
    uint64_t seen = 0, word;
    size_t at = 0;
    for (; at + sizeof word <= run.size; at += sizeof word) {
        memcpy(&word, run.data + at, sizeof word);
        seen |= word;
    }
    for (; at < run.size; at++)
        seen |= run.data[at];
    return seen & 0x8080808080808080u;
}

/* How many octets of `in` may be looked at together: up to the next NUL, which is noted when it is the next. */
static size_t clear_of_nul(struct smtp_data *d, struct bytes in)
{
    if (d->flaw == SMTP_DATA_CLEAN && d->nul_free == 0) {
        const uint8_t *nul = memchr(in.data, 0, in.size);
        d->nul_free = nul ? (size_t)(nul - in.data) : in.size;
        if (d->nul_free == 0)
            note(d, SMTP_DATA_NUL);
    }
    return d->flaw == SMTP_DATA_CLEAN && d->nul_free < in.size ? d->nul_free : in.size;
}

static size_t next_run(struct smtp_data *d, struct bytes in, struct bytes *run, bool *is_end)
{
    size_t from = settle_dot(d, in, is_end), to = from;
    if (*is_end)
        return from;
    bool meets_dot = false;
    while (to < in.size && !meets_dot) {
        meets_dot = d->is_dotted && d->place == SMTP_DATA_LINE_START && in.data[to] == '.';
        if (!meets_dot)
            to = pass_line(d, in, to);
    }
    *run = bytes_slice(in, from, to);
    d->has_8bit = d->has_8bit || has_high_octet(*run);
    if (!meets_dot)
        return to;
    d->place = SMTP_DATA_AFTER_DOT;
    return to + 1;
}

size_t smtp_data_next(struct smtp_data *d, struct bytes in, struct bytes *run, bool *is_end)
{
    *run = BYTES_NONE;
    *is_end = false;
    if (in.size == 0)
        return 0;
    size_t used = next_run(d, bytes_slice(in, 0, clear_of_nul(d, in)), run, is_end);
    d->nul_free -= used < d->nul_free ? used : d->nul_free;
    return used;
}

void smtp_data_finish(struct smtp_data *d)
{
    if (d->place == SMTP_DATA_AFTER_CR)
        note(d, SMTP_DATA_BARE_CR);
}

static bool is_clean(const struct smtp_data *d, struct fault *why)
{
    static const char *const names[] = {
        [SMTP_DATA_BARE_CR] = "a bare CR", [SMTP_DATA_BARE_LF] = "a bare LF", [SMTP_DATA_NUL] = "a NUL octet"
    };
    if (d->flaw == SMTP_DATA_CLEAN)
        return true;
    return fault_set(why, FAULT_REJECT, "smtp.client.bad-octets",
                     "line %llu of the message holds %s; lines must end with CRLF and hold text",
                     (unsigned long long)d->flaw_line, names[d->flaw]);
}

bool smtp_data_look(struct smtp_data *d, struct bytes in, struct fault *why)
{
    while (in.size > 0 && d->flaw == SMTP_DATA_CLEAN) {
        struct bytes run;
        bool is_end;
        in = bytes_slice(in, smtp_data_next(d, in, &run, &is_end), in.size);
    }
    return is_clean(d, why);
}

bool smtp_data_look_end(struct smtp_data *d, struct fault *why)
{
    smtp_data_finish(d);
    return is_clean(d, why);
}
