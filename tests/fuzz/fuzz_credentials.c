/* What a stranger shows at the console's door: the field Authorization, a key's text, and both cookies. The first octet says which. */
#include <string.h>

#include "admin/authorization.h"
#include "admin/sessions.h"
#include "admin/way_back.h"
#include "base/text.h"
#include "fuzz.h"
#include "vault/keys.h"

/* As the server gives it: a text that ends at its first NUL. */
static const char *text_of(struct arena *arena, const uint8_t *data, size_t size)
{
    return arena_strndup(arena, data, size);
}

static void try_field(const char *field)
{
    struct authorization a;
    memset(&a, 0xee, sizeof a);
    if (!authorization_parse(field, &a)) {
        PROMISE(a.user[0] == '\0' && a.secret.size == 0);
        return;
    }
    PROMISE(strlen(field) <= AUTHORIZATION_MOST && a.secret.size <= AUTHORIZATION_MOST);
    if (a.kind == AUTHORIZATION_KEY) {
        PROMISE(a.user[0] == '\0' && a.secret.data + a.secret.size == (const uint8_t *)field + strlen(field));
    } else {
        size_t size = strlen(a.user);
        PROMISE(size > 0 && text_is_line(a.user));
        /* Name, colon and password are all there is, and nothing was lost between them. */
        PROMISE(memcmp(a.room, a.user, size) == 0 && a.room[size] == ':' && a.secret.data == a.room + size + 1);
    }
    authorization_wipe(&a);
}

static void try_key(const uint8_t *data, size_t size)
{
    char name[KEY_NAME_SIZE];
    memset(name, 0xee, sizeof name);
    if (!key_text_name((struct bytes){ data, size }, name))
        return;
    PROMISE(memchr(name, '\0', sizeof name) && name[0] != '\0');
    size_t length = strlen(name);
    PROMISE(size == strlen("postern.") + length + 1 + 43 && memcmp(data, "postern.", 8) == 0);
    for (size_t i = 0; i < length; i++)
        PROMISE(name[i] > ' ' && name[i] < 0x7f && !(name[i] >= 'A' && name[i] <= 'Z'));
}

static void try_way_back(struct arena *arena, const char *cookie)
{
    const char *path, *again, *id = way_back_unpack(arena, cookie, &path);
    PROMISE(path[0] == '/' && path[1] != '/' && path[1] != '\\' && text_is_line(path));
    PROMISE(!strchr(id, '.'));
    if (id[0]) {
        PROMISE(strcmp(way_back_unpack(arena, way_back_pack(arena, id, path), &again), id) == 0);
        PROMISE(strcmp(path, again) == 0);
    }
}

static void try_session(const char *cookie)
{
    static struct sessions *all;
    static char id[SESSION_ID_SIZE];
    const struct session_limits limits = { 1000, 1000 };
    if (!all) {
        all = sessions_new(NULL, NULL);
        sessions_open(all, "anna", 0, id);
    }
    PROMISE((sessions_find(all, cookie, &limits, 1) != NULL) == (strcmp(cookie, id) == 0));
    PROMISE(sessions_count(all) == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *arena = arena_new();
    const char *text = text_of(arena, data + 1, size - 1);
    if (data[0] == 'a')
        try_field(text);
    else if (data[0] == 'k')
        try_key(data + 1, size - 1);
    else if (data[0] == 'w')
        try_way_back(arena, text);
    else
        try_session(text);
    arena_free(arena);
    return 0;
}
