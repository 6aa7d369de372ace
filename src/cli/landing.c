/* cli/landing.c - libmicrohttpd, run by hand in the one thread there is. */
#include "cli/landing.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"

/* Codes alone pass 1 KB; what is longer than this is not one. */
#define ADDRESS_MOST 16384

struct landing {
    struct MHD_Daemon *daemon;
    landing_fn *on_redirect;
    void *ctx;
    uint16_t port;
    bool is_done;
    unsigned open; /* connections whose page is not sent yet */
};

static const char page[] =
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">"
    "<title>Postern</title><style>:root{color-scheme:light dark}body{font:1.1rem/1.5 "
    "system-ui,sans-serif;max-width:36rem;"
    "margin:18vh auto;padding:0 1.5rem}h1{font-size:1.6rem}</style><h1>%s</h1><p>%s</p></html>";

static enum MHD_Result send_page(struct MHD_Connection *c, unsigned status, const char *title, const char *text)
{
    struct arena *arena = arena_new();
    char *html = mem_printf(page, title, text_html(arena, text)); /* it holds a server's words */
    arena_free(arena);
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(html), html, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(r, "Content-Type", "text/html; charset=utf-8");
    MHD_add_response_header(r, "Cache-Control", "no-store");
    MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(r, "Connection", "close");
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

/* The address as the browser sent it, before anything is decoded; becomes the request's own pointer. */
static void *keep_address(void *ctx, const char *uri, struct MHD_Connection *c)
{
    struct landing *l = ctx;
    l->open++;
    return strlen(uri) < ADDRESS_MOST ? mem_strdup(uri) : NULL;
}

static void forget_address(void *ctx, struct MHD_Connection *c, void **kept, enum MHD_RequestTerminationCode code)
{
    struct landing *l = ctx;
    l->open--;
    if (*kept)
        secret_wipe(*kept, strlen(*kept));
    free(*kept);
    *kept = NULL;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url, const char *method,
                                  const char *version, const char *body, size_t *body_size, void **kept)
{
    struct landing *l = ctx;
    char text[1024] = "";
    bool is_ours = MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "code") ||
                   MHD_lookup_connection_value(c, MHD_GET_ARGUMENT_KIND, "error");
    if (strcmp(method, "GET") != 0 || !is_ours || !*kept || l->is_done)
        return send_page(c, MHD_HTTP_NOT_FOUND, "Nothing here", "This page only waits for the end of a sign-in.");
    char *address = mem_printf("http://localhost:%u%s", l->port, (const char *)*kept);
    enum landing_verdict verdict = l->on_redirect(l->ctx, address, text, sizeof text);
    secret_wipe(address, strlen(address));
    free(address);
    l->is_done = verdict != LANDING_STRANGER;
    if (verdict == LANDING_GOOD)
        return send_page(c, MHD_HTTP_OK, "Signed in", "Postern can send by this mailbox now. You may close this page.");
    return send_page(c, MHD_HTTP_OK, "That did not work", text);
}

static int listen_on_loopback(uint16_t *port, struct fault *why)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) != 0 || listen(fd, 8) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
        fault_errno(why, FAULT_LOCAL, errno, "no port of 127.0.0.1 can be listened on");
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

struct landing *landing_open(landing_fn *on_redirect, void *ctx, struct fault *why)
{
    struct landing *l = mem_alloc(sizeof *l);
    *l = (struct landing){ .on_redirect = on_redirect, .ctx = ctx };
    int fd = listen_on_loopback(&l->port, why);
    if (fd >= 0)
        l->daemon = MHD_start_daemon(MHD_NO_FLAG, 0, NULL, NULL, on_request, l, MHD_OPTION_LISTEN_SOCKET, fd,
                                     MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)(64 * 1024),
                                     MHD_OPTION_URI_LOG_CALLBACK, keep_address, l, MHD_OPTION_NOTIFY_COMPLETED,
                                     forget_address, l, MHD_OPTION_END);
    if (l->daemon)
        return l;
    if (fd >= 0) {
        close(fd);
        fault_set(why, FAULT_LOCAL, "", "the page for the browser can't be served");
    }
    free(l);
    return NULL;
}

uint16_t landing_port(const struct landing *l)
{
    return l->port;
}

bool landing_wait(struct landing *l, int64_t timeout_ms)
{
    int64_t end = clock_steady_ms() + timeout_ms;
    while (!l->is_done || l->open) {
        int64_t left = end - clock_steady_ms();
        if (left <= 0)
            return l->is_done;
        MHD_run_wait(l->daemon, (int32_t)(left < 1000 ? left : 1000));
    }
    return true;
}

void landing_close(struct landing *l)
{
    if (!l)
        return;
    MHD_stop_daemon(l->daemon);
    free(l);
}
