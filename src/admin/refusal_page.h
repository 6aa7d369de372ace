/* admin/refusal_page.h - a refusal for somebody who followed a link or typed an address, and has no page of ours to show it. Where nothing at
 * all is let in, the style sheet is not either, and the page is as readable without. */
#ifndef ADMIN_REFUSAL_PAGE_H
#define ADMIN_REFUSAL_PAGE_H

#include "admin/admin_private.h"

#define PAGE_HEAD \
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>%s · Postern</title>" \
    "<link rel=\"icon\" href=\"/ui/postern.svg\">"

/* A page that has no script and asks for nothing but style and images of ours. */
void respond_bare_page(struct request *r, unsigned status, const char *html);
/* What it means, what was seen, what to do. `heading` and `actions` are HTML. */
void refusal_page(struct request *r, unsigned status, const char *heading, const char *actions,
                  const json_t *problem /* lent */);

#endif
