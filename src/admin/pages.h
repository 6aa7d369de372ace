/* admin/pages.h - the console's files as embed.py puts them into the program. */
#ifndef ADMIN_PAGES_H
#define ADMIN_PAGES_H

#include "base/bytes.h"

struct page_file {
    const char *name; /* below ui/ */
    const char *type, *etag;
    struct bytes data, packed; /* packed: gzip; empty where that is not smaller */
};

extern const struct page_file page_files[]; /* end at a NULL name */

#endif
