/* proto/mime/letter_private.h - what the files that read a letter share. */
#ifndef PROTO_MIME_LETTER_PRIVATE_H
#define PROTO_MIME_LETTER_PRIVATE_H

#include <gmime/gmime.h>

#include "proto/mime/letter.h"

#define LETTER_VALUE_LIMIT (64u << 10)    /* of a field that is read: an address list, References */
#define LETTER_SCRATCH_LIMIT (256u << 10) /* of a delivery-status part, or of a returned header */

struct letter_make {
    struct arena *arena;
    struct letter *letter;
    bool is_whole;
    bool has_thread, is_bulk, is_null_sender, says_report;
    size_t fields_room, parts_room, reports_room, entities;
    const void *body_alternative; /* the multipart/alternative that the body was found in; NULL: in none */
    bool has_body, is_over;       /* over LETTER_PARTS: the rest is left out */
    uint64_t search_left;         /* octets that may still be searched for boundaries */
    char trouble[400];
};

/* letter.c. Kept once, cut where there are too many. */
void letter_trouble(struct letter_make *m, const char *text);
/* Room for one more of `count` items: the array, or a larger copy of it. */
void *letter_room(struct arena *arena, void *items, size_t count, size_t *room, size_t size);

/* letter_header.c. A field's body is a view, folds included. */
typedef void letter_field_fn(void *ctx, struct bytes name, struct bytes value);
/* Returns where the body begins. */
size_t letter_each_field(struct bytes in, letter_field_fn *each, void *ctx, bool *is_over);
/* All fields of the letter itself; returns where its body begins. */
size_t letter_read_header(struct letter_make *m, struct bytes message);
/* The first "<...>" in a value, without blanks; a bare word gets its brackets; "" : none. */
const char *letter_message_id(struct arena *arena, struct bytes value);

/* letter_text.c */
char *letter_unfold(struct arena *arena, struct bytes value); /* one line, trimmed, octets as they are, cut */
/* UTF-8 without controls; encoded words are decoded. */
const char *letter_words(struct arena *arena, struct bytes value);
const char *letter_clean(struct arena *arena, const char *text); /* to UTF-8 without controls */
/* A body's text in UTF-8, line ends LF; true: it was cut. */
bool letter_text(struct arena *arena, struct bytes decoded, const char *charset, const char **out);

/* letter_address.c */
void letter_addresses(struct arena *arena, struct bytes value, struct letter_list *out);

/* letter_part.c. What a part's header says, defaults filled in. */
struct letter_head {
    const char *type; /* lower case */
    const char *charset, *boundary, *report_type, *name, *encoding, *disposition, *content_id;
};
struct letter_head letter_read_head(struct arena *arena, struct bytes in, const char *default_type, size_t *body_at);
void letter_add_part(struct letter_make *m, const struct letter_head *head, struct bytes raw);
/* Octets decoded piece by piece; false: no more. A piece is valid until the next. */
#define LETTER_PIECE 16384
struct letter_decoder {
    struct bytes left;
    bool is_encoded;
    GMimeEncoding state;
    char out[LETTER_PIECE + 64];
};
void letter_decoder_init(struct letter_decoder *d, struct bytes raw, const char *encoding);
bool letter_decoder_next(struct letter_decoder *d, struct bytes *piece);
/* All of them; false stops. */
typedef bool letter_piece_fn(void *ctx, struct bytes piece);
void letter_decode(struct bytes raw, const char *encoding, letter_piece_fn *each, void *ctx);

/* letter_body.c */
void letter_read_body(struct letter_make *m, struct bytes message);

/* letter_report.c. Decoded octets. */
void letter_read_report(struct letter_make *m, struct bytes status);
void letter_read_returned(struct letter_make *m, struct bytes header);

#endif
