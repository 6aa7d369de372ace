/* admin/way_back.h - the cookie that ties a sign-in at Entra to the browser that was sent there: the sign-in's id, and the page to go on
 * with afterwards, which is one of the console and nothing else. */
#ifndef ADMIN_WAY_BACK_H
#define ADMIN_WAY_BACK_H

#include "base/arena.h"

/* `text` if it is a path of the console, else "/". NULL may be given. */
const char *way_back_path(const char *text);
/* Value of the cookie; lives in the arena. */
const char *way_back_pack(struct arena *arena, const char *id, const char *path);
/* "" : the cookie holds no id. `path` is one of the console whatever the cookie says. Both live in the arena. */
const char *way_back_unpack(struct arena *arena, const char *cookie, const char **path);

#endif
