/* tests/bench/reader_wire.c - connections of the reading clients. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "reader.h"

enum { PER_ADDRESS = 20000 }; /* clients that share a source address, well below the number of ports */

static SSL_CTX *context;

void wire_setup(bool is_tls)
{
    if (!is_tls)
        return;
    context = SSL_CTX_new(TLS_client_method());
    if (!context)
        die("TLS");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF); /* every client is a new one */
}

void wire_open(struct wire *w, unsigned number, uint16_t port)
{
    struct sockaddr_in from = { .sin_family = AF_INET }, to = { .sin_family = AF_INET, .sin_port = htons(port) };

    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / PER_ADDRESS);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *w = (struct wire){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) };
    if (w->fd < 0)
        die("reader: socket");
    setsockopt(w->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &(int){ 1 }, sizeof(int));
    if (bind(w->fd, (struct sockaddr *)&from, sizeof from) < 0 || connect(w->fd, (struct sockaddr *)&to, sizeof to) < 0)
        die("reader: connect");
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
    fcntl(w->fd, F_SETFL, O_NONBLOCK);
    w->is_up = !context;
    if (!context)
        return;
    w->ssl = SSL_new(context);
    if (!w->ssl || SSL_set_fd(w->ssl, w->fd) != 1)
        die("reader: TLS");
    SSL_set_connect_state(w->ssl);
}

bool wire_shake(struct wire *w)
{
    int done = SSL_do_handshake(w->ssl);

    if (done == 1) {
        w->is_up = true;
        return true;
    }
    int why = SSL_get_error(w->ssl, done);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
}

long wire_read(struct wire *w, void *into, size_t size)
{
    if (!w->ssl) {
        ssize_t got = read(w->fd, into, size);
        return got < 0 && errno == EAGAIN ? WIRE_AGAIN : got < 0 ? WIRE_ENDED : got;
    }
    int got = SSL_read(w->ssl, into, (int)size);
    if (got > 0)
        return got;
    return SSL_get_error(w->ssl, got) == SSL_ERROR_WANT_READ ? WIRE_AGAIN : WIRE_ENDED;
}

bool wire_write(struct wire *w, const char *text)
{
    size_t size = strlen(text);

    return w->ssl ? SSL_write(w->ssl, text, (int)size) == (int)size : write(w->fd, text, size) == (ssize_t)size;
}

void wire_close(struct wire *w)
{
    SSL_free(w->ssl);
    close(w->fd);
    *w = (struct wire){ .fd = -1 };
}
