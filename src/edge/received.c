/* edge/received.c */
#include "edge/received.h"

#include <string.h>

#include "base/clock.h"

/* What a client calls itself is only repeated where it can't be mistaken for syntax. */
static bool is_plain_name(const char *name)
{
    return *name && strlen(name) <= 255 &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]") == strlen(name);
}

static bool fits_line(const char *recipient)
{
    size_t size = recipient ? strlen(recipient) : 0;
    return size > 0 && size <= 512 && !strpbrk(recipient, "\r\n<>");
}

static void add_client(const struct received *r, struct buf *out)
{
    buf_addf(out, "Received: from %s", is_plain_name(r->helo) ? r->helo : "unknown");
    if (strncmp(r->host, "unix:", 5) == 0)
        buf_add_str(out, " (local)");
    else
        buf_addf(out, strchr(r->host, ':') ? " ([IPv6:%s])" : " ([%s])", r->host);
}

void received_line(const struct received *r, struct buf *out)
{
    char date[40];
    clock_rfc5322(r->wall_ms, date, sizeof date);
    add_client(r, out);
    buf_addf(out, "\r\n\tby %s with %s id %s", r->hostname, r->protocol, r->id);
    if (fits_line(r->recipient))
        buf_addf(out, "\r\n\tfor <%s>", r->recipient);
    buf_addf(out, "; %s\r\n", date);
}
