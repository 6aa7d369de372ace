/* sandbox/imapd_text.h - text of messages as SEARCH compares it: encodings undone, letters of one case. Pure. */
#ifndef SANDBOX_IMAPD_TEXT_H
#define SANDBOX_IMAPD_TEXT_H

#include "sandbox/imapd_mime.h"

/* Lower case: ASCII, and the letters of Latin-1, Greek and Cyrillic in UTF-8; sizes stay. */
struct bytes imapd_fold(struct arena *arena, struct bytes text);
/* A header's value with its encoded words (RFC 2047; UTF-8 and Latin-1) as UTF-8 and its folds undone. */
struct bytes imapd_words(struct arena *arena, struct bytes value);
/* A part's body without its transfer encoding; Latin-1 as UTF-8. */
struct bytes imapd_decoded(struct arena *arena, const struct imapd_part *part);
/* Day of a Date header; false: unreadable. */
bool imapd_header_day(struct bytes date, int64_t *day);

#endif
