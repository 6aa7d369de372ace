/* sandbox/imapd_parse.h - the words of IMAP commands (RFC 3501, 9). Pure: a cursor over one whole command, literals included.
 *
 * Every function takes from the front and returns true, or returns false and leaves the cursor where it likes: the command
 * is refused then. */
#ifndef SANDBOX_IMAPD_PARSE_H
#define SANDBOX_IMAPD_PARSE_H

#include "base/arena.h"
#include "base/bytes.h"

struct imapd_in {
    struct bytes rest;
    struct arena *arena; /* what is taken lives in it, or in the command */
};

bool imapd_take_char(struct imapd_in *in, char c);
static inline bool imapd_take_blank(struct imapd_in *in)
{
    return imapd_take_char(in, ' ');
}
bool imapd_is_end(const struct imapd_in *in);
/* The next octet without taking it; 0 at the end. */
char imapd_peek(const struct imapd_in *in);
bool imapd_take_word(struct imapd_in *in, const char *word); /* in any case; whatever follows */
bool imapd_take_atom(struct imapd_in *in, struct bytes *out);
bool imapd_take_number(struct imapd_in *in, uint32_t *out); /* up to 4294967295 */
bool imapd_take_number64(struct imapd_in *in, uint64_t *out);
bool imapd_take_string(struct imapd_in *in, struct bytes *out); /* quoted or literal */
bool imapd_take_astring(struct imapd_in *in, struct bytes *out);
bool imapd_take_pattern(struct imapd_in *in, struct bytes *out);  /* list-mailbox: an astring that may have % and * */
bool imapd_take_date(struct imapd_in *in, int64_t *day);          /* 1-Feb-2026, quoted or not: days since 1970 */
bool imapd_take_date_time(struct imapd_in *in, int64_t *wall_ms); /* "01-Feb-2026 10:00:00 +0100" */
bool imapd_take_flags(struct imapd_in *in, unsigned *flags, bool *lost); /* (…) ; `lost`: keywords that are not kept */
/* Flags without the parentheses, as STORE may have them. */
bool imapd_take_bare_flags(struct imapd_in *in, unsigned *flags, bool *lost);

/* A literal announced at the end of a line: {5} or {5+}. `at`: where the brace stands. */
struct imapd_literal {
    size_t at;
    uint64_t size;
    bool is_sync; /* the client waits for a "+" */
};
bool imapd_literal_at_end(struct bytes line /* without its end */, struct imapd_literal *out);

/* "1:5,7,9:*"; '*' is UINT32_MAX until imapd_set_resolve() puts the largest number there, sorts, and joins. */
struct imapd_range {
    uint32_t from, to;
};
struct imapd_set {
    struct imapd_range *ranges;
    size_t count;
};
bool imapd_take_set(struct imapd_in *in, struct imapd_set *out);
void imapd_set_resolve(struct imapd_set *set, uint32_t largest);
bool imapd_set_has(const struct imapd_set *set, uint32_t number); /* of a resolved one */

/* Months as "Feb"; 1..12, or 0. */
unsigned imapd_month(struct bytes name);
/* Days since 1970 of a civil date. */
int64_t imapd_day(int year, unsigned month, unsigned day);
/* "01-Feb-2026 10:00:00 +0000"; `out` holds 32 bytes. */
void imapd_date_time_text(int64_t wall_ms, char *out);

/* Modified UTF-7 (RFC 3501, 5.1.3), to and from UTF-8. False: malformed, or too long for `limit`. */
bool imapd_utf7_decode(struct bytes in, struct buf *out);
bool imapd_utf7_encode(struct bytes in, struct buf *out);

#endif
