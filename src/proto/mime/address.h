/* proto/mime/address.h - the addresses in a From, Sender or Reply-To field (RFC 5322 3.4, with the obsolete forms of 4.4).
 *
 * Reads what programs really write: quoted local parts, comments, groups, encoded words, raw UTF-8, routes, an unquoted '@' or
 * '.' in a display name. What can be read in two ways is refused, because who may send as whom is decided on the result. */
#ifndef PROTO_MIME_ADDRESS_H
#define PROTO_MIME_ADDRESS_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

#define MIME_ADDRESS_SIZE 1024 /* one address, with its NUL */
#define MIME_ADDRESSES_LIMIT 256

struct mime_address {
    struct bytes phrase;  /* display name as written: quotes, encoded words and folds kept; a view; empty: none */
    struct bytes comment; /* "(Joe)", for the old form "joe@example.org (Joe)"; a view; empty: none */
    const char
        *address; /* local@domain without comments, folds and needless quotes; "local" where no domain was given */
};

struct mime_addresses {
    struct mime_address *items;
    size_t count;
};

/* `value` is a field's body, folds and final line end included. Members of groups count like the others. Refuses (REJECT) what is
 * no address list, holds control characters, or is over the limits above; nothing at all is a list of none. */
bool mime_addresses_parse(struct bytes value, struct arena *arena, struct mime_addresses *out, struct fault *why);

#endif
