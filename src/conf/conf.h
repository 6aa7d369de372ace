/* conf/conf.h - the configuration file: what belongs to the machine. (Objects live in the store.)
 *
 * One schema table (conf/schema.c) has a row per setting: name, type, range, default, reloadable, one sentence. Parser,
 * `postern check`, the API, the form and postern.yaml(5) read that row. Faults carry "file:line:column". */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <jansson.h>

#include "base/arena.h"
#include "base/fault.h"
#include "base/log.h"

enum conf_tls { CONF_TLS_NONE, CONF_TLS_STARTTLS, CONF_TLS_IMPLICIT };

struct conf_list {
    const char *const *items;
    size_t count;
};

struct conf_listener {
    const char *protocol; /* "smtp", "imap", "pop3" */
    const char *address;
    enum conf_tls tls;
    const char *certificate, *key; /* PEM files; needed unless tls is none */
    bool auth_without_tls;         /* default: only on loopback addresses, or where tls is none */
    const char *mode;              /* "queue" or "through"; imap and pop3 are always through */
    unsigned line, column;         /* in the file, for faults; 0: a default */
};

struct conf {
    const char *file;     /* where it was read from; "" : built-in defaults */
    const char *state;    /* directory */
    const char *store;    /* "sqlite" */
    const char *hostname; /* for greetings, Received and Message-ID; default: the system's */
    const char *user,
        *group; /* roles change to these when started as root; default postern, or root where there is no such user */
    struct conf_listener *listeners;
    size_t listeners_count;
    struct {
        const char *socket;             /* default {state}/admin.sock */
        const char *group;              /* who may use the commands; "" : the user of the daemon */
        const char *address;            /* of the console; "none": not open; default 127.0.0.1:8025 */
        const char *public_url;         /* "" : as conf_console_url() says */
        const char *certificate, *key;  /* PEM files; both or none */
        struct conf_list proxy;         /* ranges whose X-Forwarded-For and -Proto are believed */
        struct conf_list metrics_from;  /* ranges that may read the metrics */
        uint64_t session_s;             /* default 12h */
        uint64_t session_idle_s;        /* default 30m */
        const char *originals;          /* who may read mail there: administrators, everybody, nobody */
        uint64_t audit_history_s;       /* default 400d */
        const char *entra_registration; /* people sign in through it; "" : not with Entra */
        struct conf_list entra_administrators, entra_operators; /* user names, or ids of groups */
    } console;
    struct {
        const char *level;    /* error, warn, info, debug */
        const char *events;   /* default {state}/events.jsonl */
        uint64_t events_size; /* rotate past this, keep one older file; default 64M */
        bool is_stderr;
    } log;
    struct {
        const char *source; /* "file", "credential" (systemd, name postern.key) or "stdin" */
        const char *file;   /* default {state}/master.key, made at the first run */
    } master_key;
    struct {
        uint64_t refresh_before_s; /* default 10m */
        uint64_t keep_alive_s;     /* refresh an idle grant at least this often; default 7d */
        uint64_t timeout_s;        /* token endpoint; default 30s */
        const char *proxy;         /* "" : environment */
    } token;
    struct {
        uint64_t lifetime_s;                 /* default 5d */
        uint64_t bounce_lifetime_s;          /* default 1d */
        uint64_t delay_notice_s;             /* default 4h; 0: none */
        uint64_t retry_first_s, retry_max_s; /* default 1m, 1h; doubled with jitter between */
        uint64_t history_s;                  /* finished messages are remembered (without body); default 7d */
        uint64_t free_space_min;             /* below this the queue closes; default 128M */
        uint64_t commit_wait_us;             /* gather commits a little longer; default 0 */
    } queue;
    struct {
        uint64_t idle_renew_s;               /* default 9m */
        uint64_t retry_first_s, retry_max_s; /* of a hand-over; default 30s, 30m; doubled with jitter between */
        uint32_t connections;                /* to one mailbox at one time; default 2 */
        uint32_t at_once;                    /* hand-overs to one webhook at one time; default 4 */
        uint64_t history_s; /* what was seen of mail that came in is remembered at least so long; default 90d */
    } inbox;
    struct {
        uint64_t message_size;                /* default 150M; the provider's own limit also holds */
        uint32_t recipients;                  /* per message from an app; default 1000 */
        uint32_t sessions, sessions_per_host; /* all edges together: 4000; each edge: 200 */
        uint64_t session_idle_s;              /* default 5m */
        uint64_t data_idle_s;                 /* default 10m */
        uint32_t errors_per_session;          /* then 421; default 20 */
        uint32_t edges;                       /* 0: one per core */
        uint64_t header_size;                 /* default 256K */
    } limits;
    struct {
        uint64_t login_timeout_s; /* from the connection to being signed in at the provider; default 1m */
        uint64_t imap_idle_s;     /* default 35m; RFC 9051 5.4 asks for 30m at least */
        uint64_t pop3_idle_s;     /* default 10m; RFC 1939 3 asks for that at least */
        uint64_t smtp_idle_s;     /* default 10m */
        uint32_t sessions_per_app, sessions_per_mailbox;
        uint64_t buffer; /* octets kept each way for a reader that is slow; default 128K */
    } bridge;
    struct {
        const char *
            mailbox; /* the way out for `postern sendmail` when no mailbox has the sender's address; "" : the only one */
        const char *drop; /* default {state}/drop */
    } sendmail;
};

/* Reads `path`, or finds the file: POSTERN_CONFIG, else /etc/postern/postern.yaml if it is there, else built-in defaults.
 * Every mistake is reported through `each` (may be NULL); false if there was one; the first is in `why`.
 * Paths in a file are resolved against its folder, so `file` is best given absolute; conf_load() makes it so.
 * Without a file the state directory is /var/lib/postern for root, else $XDG_STATE_HOME/postern or ~/.local/state/postern, and the
 * one listener is SMTP on 127.0.0.1:2525 without TLS. */
typedef void conf_mistake_fn(void *ctx, const struct fault *mistake);
bool conf_load(const char *path, struct arena *arena, struct conf *out, conf_mistake_fn *each, void *ctx,
               struct fault *why);
bool conf_parse(struct bytes yaml, const char *file, struct arena *arena, struct conf *out, conf_mistake_fn *each,
                void *ctx, struct fault *why);
/* What differs and can't be changed while running ("state"), as a fault; true when a reload may go on. */
bool conf_may_reload(const struct conf *now, const struct conf *next, struct fault *why);
json_t *conf_to_json(const struct conf *c); /* given */

bool conf_console_is_open(const struct conf *c);
bool conf_console_has_tls(const struct conf *c);
/* Where a browser finds the console, without a slash at its end: the public address, else http(s) and `bound` (the socket's real
 * address; "" : as configured). Given. */
char *conf_console_url(const struct conf *c, const char *bound);

/* One row per setting, for the manual and --help. */
struct conf_setting {
    const char *name;    /* "queue.lifetime"; "listeners.tls" is one of each listener */
    const char *type;    /* "duration" */
    const char *range;   /* "1m..30d", "none, starttls, implicit", or "" */
    const char *initial; /* as it would stand in the file; {state} is the state directory */
    bool is_reloadable;
    const char *text; /* one sentence */
};
bool conf_setting_at(size_t index, struct conf_setting *out); /* false past the end */

#endif
