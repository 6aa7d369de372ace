/* net/addr.h - socket addresses and CIDR ranges as text and back. */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/fault.h"

#define NET_ADDR_TEXT_SIZE 128

struct net_addr {
    struct sockaddr_storage storage;
    socklen_t size;
};

/* "127.0.0.1:2525", "[::1]:2525", "*:25" (all, IPv6 dual), "unix:/run/x". Port 0 is allowed (the system picks). */
bool net_addr_parse(const char *text, struct net_addr *out, struct fault *why);
void net_addr_text(const struct net_addr *a, char *out, size_t size);      /* with port */
void net_addr_host_text(const struct net_addr *a, char *out, size_t size); /* address only; IPv4-mapped shown as IPv4 */
uint16_t net_addr_port(const struct net_addr *a);
bool net_addr_is_loopback(const struct net_addr *a); /* unix sockets are */

struct net_range {
    uint8_t bytes[16]; /* IPv4 as ::ffff:a.b.c.d */
    unsigned bits;     /* 0..128 */
};
bool net_range_parse(const char *text, struct net_range *out,
                     struct fault *why); /* "10.1.0.0/16", "::1", "192.0.2.7" */
bool net_range_has(const struct net_range *r, const struct net_addr *a);
bool net_range_has_text(const struct net_range *r, const char *host);

#endif
