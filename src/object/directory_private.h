/* object/directory_private.h - shared by directory.c (look-ups) and directory_check.c (references). */
#ifndef OBJECT_DIRECTORY_PRIVATE_H
#define OBJECT_DIRECTORY_PRIVATE_H

#include "base/map.h"
#include "object/directory.h"
#include "object/ranges.h"

/* Names and addresses are looked up without case, so keys are kept folded. Longer than any key can be: refused before. */
#define DIRECTORY_KEY_SIZE 321

struct entry {
    struct arena *life;
    const void *object;
};

struct directory {
    struct map *entries[OBJECT_KINDS]; /* folded key -> struct entry */
    struct ranges ranges;
};

#endif
