#include "admin/authorization.h"

#include <string.h>

#include "base/secret.h"
#include "base/text.h"

static const char *after_word(const char *text, const char *word)
{
    size_t size = strlen(word);
    if (!bytes_starts_nocase(bytes_of(text), word) || text[size] != ' ')
        return NULL;
    return text + size + strspn(text + size, " ");
}

/* Base64 of "user:password"; the name ends at the first colon. */
static bool take_basic(const char *text, struct authorization *out)
{
    size_t size = 0;
    out->kind = AUTHORIZATION_APP;
    if (!base64_decode(bytes_of(text), out->room, sizeof out->room, &size))
        return false;
    const uint8_t *colon = memchr(out->room, ':', size);
    struct bytes user = { out->room, colon ? (size_t)(colon - out->room) : 0 };
    if (user.size == 0 || user.size >= sizeof out->user || memchr(user.data, '\0', user.size))
        return false;
    memcpy(out->user, user.data, user.size);
    out->user[user.size] = '\0';
    if (text_is_line(out->user))
        out->secret = (struct bytes){ colon + 1, size - user.size - 1 };
    else
        out->user[0] = '\0';
    return out->user[0] != '\0';
}

bool authorization_parse(const char *field, struct authorization *out)
{
    out->kind = AUTHORIZATION_KEY;
    out->user[0] = '\0';
    out->secret = BYTES_NONE;
    if (strlen(field) > AUTHORIZATION_MOST)
        return false;
    const char *key = after_word(field, "Bearer"), *both = after_word(field, "Basic");
    if (both)
        return take_basic(both, out);
    if (key)
        out->secret = bytes_of(key);
    return key != NULL;
}

void authorization_wipe(struct authorization *a)
{
    secret_wipe(a, sizeof *a);
}
