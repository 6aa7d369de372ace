/* The mechanisms' server sides: what is taken holds no surprise, and builds what is taken again. */
#include <string.h>

#include "fuzz.h"
#include "proto/sasl/sasl.h"

static void check_name(struct bytes user)
{
    PROMISE(user.size > 0);
    for (size_t i = 0; i < user.size; i++)
        PROMISE(user.data[i] >= ' ' && user.data[i] != 0x7f);
}

static void try_plain(struct bytes in, struct arena *arena)
{
    struct bytes user, password, again_user, again_password;
    struct buf built;
    if (!sasl_plain_parse(in, &user, &password, NULL))
        return;
    check_name(user);
    buf_init(&built, 1 << 20);
    PROMISE(sasl_plain(arena_strndup(arena, user.data, user.size), password, &built));
    PROMISE(sasl_plain_parse(buf_bytes(&built), &again_user, &again_password, NULL));
    PROMISE(bytes_equal(user, again_user) && bytes_equal(password, again_password));
    buf_fini(&built);
}

static void try_bearer(struct bytes in, struct arena *arena)
{
    const char *user, *again_user;
    struct bytes token, again_token;
    struct buf built;
    if (!sasl_oauthbearer_parse(in, arena, &user, &token, NULL))
        return;
    check_name(bytes_of(user));
    buf_init(&built, 1 << 20);
    PROMISE(sasl_oauthbearer(user, "h", 1, token, &built));
    PROMISE(sasl_oauthbearer_parse(buf_bytes(&built), arena, &again_user, &again_token, NULL));
    PROMISE(strcmp(user, again_user) == 0 && bytes_equal(token, again_token));
    buf_fini(&built);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size }, user, token;
    struct arena *arena = arena_new();
    try_plain(in, arena);
    try_bearer(in, arena);
    if (sasl_xoauth2_parse(in, &user, &token, NULL)) {
        check_name(user);
        PROMISE(token.size > 0);
    }
    arena_free(arena);
    return 0;
}
