/* `postern sandbox`: put the parts together, run until told to stop. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "net/listen.h"
#include "sandbox/actions.h"
#include "sandbox/announce.h"
#include "sandbox/api.h"
#include "sandbox/entra.h"
#include "sandbox/exchange.h"
#include "sandbox/imapd.h"
#include "sandbox/pop3d.h"
#include "sandbox/sandbox.h"
#include "sandbox/set.h"

#define HOSTS_MAX 16
#define PRESETS_MAX 64

static const char usage[] =
    "usage: postern sandbox [--dir DIR] [--port-base N] [--https ADDR] [--smtp ADDR] [--web ADDR] [--google-smtp "
    "ADDR]\n"
    "                       [--imap ADDR] [--imap-starttls ADDR] [--google-imap ADDR]\n"
    "                       [--pop3 ADDR] [--pop3-stls ADDR] [--google-pop3 ADDR]\n"
    "                       [--host NAME]... [--set SWITCH=VALUE]...\n"
    "       postern sandbox set ...      change the behaviour of a running one; see `postern sandbox set --help`\n\n"
    "A Microsoft 365 tenant on loopback, to try everything without one. Its files go to DIR (POSTERN_SANDBOX_DIR, "
    "else\n"
    "./sandbox): sandbox.json says where it listens and what is in it. Ports are free ones, or from N on "
    "in the\n"
    "order of the options above.\n";

enum port {
    PORT_HTTPS,
    PORT_SMTP,
    PORT_WEB,
    PORT_GOOGLE_SMTP,
    PORT_IMAP,
    PORT_IMAP_STARTTLS,
    PORT_GOOGLE_IMAP,
    PORT_POP3,
    PORT_POP3_STLS,
    PORT_GOOGLE_POP3,
    PORT_COUNT
};

/* In the order of --port-base. */
static const char *const port_options[PORT_COUNT] = { "--https",       "--smtp", "--web",
                                                      "--google-smtp", "--imap", "--imap-starttls",
                                                      "--google-imap", "--pop3", "--pop3-stls",
                                                      "--google-pop3" };

struct options {
    const char *dir;
    const char *addresses[PORT_COUNT]; /* NULL: loopback, from the port base */
    uint64_t port_base;                /* 0: free ports */
    const char *hosts[HOSTS_MAX];
    const char *presets[PRESETS_MAX];
    size_t hosts_count, presets_count;
};

struct running {
    struct sandbox sandbox;
    struct web_server *https, *web;
    struct loop_signal *signals[2];
    int fds[PORT_COUNT];
    uint16_t ports[PORT_COUNT];
};

static bool take_option(struct options *o, const char *name, const char *value)
{
    for (size_t i = 0; i < PORT_COUNT; i++) {
        if (strcmp(port_options[i], name) == 0) {
            o->addresses[i] = value;
            return true;
        }
    }
    if (strcmp(name, "--dir") == 0)
        o->dir = value;
    else if (strcmp(name, "--port-base") == 0)
        return text_to_u64(value, 65536 - PORT_COUNT, &o->port_base);
    else if (strcmp(name, "--host") == 0 && o->hosts_count < HOSTS_MAX)
        o->hosts[o->hosts_count++] = value;
    else if (strcmp(name, "--set") == 0 && o->presets_count < PRESETS_MAX)
        o->presets[o->presets_count++] = value;
    else
        return false;
    return true;
}

static bool take_options(int argc, char **argv, struct options *o)
{
    const char *dir = getenv("POSTERN_SANDBOX_DIR");
    *o = (struct options){ .dir = dir != NULL ? dir : "sandbox" };
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 >= argc || !take_option(o, argv[i], argv[i + 1]))
            return false;
    }
    return true;
}

static bool open_directory(struct sandbox *sb, const char *dir, struct fault *why)
{
    char path[PATH_MAX];
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return fault_errno(why, FAULT_LOCAL, errno, "making the directory %s", dir);
    if (realpath(dir, path) == NULL)
        return fault_errno(why, FAULT_LOCAL, errno, "the directory %s", dir);
    sb->dir = mem_strdup(path);
    return true;
}

