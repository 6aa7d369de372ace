#include "admin/way_back.h"

#include <string.h>

#include "base/text.h"

#define PATH_MOST 512u

const char *way_back_path(const char *text)
{
    bool is_path = text && text[0] == '/' && text[1] != '/' && text[1] != '\\' && strlen(text) <= PATH_MOST &&
                   text_is_line(text);
    return is_path ? text : "/";
}

const char *way_back_pack(struct arena *arena, const char *id, const char *path)
{
    size_t room = strlen(path) * 4 / 3 + 4;
    char *packed = arena_alloc(arena, room);
    base64url_encode(bytes_of(path), packed, room);
    return arena_printf(arena, "%s.%s", id, packed);
}

const char *way_back_unpack(struct arena *arena, const char *cookie, const char **path)
{
    const char *dot = strchr(cookie, '.');
    char *plain = arena_alloc(arena, PATH_MOST + 1);
    size_t size = 0;
    *path = "/";
    if (!dot)
        return "";
    if (base64url_decode(bytes_of(dot + 1), (uint8_t *)plain, PATH_MOST, &size) && !memchr(plain, '\0', size)) {
        plain[size] = '\0';
        *path = way_back_path(plain);
    }
    return arena_strndup(arena, cookie, (size_t)(dot - cookie));
}
