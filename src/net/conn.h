/* net/conn.h - a connection: a socket with filters stacked on it (TLS, recorder), buffers with ceilings, and a clock.
 *
 * Back-pressure: `data` returns how many bytes it used; what is left stays, reading stops when the input buffer is full
 * and data is offered again after conn_resume() or with more input. Output above `out_limit` makes conn_write()
 * refuse (the peer reads too slowly: the caller decides); `drained` runs when all output has gone to the kernel.
 * A peer that ends its direction is told by `closed` once the owner used what came before, is not paused, and all output is
 * gone: so an owner that pauses while it decides can still answer a peer that shut down its sending side. An owner with `ended`
 * hears it there instead, under the same terms but for the output, and goes on writing until it ends the connection itself.
 * Idle connections hold no buffers. Nagle is off. No callback runs inside a call to this header except where said;
 * after `closed` or conn_free() none runs at all. conn_free() is safe inside a callback. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include "base/bytes.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/resolve.h"
#include "net/tls.h"

struct conn;

struct conn_events {
    /* Dial: connected (and TLS up, if implicit). conn_start_tls(): the handshake is done. Not called for plain accepts. */
    void (*ready)(void *ctx);
    size_t (*data)(void *ctx, struct bytes in); /* returns the bytes used */
    void (*drained)(void *ctx);                 /* may be NULL */
    /* The connection is over; `why` is NULL for the peer's orderly end. Free it (now or later). */
    void (*closed)(void *ctx, const struct fault *why);
    void (*ended)(void *ctx); /* may be NULL: then it is the end of the connection */
};

struct conn_limits {
    size_t in_limit;    /* bytes kept while the owner does not use them; default 64 KiB */
    size_t out_limit;   /* bytes kept while the peer does not read; default 256 KiB */
    int64_t idle_ms;    /* no byte either way: closed with FAULT_RETRY; 0: never */
    int64_t connect_ms; /* resolve, connect and TLS handshake together; default 30 s */
};

/* `fd` taken. Starts reading at once (at the next turn). */
struct conn *conn_accept(struct loop *l, int fd, const struct conn_limits *limits, const struct conn_events *events,
                         void *ctx);
/* Tries the addresses in turn; `host` may be the path of a Unix socket. `tls` not NULL: implicit TLS, host verified against the certificate. The fault's text names
 * host, port, step (resolve, connect, TLS) and reason; the wrong certificate is FAULT_HOLD with id "tls.certificate". */
struct conn *conn_dial(struct loop *l, struct resolver *r, const char *host, uint16_t port, struct tls_context *tls,
                       const struct conn_limits *limits, const struct conn_events *events, void *ctx);
void conn_free(struct conn *c); /* closes at once, output dropped; takes NULL */
/* Writes what is queued, sends TLS close-notify and FIN, then `closed`: as soon as the peer ends too, or has heard all and says no
 * goodbye for two seconds, at most after linger_ms. */
void conn_finish(struct conn *c, int64_t linger_ms);

/* Ends our direction once what is queued is written; input goes on until the peer ends its own, then `closed`. */
void conn_shut(struct conn *c);

bool conn_write(struct conn *c, struct bytes out); /* false: over out_limit (nothing was taken) or closing */
bool conn_writev(struct conn *c, const struct bytes *parts, size_t count);
size_t conn_pending(const struct conn *c); /* output bytes not yet with the kernel */
/* Within one turn, output is gathered and written once at its end; conn_flush() writes now. */
void conn_flush(struct conn *c);
void conn_pause(struct conn *c);  /* stop offering data */
void conn_resume(struct conn *c); /* offer what waits, then read on */

/* Server: `tls` presents our certificate. Client: host is verified. Input that stands unread in the buffer when this is called
 * is an injection attack: the connection is closed with a fault. `ready` follows. */
void conn_start_tls_server(struct conn *c, struct tls_context *tls);
void conn_start_tls_client(struct conn *c, struct tls_context *tls, const char *host);
bool conn_is_tls(const struct conn *c);
const char *conn_tls_text(const struct conn *c); /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or "" */
/* The certificate that the server showed and that passed; false where there is none. */
bool conn_tls_certificate(const struct conn *c, struct tls_certificate *out);
const struct net_addr *conn_peer(const struct conn *c);

void conn_set_idle(struct conn *c, int64_t idle_ms);
/* For connections that may be silent for hours: the kernel asks now and then whether the peer is still there. */
void conn_keep_alive(struct conn *c);

/* Recorder: sees the clear bytes of both directions (after masking by the owner, see conn_record_mask). */
typedef void conn_record_fn(void *ctx, bool out, struct bytes data);
void conn_record(struct conn *c, conn_record_fn *fn, void *ctx); /* NULL stops */
/* While on, the recorder gets "[masked]" once instead of outgoing bytes. */
void conn_record_mask(struct conn *c, bool on);

#endif
