/* tests/bench/reader.h - clients that read mail, as many as are wanted and as cheap as can be: one thread, one epoll, replies are
 * counted where they lie. */
#ifndef BENCH_READER_H
#define BENCH_READER_H

#include <openssl/ssl.h>

#include "load.h"

/* A connection, plain or by TLS; never waits but for connect(), which loopback answers at once. */
struct wire {
    int fd;
    SSL *ssl; /* NULL: plain */
    bool is_up, wants_write;
};

enum { WIRE_AGAIN = -1, WIRE_ENDED = 0 };

void wire_setup(bool is_tls);
void wire_open(struct wire *w, unsigned number, uint16_t port); /* `number` spreads clients over source addresses */
bool wire_shake(struct wire *w);                                /* false: broken; look at is_up */
long wire_read(struct wire *w, void *into, size_t size);        /* octets, or one of the above */
bool wire_write(struct wire *w, const char *text);
void wire_close(struct wire *w);

/* Who signs in, one a line of a file: "password USER SECRET" or "xoauth2 USER TOKEN". */
struct person {
    bool by_token;
    char user[300];
    char secret[4000];
    char blob[6000]; /* XOAUTH2's first response, in base64 */
};

struct person *people_load(const char *path, unsigned *count);

/* Times of replies, for the percentiles. */
void times_add(uint64_t ns);
void times_print(void); /* as members of a JSON object */

#endif
