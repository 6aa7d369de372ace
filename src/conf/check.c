/* conf/check.c - what must hold between settings. What needs a look at the machine (files, users) is for `postern check`. */
#include <string.h>

#include "base/text.h"
#include "conf/schema.h"
#include "net/addr.h"

#define INVALID "conf.invalid"

struct check {
    const struct conf *conf;
    conf_tell_fn *tell;
    void *ctx;
};

static void check_pair(const struct check *c, const struct conf_listener *l)
{
    struct fault f = { 0 };
    if (l->tls != CONF_TLS_NONE && (!l->certificate[0] || !l->key[0])) {
        fault_set(&f, FAULT_CONFIG, INVALID,
                  "%s is missing: this listener can't offer TLS without it; give both PEM files, or tls: none",
                  l->certificate[0] ? "key" : "certificate");
        c->tell(c->ctx, "listeners", l, &f);
    } else if (l->tls == CONF_TLS_NONE && (l->certificate[0] || l->key[0])) {
        fault_set(&f, FAULT_CONFIG, INVALID,
                  "certificate and key are of no use with tls: none; say starttls or implicit");
        c->tell(c->ctx, "listeners", l, &f);
    }
}

static void check_mode(const struct check *c, const struct conf_listener *l)
{
    struct fault f = { 0 };
    if (text_equal(l->protocol, "smtp") || text_equal(l->mode, "through"))
        return;
    fault_set(&f, FAULT_CONFIG, INVALID, "mode queue is for smtp only: leave it out, %s is always through",
              l->protocol);
    c->tell(c->ctx, "listeners", l, &f);
}

static void check_twins(const struct check *c, size_t at)
{
    const struct conf_listener *l = &c->conf->listeners[at];
    struct net_addr address;
    if (net_addr_parse(l->address, &address, NULL) && net_addr_port(&address) == 0 &&
        strncmp(l->address, "unix:", 5) != 0)
        return; /* the system picks a port for each */
    for (size_t i = 0; i < at; i++) {
        struct fault f = { 0 };
        if (!text_equal(c->conf->listeners[i].address, l->address))
            continue;
        fault_set(&f, FAULT_CONFIG, INVALID, "%s is already taken by the listener in line %u", l->address,
                  c->conf->listeners[i].line);
        c->tell(c->ctx, "listeners", l, &f);
    }
}

/* It goes into greetings and headers, where a stray character would be somebody's parsing puzzle. */
static bool is_host_name(const char *text)
{
    for (; *text; text++) {
        bool is_alnum = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
                        (*text >= '0' && *text <= '9');
        if (!is_alnum && !strchr("-._[]:", *text))
            return false;
    }
    return true;
}

static void check_console_tls(const struct check *c)
{
    struct net_addr at;
    struct fault f = { 0 };
    const char *address = c->conf->console.address;
    bool has_certificate = c->conf->console.certificate[0], has_key = c->conf->console.key[0];
    if (has_certificate != has_key) {
        fault_set(&f, FAULT_CONFIG, INVALID, "%s is missing: HTTPS needs both PEM files",
                  has_certificate ? "console.key" : "console.certificate");
        c->tell(c->ctx, has_certificate ? "console.certificate" : "console.key", NULL, &f);
    } else if (!has_certificate && c->conf->console.proxy.count == 0 && conf_console_is_open(c->conf) &&
               net_addr_parse(address, &at, NULL) && !net_addr_is_loopback(&at)) {
        fault_set(&f, FAULT_CONFIG, INVALID,
                  "%s can be reached from other machines, and passwords must not pass without TLS: give "
                  "console.certificate and console.key; or use 127.0.0.1 and let a web server with TLS pass requests "
                  "on, its address goes into console.public-url; one on another machine is named in console.proxy",
                  address);
        c->tell(c->ctx, "console.address", NULL, &f);
    }
}

static void check_console(const struct check *c)
{
    struct fault f = { 0 };
    const char *url = c->conf->console.public_url;
    check_console_tls(c);
    if (url[0] && strncmp(url, "https://", 8) != 0 && strncmp(url, "http://", 7) != 0) {
        fault_set(&f, FAULT_CONFIG, INVALID, "console.public-url must be an address like https://mail.example.org/");
        c->tell(c->ctx, "console.public-url", NULL, &f);
    }
}

void conf_check(const struct conf *conf, conf_tell_fn *tell, void *ctx)
{
    struct check c = { conf, tell, ctx };
    struct fault f = { 0 };
    for (size_t i = 0; i < conf->listeners_count; i++) {
        check_pair(&c, &conf->listeners[i]);
        check_mode(&c, &conf->listeners[i]);
        check_twins(&c, i);
    }
    check_console(&c);
    if (!is_host_name(conf->hostname)) {
        fault_set(&f, FAULT_CONFIG, INVALID, "hostname must be a host name like mail.example.org");
        tell(ctx, "hostname", NULL, &f);
    }
    if (conf->queue.retry_first_s > conf->queue.retry_max_s) {
        fault_set(&f, FAULT_CONFIG, INVALID, "queue.retry-first must not be longer than queue.retry-max");
        tell(ctx, "queue.retry-first", NULL, &f);
    }
}
