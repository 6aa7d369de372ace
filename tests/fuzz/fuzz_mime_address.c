/* Address lists: what was read must, written down alone, be read as the same address again. */
#include <string.h>

#include "fuzz.h"
#include "proto/mime/address.h"

static void check_again(const struct mime_address *a, struct arena *arena)
{
    struct mime_addresses again;
    struct fault why = { 0 };
    PROMISE(strlen(a->address) < MIME_ADDRESS_SIZE);
    PROMISE(mime_addresses_parse(bytes_of(a->address), arena, &again, &why) && again.count == 1);
    PROMISE(strcmp(again.items[0].address, a->address) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct mime_addresses list;
    struct fault why = { 0 };
    if (mime_addresses_parse((struct bytes){ data, size }, arena, &list, &why)) {
        for (size_t i = 0; i < list.count; i++)
            check_again(&list.items[i], arena);
    } else {
        PROMISE(why.kind == FAULT_REJECT && why.text[0]);
    }
    arena_free(arena);
    return 0;
}
