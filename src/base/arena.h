/* base/arena.h - memory that lives and dies together.
 *
 * Ask "what does this live as long as?" and allocate from that arena: daemon, session, one mail transaction. Allocation
 * never fails (out of memory ends the process) and memory is zeroed. arena_reset() drops everything and keeps one block. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/bytes.h"

struct arena;

struct arena *arena_new(void);
void arena_free(struct arena *a); /* takes NULL */
void arena_reset(struct arena *a);
size_t arena_size(const struct arena *a); /* bytes held from the system */

void *arena_alloc(struct arena *a, size_t size);                     /* zeroed, aligned for any object */
void *arena_array(struct arena *a, size_t count, size_t size);       /* dies on overflow */
char *arena_strdup(struct arena *a, const char *text);               /* NULL stays NULL */
char *arena_strndup(struct arena *a, const void *data, size_t size); /* adds a NUL */
struct bytes arena_bytes(struct arena *a, struct bytes data);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For what outlives every arena. Never NULL: out of memory ends the process. */
void *mem_alloc(size_t size); /* zeroed */
void *mem_resize(void *p, size_t size);
char *mem_strdup(const char *text); /* NULL stays NULL */
char *mem_strndup(const void *data, size_t size);
char *mem_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
