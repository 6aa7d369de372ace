/* sandbox/imapd_items.h - what a FETCH asks for. Pure. */
#ifndef SANDBOX_IMAPD_ITEMS_H
#define SANDBOX_IMAPD_ITEMS_H

#include "sandbox/imapd_mime.h"
#include "sandbox/imapd_parse.h"

#define IMAPD_NUMBERS_MAX 32

enum imapd_item_kind {
    ITEM_FLAGS,
    ITEM_UID,
    ITEM_INTERNALDATE,
    ITEM_SIZE,
    ITEM_ENVELOPE,
    ITEM_BODY, /* BODYSTRUCTURE without its extension */
    ITEM_BODYSTRUCTURE,
    ITEM_SECTION,
};

enum imapd_section { SECTION_WHOLE, SECTION_HEADER, SECTION_FIELDS, SECTION_FIELDS_NOT, SECTION_TEXT, SECTION_MIME };

struct imapd_want {
    enum imapd_item_kind kind;
    struct bytes label; /* as it is answered, for ITEM_SECTION */
    enum imapd_section section;
    uint32_t numbers[IMAPD_NUMBERS_MAX]; /* "1.2" */
    size_t numbers_count;
    struct bytes *fields;
    size_t fields_count;
    bool peeks, has_partial;
    uint64_t from, size;
    struct imapd_want *next;
};

/* "(FLAGS BODY.PEEK[1.MIME]<0.10>)", "ALL", … NULL: malformed. */
struct imapd_want *imapd_take_wants(struct imapd_in *in);
/* The octets asked for: lent from the message, or made in the arena. False: there are none (NIL). */
bool imapd_section_bytes(const struct imapd_want *want, const struct imapd_part *root, struct bytes message,
                         struct arena *arena, struct bytes *out);

#endif
