/* inbox/authority.c - whom a provider's servers are trusted by: one TLS context for each CA file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "inbox/inbox_private.h"

enum { CA_FILE_LIMIT = 1 << 20 };

static bool read_file(const char *path, struct buf *out, struct fault *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    while (fd >= 0) {
        uint8_t *room = buf_reserve(out, 65536);
        if (!room) {
            close(fd);
            return fault_set(why, FAULT_CONFIG, "tls.file", "%s is larger than a CA file may be", path);
        }
        got = read(fd, room, 65536);
        if (got <= 0)
            break;
        buf_grew(out, (size_t)got);
    }
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (got == 0)
        return true;
    fault_errno(why, FAULT_CONFIG, error, "can't read the CA file %s", path);
    snprintf(why->id, sizeof why->id, "tls.file");
    return false;
}

struct tls_context *inbox_tls(struct inbox *i, const char *ca_file, struct fault *why)
{
    struct tls_context *tls = map_get(i->tls, ca_file);
    struct buf pem;

    if (tls)
        return tls;
    buf_init(&pem, CA_FILE_LIMIT);
    if (*ca_file == '\0' || read_file(ca_file, &pem, why))
        tls = tls_client_new(buf_bytes(&pem), why);
    buf_fini(&pem);
    if (tls)
        map_put(i->tls, ca_file, tls);
    return tls;
}
