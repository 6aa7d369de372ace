/* base/raw_link.c */
#include "base/raw_link.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/arena.h"

void raw_link_text(uint64_t id, int64_t ends_s, char out[RAW_LINK_TEXT_SIZE])
{
    snprintf(out, RAW_LINK_TEXT_SIZE, "postern raw link\n%016" PRIx64 "\n%" PRId64, id, ends_s);
}

char *raw_link_url(const char *prefix, uint64_t id, int64_t ends_s, const char *signature)
{
    return mem_printf("%s" RAW_LINK_PATH "%016" PRIx64 "?ends=%" PRId64 "&signature=%s", prefix, id, ends_s, signature);
}
