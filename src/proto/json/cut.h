/* proto/json/cut.h - takes long texts out of a JSON document (RFC 8259) while it streams by, so that its size is no matter of memory.
 *
 * Each text (not the names of members) is offered to the host by its JSON pointer (RFC 6901). One that it takes comes decoded, piece by
 * piece, and "" stands in its stead in the rest, which is given to a parser of JSON afterwards: whatever is wrong with the document
 * outside the texts taken, that parser says. Names are compared decoded, so that no other spelling gets past the host.
 *
 * Refuses (REJECT, "api.json", with the octet's place): a taken text with a raw control character, a wrong escape, half a surrogate
 * pair, a NUL, or what is not UTF-8; anything nested deeper than JSON_CUT_DEPTH or named longer than fits JSON_CUT_POINTER. */
#ifndef PROTO_JSON_CUT_H
#define PROTO_JSON_CUT_H

#include "base/bytes.h"
#include "base/fault.h"
#include "base/text.h"

#define JSON_CUT_DEPTH 16
#define JSON_CUT_POINTER 512 /* with its NUL */

/* False from any but begin(): it can't be kept; feed() returns false with the fault untouched. */
struct json_cut_host {
    bool (*begin)(void *ctx, const char *pointer); /* true: take this text out */
    bool (*piece)(void *ctx, struct bytes text /* lent for the call */);
    bool (*end)(void *ctx);
    bool (*rest)(void *ctx, struct bytes json /* lent for the call */);
};

struct json_cut {
    const struct json_cut_host *host;
    void *ctx;
    enum { JSON_CUT_BETWEEN, JSON_CUT_NAME, JSON_CUT_PASSED, JSON_CUT_TAKEN } place;
    unsigned depth;
    struct {
        bool is_object, wants_name;
        uint32_t index;
        size_t pointer_size; /* of the container itself */
    } levels[JSON_CUT_DEPTH];
    char pointer[JSON_CUT_POINTER];
    size_t pointer_size;
    unsigned escape; /* 1: after the backslash; 2..5: so many digits of a \u less one are still to come */
    uint32_t code, high;
    struct text_utf8 utf8;
    uint64_t offset;
    bool is_stopped;
};

void json_cut_init(struct json_cut *c, const struct json_cut_host *host, void *ctx /* lent */);
bool json_cut_feed(struct json_cut *c, struct bytes in, struct fault *why);
bool json_cut_end(struct json_cut *c, struct fault *why); /* refuses a text that is not over */

#endif