/* Loopback only: nobody in here has a password. */
static int open_port(const char *text, uint16_t *port, struct fault *why)
{
    struct net_addr at;
    if (!net_addr_parse(text, &at, why))
        return -1;
    if (!net_addr_is_loopback(&at)) {
        fault_set(why, FAULT_CONFIG, "",
                  "%s is not a loopback address; the sandbox lets everybody sign in and stays on this "
                  "machine",
                  text);
        return -1;
    }
    int fd = net_listen_open(&at, 1024, why);
    struct net_addr bound = { .size = sizeof bound.storage };
    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&bound.storage, &bound.size) == 0)
        *port = net_addr_port(&bound);
    return fd;
}

static bool open_ports(struct running *r, const struct options *o, struct fault *why)
{
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        char address[32];
        snprintf(address, sizeof address, "127.0.0.1:%u", o->port_base > 0 ? (unsigned)o->port_base + i : 0);
        r->fds[i] = open_port(o->addresses[i] != NULL ? o->addresses[i] : address, &r->ports[i], why);
        if (r->fds[i] < 0)
            return false;
    }
    r->sandbox.https_url = mem_printf("https://localhost:%u", r->ports[PORT_HTTPS]);
    r->sandbox.web_url = mem_printf("http://127.0.0.1:%u", r->ports[PORT_WEB]);
    r->sandbox.smtp_port = r->ports[PORT_SMTP];
    r->sandbox.google_smtp_port = r->ports[PORT_GOOGLE_SMTP];
    r->sandbox.imap_port = r->ports[PORT_IMAP];
    r->sandbox.imap_starttls_port = r->ports[PORT_IMAP_STARTTLS];
    r->sandbox.google_imap_port = r->ports[PORT_GOOGLE_IMAP];
    r->sandbox.pop3_port = r->ports[PORT_POP3];
    r->sandbox.pop3_stls_port = r->ports[PORT_POP3_STLS];
    r->sandbox.google_pop3_port = r->ports[PORT_GOOGLE_POP3];
    return true;
}

static bool apply_presets(struct sandbox *sb, const struct options *o, struct fault *why)
{
    for (size_t i = 0; i < o->presets_count; i++) {
        const char *equals = strchr(o->presets[i], '=');
        if (equals == NULL)
            return fault_set(why, FAULT_CONFIG, "", "--set takes SWITCH=VALUE, not \"%.60s\"", o->presets[i]);
        char *name = mem_strndup(o->presets[i], (size_t)(equals - o->presets[i]));
        bool is_set = switches_set(sb->switches, name, equals + 1, 0, why);
        free(name);
        if (!is_set)
            return false;
    }
    return true;
}

static bool open_servers(struct running *r, struct fault *why)
{
    struct sandbox *sb = &r->sandbox;
    const struct ca_pair *pair = &sb->ca.servers[CA_GOOD];
    int fds[PORT_COUNT];
    memcpy(fds, r->fds, sizeof fds);
    memset(r->fds, 0xff, sizeof r->fds); /* each is taken by its server */
    sb->smtp = exchange_server_new(sb, EXCHANGE_MICROSOFT, fds[PORT_SMTP], why);
    sb->google_smtp = exchange_server_new(sb, EXCHANGE_GOOGLE, fds[PORT_GOOGLE_SMTP], why);
    sb->imap = imapd_server_new(sb, IMAPD_MICROSOFT, fds[PORT_IMAP], fds[PORT_IMAP_STARTTLS], why);
    sb->google_imap = imapd_server_new(sb, IMAPD_GOOGLE, fds[PORT_GOOGLE_IMAP], -1, why);
    sb->pop3 = pop3d_server_new(sb, POP3D_MICROSOFT, fds[PORT_POP3], fds[PORT_POP3_STLS], why);
    sb->google_pop3 = pop3d_server_new(sb, POP3D_GOOGLE, fds[PORT_GOOGLE_POP3], -1, why);
    r->https = web_server_new(sb->loop, fds[PORT_HTTPS], pair->certificate_pem, pair->key_pem, entra_handle, sb, why);
    r->web = web_server_new(sb->loop, fds[PORT_WEB], NULL, NULL, api_handle, sb, why);
    if (r->web != NULL)
        web_server_take(r->web, API_BODY_MAX);
    return sb->smtp != NULL && sb->google_smtp != NULL && sb->imap != NULL && sb->google_imap != NULL &&
           sb->pop3 != NULL && sb->google_pop3 != NULL && r->https != NULL && r->web != NULL;
}

