/* base/bytes.h - views of bytes, and buffers that are born with a ceiling.
 *
 * A `struct bytes` never owns what it points at. A `struct buf` owns its storage, grows by doubling and refuses to grow
 * past `limit`: hostile size becomes a `false`, long before memory is short. Out of memory itself ends the process. */
#ifndef BASE_BYTES_H
#define BASE_BYTES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    const uint8_t *data;
    size_t size;
};

#define BYTES_NONE ((struct bytes){ NULL, 0 })
/* For string literals only. */
#define BYTES_LIT(s) ((struct bytes){ (const uint8_t *)(s), sizeof(s) - 1 })

struct bytes bytes_of(const char *text); /* NULL is empty */
bool bytes_equal(struct bytes a, struct bytes b);
bool bytes_equal_nocase(struct bytes a, struct bytes b); /* ASCII case only */
bool bytes_starts_nocase(struct bytes whole, const char *prefix);
/* Index of the first `needle`, or SIZE_MAX. An empty needle is found at 0. */
size_t bytes_find(struct bytes whole, struct bytes needle);
struct bytes bytes_slice(struct bytes whole, size_t from, size_t to); /* clamped to the whole */
struct bytes bytes_trim(struct bytes whole);                          /* blanks, tabs, CR and LF at both ends */

struct buf {
    uint8_t *data; /* NUL stands after data[size-1] whenever data is not NULL */
    size_t size;
    size_t capacity;
    size_t limit;
};

void buf_init(struct buf *b, size_t limit);
void buf_fini(struct buf *b);
void buf_clear(struct buf *b);   /* keeps the storage */
void buf_release(struct buf *b); /* gives the storage back; the limit stays */
/* All return false, changing nothing, when the limit would be passed. */
bool buf_add(struct buf *b, const void *data, size_t size);
bool buf_add_bytes(struct buf *b, struct bytes data);
bool buf_add_str(struct buf *b, const char *text);
bool buf_add_byte(struct buf *b, uint8_t byte);
bool buf_addf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool buf_vaddf(struct buf *b, const char *format, va_list args) __attribute__((format(printf, 2, 0)));
/* Room for `size` more bytes at data+size, or NULL past the limit; buf_grew() says how many were used. */
uint8_t *buf_reserve(struct buf *b, size_t size);
void buf_grew(struct buf *b, size_t size);
void buf_consume(struct buf *b, size_t size); /* drops from the front */
struct bytes buf_bytes(const struct buf *b);  /* lent until the buffer changes */
const char *buf_str(const struct buf *b);     /* never NULL; lent likewise */

#endif
