/* net/filter.h - one layer of a connection: bytes go down when writing and come up when reading.
 *
 * The socket is the lowest filter; TLS is laid on top of it; the connection speaks to the topmost. Nothing blocks: a filter
 * that can't go on says FILTER_AGAIN and which readiness of the descriptor it waits for. */
#ifndef NET_FILTER_H
#define NET_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fault.h"
#include "net/tls.h"

enum filter_result {
    FILTER_OK,
    FILTER_AGAIN, /* `wants` says what for: LOOP_READ or LOOP_WRITE */
    FILTER_END,   /* the peer ended its direction in order */
    FILTER_FAULT,
};

struct filter;

struct filter_kind {
    /* Handshake; called again after FILTER_AGAIN until it is over. */
    enum filter_result (*start)(struct filter *f, unsigned *wants, struct fault *why);
    enum filter_result (*read)(struct filter *f, void *out, size_t size, size_t *got, unsigned *wants,
                               struct fault *why);
    /* May take less than everything, or nothing though it went on. What it did not take comes first in the next call. */
    enum filter_result (*write)(struct filter *f, const void *data, size_t size, size_t *put, unsigned *wants,
                                struct fault *why);
    void (*finish)(struct filter *f);            /* says goodbye to the peer, as far as that goes without waiting */
    bool (*holds_input)(const struct filter *f); /* read() has something although the descriptor may be quiet */
    void (*free)(struct filter *f);
};

struct filter {
    const struct filter_kind *kind;
    struct filter *below; /* owned; NULL for the socket */
};

/* `fd` taken. */
struct filter *filter_socket_new(int fd);
/* `below` and one reference to `tls` are taken. `host` NULL: we are the server. `peer` names the other side in faults. */
struct filter *filter_tls_new(struct filter *below, struct tls_context *tls, const char *host, const char *peer);
const char *filter_tls_text(const struct filter *f);
bool filter_tls_certificate(const struct filter *f,
                            struct tls_certificate *out); /* false: no peer's certificate is there */
void filter_free(struct filter *f);                       /* with all below; takes NULL */

#endif