/* Tests come with thousands of sessions. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void on_signal(void *ctx, int signal)
{
    struct running *r = ctx;
    loop_stop(r->sandbox.loop);
}

static bool start(struct running *r, const struct options *o, struct fault *why)
{
    struct sandbox *sb = &r->sandbox;
    memset(r->fds, 0xff, sizeof r->fds);
    sb->loop = loop_new();
    sb->switches = switches_new(sb->loop);
    sb->activity = activity_new(sb->loop);
    sb->grants = grants_new();
    sb->certificates = entra_certificates_new();
    switches_on_action(sb->switches, sandbox_action, sb);
    r->signals[0] = loop_signal_new(sb->loop, SIGTERM, on_signal, r);
    r->signals[1] = loop_signal_new(sb->loop, SIGINT, on_signal, r);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptors();
    if (!open_directory(sb, o->dir, why) || !sandbox_ca_open(&sb->ca, sb->dir, o->hosts, o->hosts_count, why))
        return false;
    sb->keyring = entra_keyring_new(sb->dir, why);
    sb->mail = mailstore_open(sb->loop, sb->dir, why);
    return sb->keyring != NULL && sb->mail != NULL && open_ports(r, o, why) && open_servers(r, why) &&
           apply_presets(sb, o, why) && announce_write(sb, why);
}

static void stop(struct running *r)
{
    struct sandbox *sb = &r->sandbox;
    web_server_free(r->https);
    web_server_free(r->web);
    exchange_server_free(sb->smtp);
    exchange_server_free(sb->google_smtp);
    imapd_server_free(sb->imap);
    imapd_server_free(sb->google_imap);
    pop3d_server_free(sb->pop3);
    pop3d_server_free(sb->google_pop3);
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        if (r->fds[i] >= 0)
            close(r->fds[i]);
    }
    if (sb->dir != NULL) {
        char *path = mem_printf("%s/sandbox.json", sb->dir);
        unlink(path); /* nobody is there any more */
        free(path);
    }
    mailstore_close(sb->mail);
    entra_keyring_free(sb->keyring);
    entra_certificates_free(sb->certificates);
    sandbox_ca_close(&sb->ca);
    grants_free(sb->grants);
    activity_free(sb->activity);
    switches_free(sb->switches);
    loop_signal_free(r->signals[0]);
    loop_signal_free(r->signals[1]);
    loop_turn(sb->loop, 0); /* what was deferred */
    loop_free(sb->loop);
    free(sb->https_url);
    free(sb->web_url);
    free(sb->dir);
}

int cmd_sandbox(int argc, char **argv)
{
    struct options o;
    struct fault why;
    if (argc > 1 && strcmp(argv[1], "set") == 0)
        return sandbox_set(argc - 1, argv + 1);
    bool is_help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    if (is_help || !take_options(argc, argv, &o)) {
        fputs(usage, is_help ? stdout : stderr);
        return is_help ? 0 : 2;
    }
    log_init("sandbox", LOG_LEVEL_WARN);
    struct running r = { .sandbox = { .loop = NULL } };
    bool is_started = start(&r, &o, &why);
    if (is_started) {
        announce_print(&r.sandbox);
        loop_run(r.sandbox.loop);
    } else {
        fprintf(stderr, "postern sandbox: %s\n", why.text);
    }
    stop(&r);
    return is_started ? 0 : 1;
}
