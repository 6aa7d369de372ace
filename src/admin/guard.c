/* Where a request comes from, and whether it was meant for us: other sites' pages, names that were bent to our address (DNS
 * rebinding), and passwords over an open line are turned away before anything is looked at. The Unix socket has none of these. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "admin/admin_private.h"
#include "base/log.h"
#include "base/text.h"
#include "net/addr.h"

bool guard_host_is_in(const struct conf_list *ranges, const char *host)
{
    for (size_t i = 0; i < ranges->count; i++) {
        struct net_range range;
        if (net_range_parse(ranges->items[i], &range, NULL) && net_range_has_text(&range, host))
            return true;
    }
    return false;
}

bool guard_is_proxy(const struct conf *conf, const char *host)
{
    return guard_host_is_in(&conf->console.proxy, host);
}

/* "[::1]:8025", "host:8025", "::1" without what follows the name; NULL: nonsense. */
static const char *without_port(struct arena *arena, const char *text)
{
    const char *colon = strchr(text, ':');
    if (*text == '[') {
        const char *end = strchr(text, ']');
        return end ? arena_strndup(arena, text + 1, (size_t)(end - text - 1)) : NULL;
    }
    return colon && !strchr(colon + 1, ':') ? arena_strndup(arena, text, (size_t)(colon - text)) : text;
}

static bool is_literal(const char *host)
{
    struct net_range range;
    return !strchr(host, '/') && net_range_parse(host, &range, NULL);
}

struct forwarded {
    struct request *request;
    const char *all;
};

static enum MHD_Result gather(void *ctx, enum MHD_ValueKind kind, const char *name, const char *value)
{
    struct forwarded *f = ctx;
    if (text_equal_nocase(name, "X-Forwarded-For") && value)
        f->all = f->all ? arena_printf(f->request->arena, "%s,%s", f->all, value) : value;
    return MHD_YES;
}

/* From right to left each name was written by the one after it: as far as those are known, it is believed. */
static const char *forwarded_for(struct request *r, const char *peer)
{
    struct forwarded f = { .request = r };
    const char *host = peer;
    MHD_get_connection_values(r->connection, MHD_HEADER_KIND, gather, &f);
    char *rest = f.all ? arena_strdup(r->arena, f.all) : NULL;
    while (rest && guard_is_proxy(r->admin->conf, host)) {
        char *comma = strrchr(rest, ',');
        struct bytes word = bytes_trim(bytes_of(comma ? comma + 1 : rest));
        const char *text = without_port(r->arena, arena_strndup(r->arena, (const char *)word.data, word.size));
        if (!text || !is_literal(text))
            break;
        host = text;
        if (comma)
            *comma = '\0';
        else
            rest = NULL;
    }
    return host;
}

static bool peer_address(struct request *r, struct net_addr *out)
{
    const struct sockaddr *at = MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    if (!at || (at->sa_family != AF_INET && at->sa_family != AF_INET6))
        return false;
    out->size = at->sa_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
    memcpy(&out->storage, at, out->size);
    return true;
}

/* All that comes through a web server that nobody named looks as if that one asked: it counts as one address, and on this machine
 * as a near one. */
static void look_for_unnamed_proxy(struct request *r, bool is_near)
{
    static const char *const fields[] = { "X-Forwarded-For", "X-Forwarded-Proto", "Forwarded" };
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        r->is_passed_on_unnamed = r->is_passed_on_unnamed || request_header(r, fields[i]);
    if (!r->is_passed_on_unnamed)
        return;
    if (is_near) { /* from elsewhere anybody may send such fields, and nobody should be advised to believe that one */
        snprintf(r->admin->unnamed_proxy.host, sizeof r->admin->unnamed_proxy.host, "%s", r->host);
        r->admin->unnamed_proxy.seen_ms = loop_wall_ms(r->admin->loop);
    }
    if (r->admin->is_proxy_told)
        return;
    r->admin->is_proxy_told = true;
    log_warn("console.proxy-unnamed", LOG_TEXT("host", r->host));
}

