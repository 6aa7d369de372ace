/* net/trust.c - CA files read once, and the contexts made of them by name. */
#include "net/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/map.h"

enum { CA_FILE_LIMIT = 2 << 20, READ_SIZE = 65536 };

struct trust {
    struct map *contexts; /* by CA file */
};

struct trust *trust_new(void)
{
    struct trust *t = mem_alloc(sizeof *t);

    t->contexts = map_new();
    return t;
}

static bool free_context(void *ctx, const char *key, void *value)
{
    tls_context_free(value);
    return true;
}

void trust_forget(struct trust *t)
{
    map_each(t->contexts, free_context, NULL);
    map_clear(t->contexts);
}

void trust_free(struct trust *t)
{
    if (!t)
        return;
    trust_forget(t);
    map_free(t->contexts);
    free(t);
}

static bool read_file(const char *path, struct buf *out, struct fault *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = -1;

    while (fd >= 0) {
        uint8_t *room = buf_reserve(out, READ_SIZE);
        if (!room) {
            close(fd);
            return fault_set(why, FAULT_CONFIG, "tls.file", "%s is larger than a CA file may be", path);
        }
        got = read(fd, room, READ_SIZE);
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

struct tls_context *trust_context(struct trust *t, const char *ca_file, struct fault *why)
{
    struct tls_context *tls = map_get(t->contexts, ca_file);
    struct buf pem;

    if (tls)
        return tls;
    buf_init(&pem, CA_FILE_LIMIT);
    if (*ca_file == '\0' || read_file(ca_file, &pem, why))
        tls = tls_client_new(buf_bytes(&pem), why);
    buf_fini(&pem);
    if (tls)
        map_put(t->contexts, ca_file, tls);
    return tls;
}
