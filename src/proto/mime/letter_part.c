/* proto/mime/letter_part.c - one part: what its header says, and its octets decoded. */
#include <gmime/gmime.h>
#include <string.h>

#include "base/text.h"
#include "proto/mime/letter_private.h"

#define NAME_LIMIT 255

struct reading {
    struct arena *arena;
    struct letter_head head;
    const char *type_name; /* name= of Content-Type, where Content-Disposition has no filename= */
};

static char *lower(char *text)
{
    for (char *c = text; *c; c++)
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c;
    return text;
}

static const char *kept(struct arena *arena, const char *text)
{
    return text ? letter_clean(arena, arena_strdup(arena, text)) : "";
}

/* A name is for showing and storing, never a place: what stands before the last slash of either kind goes. */
static const char *plain_name(struct arena *arena, const char *text)
{
    const char *name = letter_words(arena, bytes_of(text));
    for (const char *c = name; *c; c++)
        if (*c == '/' || *c == '\\')
            name = c + 1;
    if (text_equal(name, ".") || text_equal(name, ".."))
        return "";
    return arena_strndup(arena, name, text_cut(bytes_of(name), NAME_LIMIT));
}

static void take_type(struct reading *r, const char *value)
{
    GMimeContentType *type = g_mime_content_type_parse(NULL, value);
    if (!type)
        return;
    char *name = g_mime_content_type_get_mime_type(type);
    if (name && strchr(value, '/'))
        r->head.type = kept(r->arena, lower(name));
    else if (name && text_equal_nocase(value, "text"))
        r->head.type = "text/plain";
    r->head.charset = kept(r->arena, g_mime_content_type_get_parameter(type, "charset"));
    r->head.boundary = arena_strdup(r->arena, g_mime_content_type_get_parameter(type, "boundary"));
    r->head.report_type = kept(r->arena, g_mime_content_type_get_parameter(type, "report-type"));
    const char *plain = g_mime_content_type_get_parameter(type, "name");
    r->type_name = plain ? plain_name(r->arena, plain) : "";
    g_free(name);
    g_object_unref(type);
}

static void take_disposition(struct reading *r, const char *value)
{
    GMimeContentDisposition *d = g_mime_content_disposition_parse(NULL, value);
    if (!d)
        return;
    const char *name = g_mime_content_disposition_get_parameter(d, "filename");
    const char *word = g_mime_content_disposition_get_disposition(d);
    r->head.disposition = word ? kept(r->arena, lower(arena_strdup(r->arena, word))) : "";
    r->head.name = name ? plain_name(r->arena, name) : r->head.name;
    g_object_unref(d);
}

static void take_encoding(struct reading *r, const char *value)
{
    char *word = lower(arena_strdup(r->arena, value));
    word[strcspn(word, " \t;(")] = '\0';
    r->head.encoding = kept(r->arena, word);
}

static void take_content_id(struct reading *r, const char *value)
{
    r->head.content_id = letter_message_id(r->arena, bytes_of(value));
}

static void take_field(void *ctx, struct bytes name, struct bytes value)
{
    static const struct {
        const char *name;
        void (*take)(struct reading *r, const char *value);
    } known[] = {
        { "Content-Type", take_type },
        { "Content-Disposition", take_disposition },
        { "Content-Transfer-Encoding", take_encoding },
        { "Content-ID", take_content_id },
    };
    struct reading *r = ctx;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (bytes_equal_nocase(name, bytes_of(known[i].name)))
            known[i].take(r, letter_unfold(r->arena, bytes_slice(value, 0, LETTER_VALUE_LIMIT)));
}

struct letter_head letter_read_head(struct arena *arena, struct bytes in, const char *default_type, size_t *body_at)
{
    bool is_over;
    struct reading r = {
        .arena = arena,
        .head = { .type = default_type, .charset = "", .report_type = "", .name = "", .encoding = "7bit" },
        .type_name = "",
    };
    r.head.disposition = r.head.content_id = "";
    *body_at = letter_each_field(in, take_field, &r, &is_over);
    if (!*r.head.name)
        r.head.name = r.type_name;
    if (!*r.head.encoding)
        r.head.encoding = "7bit";
    return r.head;
}

static bool is_encoded(const char *encoding)
{
    return text_equal_nocase(encoding, "base64") || text_equal_nocase(encoding, "quoted-printable");
}

void letter_decoder_init(struct letter_decoder *d, struct bytes raw, const char *encoding)
{
    d->left = raw;
    d->is_encoded = is_encoded(encoding);
    if (d->is_encoded)
        g_mime_encoding_init_decode(&d->state, g_mime_content_encoding_from_string(encoding));
}

bool letter_decoder_next(struct letter_decoder *d, struct bytes *piece)
{
    struct bytes in = bytes_slice(d->left, 0, LETTER_PIECE);
    if (in.size == 0)
        return false;
    d->left = bytes_slice(d->left, in.size, d->left.size);
    *piece = in;
    if (!d->is_encoded)
        return true;
    size_t size = d->left.size == 0 ? g_mime_encoding_flush(&d->state, (const char *)in.data, in.size, d->out)
                                    : g_mime_encoding_step(&d->state, (const char *)in.data, in.size, d->out);
    *piece = (struct bytes){ (const uint8_t *)d->out, size };
    return true;
}

void letter_decode(struct bytes raw, const char *encoding, letter_piece_fn *each, void *ctx)
{
    struct letter_decoder d;
    struct bytes piece;
    letter_decoder_init(&d, raw, encoding);
    while (letter_decoder_next(&d, &piece) && each(ctx, piece))
        ;
}

void letter_add_part(struct letter_make *m, const struct letter_head *head, struct bytes raw)
{
    struct letter *l = m->letter;
    l->parts = letter_room(m->arena, l->parts, l->parts_count, &m->parts_room, sizeof *l->parts);
    l->parts[l->parts_count++] = (struct letter_part){
        .type = head->type,
        .name = head->name,
        .content_id = head->content_id,
        .disposition = head->disposition,
        .raw = raw,
        .encoding = head->encoding,
        .sha256 = "",
    };
}

struct decoding {
    struct buf *out;
    bool fits;
};

static bool keep_piece(void *ctx, struct bytes piece)
{
    struct decoding *d = ctx;
    return d->fits = d->fits && buf_add_bytes(d->out, piece);
}

bool letter_part_decode(const struct letter_part *p, struct buf *out)
{
    struct decoding d = { out, true };
    letter_decode(p->raw, p->encoding, keep_piece, &d);
    return d.fits;
}
