/* relay/dialogue.c - keeps the beginning and the end of a conversation. */
#include "relay/dialogue.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

enum { HEAD = DIALOGUE_SIZE / 2 - 100, TAIL = DIALOGUE_SIZE / 2 - 100, LINE = 1000 };

void dialogue_init(struct dialogue *d)
{
    buf_init(&d->head, DIALOGUE_SIZE);
    buf_init(&d->tail, 2 * TAIL + 2 * LINE);
    d->lost = 0;
}

void dialogue_fini(struct dialogue *d)
{
    buf_fini(&d->head);
    buf_fini(&d->tail);
}

void dialogue_reset(struct dialogue *d)
{
    buf_clear(&d->head);
    buf_clear(&d->tail);
    d->lost = 0;
}

/* The tail is cut only when it is twice as long as it may be, so that a long conversation costs no move per line. */
static void add_line(struct dialogue *d, const char *line)
{
    size_t size = strlen(line);

    if (d->tail.size == 0 && d->lost == 0 && d->head.size + size <= HEAD) {
        buf_add(&d->head, line, size);
        return;
    }
    buf_add(&d->tail, line, size);
    if (d->tail.size > 2 * TAIL) {
        d->lost += d->tail.size - TAIL;
        buf_consume(&d->tail, d->tail.size - TAIL);
    }
}

static void add_said(struct dialogue *d, const char *who, struct bytes said)
{
    char line[LINE + 8];

    while (said.size > 0) {
        const uint8_t *end = memchr(said.data, '\n', said.size);
        size_t size = end ? (size_t)(end - said.data) + 1 : said.size;
        int used = snprintf(line, sizeof line, "%s", who);
        text_sanitize(bytes_trim(bytes_slice(said, 0, size)), line + used, LINE - (size_t)used);
        memcpy(line + strlen(line), "\n", 2);
        add_line(d, line);
        said = bytes_slice(said, size, said.size);
    }
}

void dialogue_client(struct dialogue *d, struct bytes said)
{
    add_said(d, "C: ", said);
}

void dialogue_server(struct dialogue *d, struct bytes said)
{
    add_said(d, "S: ", said);
}

void dialogue_note(struct dialogue *d, const char *format, ...)
{
    char note[LINE];
    va_list args;

    va_start(args, format);
    vsnprintf(note, sizeof note, format, args);
    va_end(args);
    add_said(d, "* ", bytes_of(note));
}

const char *dialogue_text(struct dialogue *d)
{
    if (d->tail.size > 0) {
        size_t cut = d->tail.size > TAIL ? d->tail.size - TAIL : 0;
        const uint8_t *line = cut > 0 || d->lost > 0 ? memchr(d->tail.data + cut, '\n', d->tail.size - cut) : NULL;
        if (line)
            cut = (size_t)(line - d->tail.data) + 1;
        if (cut + d->lost > 0)
            buf_addf(&d->head, "* [%zu bytes left out]\n", cut + d->lost);
        buf_add(&d->head, d->tail.data + cut, d->tail.size - cut);
        buf_clear(&d->tail);
        d->lost = 1; /* whatever comes now belongs to the end */
    }
    return buf_str(&d->head);
}
