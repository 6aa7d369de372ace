/* base/map.h - text keys to pointers; open hashing with a per-process random seed, so strangers can't choose collisions. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m); /* keys are freed, values are the caller's; takes NULL */
void *map_get(const struct map *m, const char *key);
void *map_put(struct map *m, const char *key, void *value); /* key is copied; returns the value it replaced, or NULL */
void *map_remove(struct map *m, const char *key);           /* returns the value that was there, or NULL */
size_t map_count(const struct map *m);
void map_clear(struct map *m);
/* Any order; nothing may be put or removed meanwhile. Stops when `each` returns false. */
typedef bool map_each_fn(void *ctx, const char *key, void *value);
void map_each(const struct map *m, map_each_fn *each, void *ctx);

#endif
