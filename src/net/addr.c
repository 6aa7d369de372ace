/* net/addr.c - the only place that knows how an address is spelled. */
#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"

static const char address_forms[] =
    "write host:port with a numeric address, such as 127.0.0.1:2525, [::1]:2525 or *:25, "
    "or unix:/path";

static bool parse_unix(const char *path, struct net_addr *out, struct fault *why)
{
    struct sockaddr_un *un = (struct sockaddr_un *)&out->storage;
    size_t size = strlen(path);
    if (path[0] != '/')
        return fault_set(why, FAULT_CONFIG, "", "address \"unix:%s\": the path must begin with /", path);
    if (size >= sizeof un->sun_path)
        return fault_set(why, FAULT_CONFIG, "", "address \"unix:%s\": the path may have at most %zu bytes", path,
                         sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path, size + 1);
    out->size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
    return true;
}

static bool parse_host(const char *host, uint16_t port, struct net_addr *out)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *)&out->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&out->storage;
    if (inet_pton(AF_INET, host, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        out->size = sizeof *v4;
        return true;
    }
    memset(&out->storage, 0, sizeof out->storage);
    bool is_any = strcmp(host, "*") == 0;
    if (!is_any && inet_pton(AF_INET6, host, &v6->sin6_addr) != 1)
        return false;
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out->size = sizeof *v6;
    return true;
}

bool net_addr_parse(const char *text, struct net_addr *out, struct fault *why)
{
    *out = (struct net_addr){ 0 };
    if (strncmp(text, "unix:", 5) == 0)
        return parse_unix(text + 5, out, why);
    const char *colon = strrchr(text, ':');
    uint64_t port = 0;
    if (!colon || !text_to_u64(colon + 1, UINT16_MAX, &port))
        return fault_set(why, FAULT_CONFIG, "", "address \"%s\" has no port: %s", text, address_forms);

    char host[INET6_ADDRSTRLEN + 1];
    const char *from = text, *to = colon;
    if (*text == '[' && colon > text + 1 && colon[-1] == ']') {
        from = text + 1;
        to = colon - 1;
    } else if (memchr(text, ':', (size_t)(colon - text))) {
        return fault_set(why, FAULT_CONFIG, "", "address \"%s\": put an IPv6 address in brackets, as in [::1]:2525",
                         text);
    }
    size_t size = (size_t)(to - from);
    if (size >= sizeof host)
        return fault_set(why, FAULT_CONFIG, "", "address \"%s\" is not one: %s", text, address_forms);
    memcpy(host, from, size);
    host[size] = '\0';
    if (!parse_host(host, (uint16_t)port, out))
        return fault_set(why, FAULT_CONFIG, "", "address \"%s\" is not one: %s", text, address_forms);
    return true;
}

static const struct sockaddr_in *as_v4(const struct net_addr *a)
{
    return a->storage.ss_family == AF_INET ? (const struct sockaddr_in *)&a->storage : NULL;
}

static const struct sockaddr_in6 *as_v6(const struct net_addr *a)
{
    return a->storage.ss_family == AF_INET6 ? (const struct sockaddr_in6 *)&a->storage : NULL;
}

static void unix_text(const struct net_addr *a, char *out, size_t size)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)&a->storage;
    bool is_named = a->size > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0];
    snprintf(out, size, "unix:%.*s", is_named ? (int)sizeof un->sun_path : 0, un->sun_path);
}

void net_addr_host_text(const struct net_addr *a, char *out, size_t size)
{
    char text[INET6_ADDRSTRLEN] = "?";
    const struct sockaddr_in *v4 = as_v4(a);
    const struct sockaddr_in6 *v6 = as_v6(a);
    if (a->storage.ss_family == AF_UNIX) {
        unix_text(a, out, size);
        return;
    }
    if (v4)
        inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text);
    else if (v6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof text);
    else if (v6)
        inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text);
    snprintf(out, size, "%s", text);
}

void net_addr_text(const struct net_addr *a, char *out, size_t size)
{
    char host[NET_ADDR_TEXT_SIZE];
    net_addr_host_text(a, host, sizeof host);
    if (a->storage.ss_family == AF_UNIX)
        snprintf(out, size, "%s", host);
    else
        snprintf(out, size, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, (unsigned)net_addr_port(a));
}

uint16_t net_addr_port(const struct net_addr *a)
{
    if (as_v4(a))
        return ntohs(as_v4(a)->sin_port);
    return as_v6(a) ? ntohs(as_v6(a)->sin6_port) : 0;
}

bool net_addr_is_loopback(const struct net_addr *a)
{
    const struct sockaddr_in *v4 = as_v4(a);
    const struct sockaddr_in6 *v6 = as_v6(a);
    if (v4)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (v6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
        return v6->sin6_addr.s6_addr[12] == 127;
    if (v6)
        return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return a->storage.ss_family == AF_UNIX;
}
