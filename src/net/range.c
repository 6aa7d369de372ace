/* net/range.c - CIDR ranges. IPv4 lives in ::ffff:0:0/96, so one comparison serves both families. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "base/text.h"
#include "net/addr.h"

enum { MAPPED_BITS = 96 };

static void map_v4(const void *four_bytes, uint8_t out[16])
{
    memset(out, 0, 10);
    out[10] = out[11] = 0xff;
    memcpy(out + 12, four_bytes, 4);
}

/* Returns the bits that a prefix of this family may have at most, 0 if it is no address. */
static unsigned host_bytes(const char *host, uint8_t out[16])
{
    struct in_addr v4;
    if (inet_pton(AF_INET, host, &v4) == 1) {
        map_v4(&v4, out);
        return 32;
    }
    return inet_pton(AF_INET6, host, out) == 1 ? 128 : 0;
}

static bool covers(const struct net_range *r, const uint8_t at[16])
{
    unsigned whole = r->bits / 8, rest = r->bits % 8;
    if (memcmp(r->bytes, at, whole) != 0)
        return false;
    return rest == 0 || (r->bytes[whole] ^ at[whole]) >> (8 - rest) == 0;
}

bool net_range_parse(const char *text, struct net_range *out, struct fault *why)
{
    char host[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t size = slash ? (size_t)(slash - text) : strlen(text);
    unsigned most = 0;
    if (size < sizeof host) {
        memcpy(host, text, size);
        host[size] = '\0';
        most = host_bytes(host, out->bytes);
    }
    if (!most)
        return fault_set(why, FAULT_CONFIG, "",
                         "\"%s\" is not an address range: write 192.0.2.7, 10.1.0.0/16, ::1 or 2001:db8::/32", text);
    uint64_t bits = most;
    if (slash && !text_to_u64(slash + 1, most, &bits))
        return fault_set(why, FAULT_CONFIG, "", "\"%s\": the number after / must be between 0 and %u", text, most);
    out->bits = (unsigned)bits + (most == 32 ? MAPPED_BITS : 0);

    struct net_range host_part = { .bits = out->bits };
    for (unsigned i = 0; i < 16; i++) {
        unsigned keep = out->bits > i * 8 ? out->bits - i * 8 : 0;
        host_part.bytes[i] = keep >= 8 ? out->bytes[i] : (uint8_t)(out->bytes[i] & ~(0xff >> keep));
    }
    if (memcmp(host_part.bytes, out->bytes, sizeof out->bytes) != 0)
        return fault_set(why, FAULT_CONFIG, "", "\"%s\" has bits set after its prefix of %u: which network is meant?",
                         text, (unsigned)bits);
    return true;
}

bool net_range_has(const struct net_range *r, const struct net_addr *a)
{
    uint8_t at[16];
    if (a->storage.ss_family == AF_INET)
        map_v4(&((const struct sockaddr_in *)&a->storage)->sin_addr, at);
    else if (a->storage.ss_family == AF_INET6)
        memcpy(at, &((const struct sockaddr_in6 *)&a->storage)->sin6_addr, sizeof at);
    else
        return false;
    return covers(r, at);
}

bool net_range_has_text(const struct net_range *r, const char *host)
{
    uint8_t at[16];
    return host_bytes(host, at) != 0 && covers(r, at);
}
