/* base/raw_link.h - signed links to raw mail: how they are written, and what of them is signed.
 *
 * "{prefix}/raw/{id}?ends={seconds since 1970}&signature={64 hex digits}". The key has no other use, and the text that is signed says
 * what it is for all the same, so that a signature can't be shown where another text is meant. */
#ifndef BASE_RAW_LINK_H
#define BASE_RAW_LINK_H

#include <stdbool.h>
#include <stdint.h>

#define RAW_LINK_KEY "link" /* for SIGN_ASK */
#define RAW_LINK_PATH "/raw/"
#define RAW_LINK_TEXT_SIZE 80

/* The text to be signed. */
void raw_link_text(uint64_t id, int64_t ends_s, char out[RAW_LINK_TEXT_SIZE]);
/* The whole link; given. `prefix` has no slash at its end. */
char *raw_link_url(const char *prefix, uint64_t id, int64_t ends_s, const char *signature);

#endif
