/* admin/pages.h - the console's files as embed.py puts them into the program. index.html names the others at /ui/VERSION/..., which
 * is another address with the next change to any of them: what is there is never asked for again. /ui/... has them too. */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "base/bytes.h"

struct page_file {
    const char *name; /* below ui/ */
    const char *type, *etag;
    struct bytes data, packed; /* packed: gzip; empty where that is not smaller */
};

extern const char page_version[];
extern const struct page_file page_files[]; /* end at a NULL name */

#endif