/* False: over an open line, from another machine to us or to a proxy; refused. */
static bool came_safely(struct request *r)
{
    struct net_addr at;
    char host[NET_ADDR_TEXT_SIZE];
    r->is_secure = r->door->has_tls;
    if (!peer_address(r, &at))
        return true;
    net_addr_host_text(&at, host, sizeof host);
    r->host = arena_strdup(r->arena, host);
    bool is_passed_on = guard_is_proxy(r->admin->conf, r->host);
    const char *scheme = is_passed_on ? request_header(r, "X-Forwarded-Proto") : NULL;
    r->is_secure = r->is_secure || text_equal_nocase(scheme, "https");
    if (is_passed_on)
        r->host = forwarded_for(r, r->host);
    else
        look_for_unnamed_proxy(r, net_addr_is_loopback(&at));
    if (text_equal_nocase(scheme, "http"))
        respond_finding(r, 403, "console.plain-proxy", "a request from %s came to the web server at %s without TLS",
                        r->host, host);
    else if (!r->door->has_tls && !is_passed_on && !net_addr_is_loopback(&at))
        respond_finding(r, 403, "console.plain", "a request from %s came without TLS", r->host);
    else
        return true;
    return false;
}

/* "https://mail.example.org:8443/x" gives "mail.example.org:8443"; NULL: no such address. */
static const char *authority_of(struct arena *arena, const char *url)
{
    const char *start = strstr(url, "://");
    return start ? arena_strndup(arena, start + 3, strcspn(start + 3, "/?#")) : NULL;
}

static bool is_our_name(struct request *r, const char *authority)
{
    const struct conf *conf = r->admin->conf;
    const char *name = without_port(r->arena, authority);
    const char *own = conf->console.public_url ? authority_of(r->arena, conf->console.public_url) : NULL;
    if (!name)
        return false;
    return text_equal_nocase(name, "localhost") || is_literal(name) || text_equal_nocase(name, conf->hostname) ||
           (own && text_equal_nocase(name, without_port(r->arena, own)));
}

/* Without a port the scheme's own is meant, as browsers write it. */
static bool is_same_authority(const char *a, const char *b)
{
    return a && b && text_equal_nocase(a, b);
}

static bool is_our_origin(struct request *r, const char *origin)
{
    const char *public_url = r->admin->conf->console.public_url;
    const char *from = authority_of(r->arena, origin);
    return is_same_authority(from, request_header(r, "Host")) ||
           (public_url && is_same_authority(from, authority_of(r->arena, public_url)));
}

static bool is_change(const struct request *r)
{
    return !text_equal(r->method, "GET") && !text_equal(r->method, "HEAD") && !text_equal(r->method, "OPTIONS");
}

/* Browsers say where a request comes from; other programs say nothing. */
static bool is_from_elsewhere(struct request *r)
{
    const char *site = request_header(r, "Sec-Fetch-Site"), *origin = request_header(r, "Origin");
    if (!is_change(r))
        return false; /* an answer that another site's page can't read */
    if (site && !text_equal_nocase(site, "same-origin") && !text_equal_nocase(site, "none"))
        return true;
    return origin && !is_our_origin(r, origin);
}

bool guard_lets_in(struct request *r)
{
    r->host = "local";
    if (r->door->kind == DOOR_API)
        return true;
    const char *name = request_header(r, "Host");
    if (!came_safely(r))
        return false;
    if (name && !is_our_name(r, name))
        respond_finding(r, 421, "console.host", "the request was meant for another host");
    else if (is_from_elsewhere(r))
        respond_finding(r, 403, "console.csrf", "the request comes from another site's page");
    else
        return true;
    return false;
}

bool guard_knows_page(struct request *r)
{
    if (!r->session || !is_change(r) || session_csrf_is(r->session, request_header(r, "X-Postern-CSRF")))
        return true;
    respond_finding(r, 403, "console.csrf", "the field X-Postern-CSRF is missing or not this session's");
    return false;
}
