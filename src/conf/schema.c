/* conf/schema.c - every setting of the configuration file. To add one: a member in conf/conf.h and a row here. */
#include "conf/schema.h"

#include <stddef.h>

#define AT(member) offsetof(struct conf, member)
#define LISTENER_AT(member) offsetof(struct conf_listener, member)
#define RELOADABLE true
#define FIXED false

const struct conf_row conf_rows[] = {
    { "state", CONF_PATH, AT(state), "", "", FIXED,
      "Directory of the queue, the sealed secrets and the admin socket; /var/lib/postern for root, else "
      "~/.local/state/postern." },
    { "store", CONF_CHOICE, AT(store), "sqlite", "sqlite", FIXED, "Where objects and messages are kept." },
    { "hostname", CONF_TEXT, AT(hostname), "", "", RELOADABLE,
      "Own name in greetings, Received and Message-ID; the system's if not given." },
    { "user", CONF_TEXT, AT(user), "", "", FIXED,
      "Roles run as this user when started by root; postern if there is such a user, else they keep root and say so." },
    { "group", CONF_TEXT, AT(group), "", "", FIXED,
      "Roles run in this group when started by root; the user's own if not given." },

    { "console.socket", CONF_PATH, AT(console.socket), "", "{state}/admin.sock", FIXED,
      "Socket that the commands talk to." },
    { "console.group", CONF_TEXT, AT(console.group), "", "", FIXED,
      "Group that may use the commands, beside the daemon's user." },
    { "console.address", CONF_ADDRESS, AT(console.address), "none", "127.0.0.1:8025", RELOADABLE,
      "Address of the console and of the API over HTTP; none switches both off." },
    { "console.public-url", CONF_TEXT, AT(console.public_url), "", "", RELOADABLE,
      "The same as others reach it; links begin with it." },
    { "console.certificate", CONF_PATH, AT(console.certificate), "", "", RELOADABLE,
      "Certificate chain in PEM: with it the console speaks HTTPS, as it must where other machines reach it." },
    { "console.key", CONF_PATH, AT(console.key), "", "", RELOADABLE, "Its private key in PEM." },
    { "console.proxy", CONF_RANGES, AT(console.proxy), "", "", RELOADABLE,
      "Addresses of web servers that pass requests on; only they may come without TLS from other machines, and only "
      "their X-Forwarded-For and X-Forwarded-Proto are believed. What they say came to them by http is refused." },
    { "console.metrics-from", CONF_RANGES, AT(console.metrics_from), "", "127.0.0.0/8, ::1", RELOADABLE,
      "Addresses that may read /metrics without a sign-in, but not through a web server that console.proxy does not "
      "name." },
    { "console.session", CONF_DURATION, AT(console.session_s), "5m..30d", "12h", RELOADABLE,
      "Who signed in to the console has to do it again after this long." },
    { "console.session-idle", CONF_DURATION, AT(console.session_idle_s), "1m..7d", "30m", RELOADABLE,
      "The same, without a request." },
    { "console.originals", CONF_CHOICE, AT(console.originals), "administrators, everybody, nobody", "administrators",
      RELOADABLE, "Who may read the content of mail in the console; everybody: read-only operators too." },
    { "console.audit-history", CONF_DURATION, AT(console.audit_history_s), "1d..10000d", "400d", RELOADABLE,
      "Who changed what is forgotten after this long." },
    { "console.entra-registration", CONF_TEXT, AT(console.entra_registration), "", "", RELOADABLE,
      "Registration through which people sign in to the console with Entra; of one organization's tenant, as "
      "with common or organizations anybody could try." },
    { "console.entra-administrators", CONF_LIST, AT(console.entra_administrators), "", "", RELOADABLE,
      "User names at Entra, or ids of groups there, that may sign in as administrators; who is in both lists is one." },
    { "console.entra-operators", CONF_LIST, AT(console.entra_operators), "", "", RELOADABLE,
      "The same for those who may look only." },

    { "log.level", CONF_CHOICE, AT(log.level), "error, warn, info, debug", "info", RELOADABLE,
      "Least important event still written." },
    { "log.events", CONF_PATH, AT(log.events), "", "{state}/events.jsonl", FIXED,
      "File of events, one JSON object a line." },
    { "log.events-size", CONF_SIZE, AT(log.events_size), "64K..16G", "64M", RELOADABLE,
      "The event file is begun anew past this size; one older file is kept." },
    { "log.stderr", CONF_FLAG, AT(log.is_stderr), "true, false", "true", RELOADABLE,
      "Also write events to standard error." },

    { "master-key.source", CONF_CHOICE, AT(master_key.source), "file, credential, stdin", "file", FIXED,
      "Where the key that seals all secrets comes from; credential is systemd's, named postern.key." },
    { "master-key.file", CONF_PATH, AT(master_key.file), "", "{state}/master.key", FIXED,
      "The key with source file; made at the first start." },

    { "token.refresh-before", CONF_DURATION, AT(token.refresh_before_s), "10s..50m", "10m", RELOADABLE,
      "Access tokens are renewed this long before they end." },
    { "token.keep-alive", CONF_DURATION, AT(token.keep_alive_s), "1h..80d", "7d", RELOADABLE,
      "A grant nobody uses is renewed at least this often, lest it ends." },
    { "token.timeout", CONF_DURATION, AT(token.timeout_s), "1s..5m", "30s", RELOADABLE,
      "Patience with the token endpoint." },
    { "token.proxy", CONF_TEXT, AT(token.proxy), "", "", RELOADABLE,
      "HTTP proxy to the token endpoint; the environment's if not given." },

    { "queue.lifetime", CONF_DURATION, AT(queue.lifetime_s), "1m..60d", "5d", RELOADABLE,
      "Mail not delivered by then goes back to its sender." },
    { "queue.bounce-lifetime", CONF_DURATION, AT(queue.bounce_lifetime_s), "1m..60d", "1d", RELOADABLE,
      "The same for reports, which are then given up." },
    { "queue.delay-notice", CONF_DURATION, AT(queue.delay_notice_s), "0..60d", "4h", RELOADABLE,
      "The sender hears of a delay after this long; 0: never." },
    { "queue.retry-first", CONF_DURATION, AT(queue.retry_first_s), "1s..1d", "1m", RELOADABLE,
      "Wait before the second attempt." },
    { "queue.retry-max", CONF_DURATION, AT(queue.retry_max_s), "1s..1d", "1h", RELOADABLE,
      "Longest wait between attempts." },
    { "queue.history", CONF_DURATION, AT(queue.history_s), "0..365d", "7d", RELOADABLE,
      "Finished messages are remembered this long, without their content." },
    { "queue.free-space-min", CONF_SIZE, AT(queue.free_space_min), "0..1024G", "128M", RELOADABLE,
      "With less room on the disk no mail is accepted." },
    { "queue.commit-wait-us", CONF_NUMBER, AT(queue.commit_wait_us), "0..100000", "0", RELOADABLE,
      "Microseconds to wait for more messages before a commit." },

    { "inbox.idle-renew", CONF_DURATION, AT(inbox.idle_renew_s), "10s..29m", "9m", RELOADABLE,
      "IMAP IDLE is begun anew after this long, and the folder looked through." },
    { "inbox.retry-first", CONF_DURATION, AT(inbox.retry_first_s), "1s..1d", "30s", RELOADABLE,
      "Wait before arrived mail is handed over a second time." },
    { "inbox.retry-max", CONF_DURATION, AT(inbox.retry_max_s), "1s..1d", "30m", RELOADABLE,
      "Longest wait between hand-overs of one message." },
    { "inbox.connections", CONF_COUNT, AT(inbox.connections), "1..20", "2", RELOADABLE,
      "Most connections to one mailbox at one time, to watch its folders." },
    { "inbox.at-once", CONF_COUNT, AT(inbox.at_once), "1..64", "4", RELOADABLE,
      "Most messages handed over to one webhook at one time; other endpoints take one by one." },
    { "inbox.history", CONF_DURATION, AT(inbox.history_s), "1d..3650d", "90d", RELOADABLE,
      "Mail that came in is known again for at least this long after it was handed over." },

    { "limits.message-size", CONF_SIZE, AT(limits.message_size), "1K..2G", "150M", RELOADABLE,
      "Largest message taken from an app; the provider's own limit holds too." },
    { "limits.recipients", CONF_COUNT, AT(limits.recipients), "1..1000", "1000", RELOADABLE,
      "Most recipients of one message." },
    { "limits.sessions", CONF_COUNT, AT(limits.sessions), "1..100000", "4000", RELOADABLE,
      "Most sessions at one time, shared out evenly among the edges." },
    { "limits.sessions-per-host", CONF_COUNT, AT(limits.sessions_per_host), "1..100000", "200", RELOADABLE,
      "Most sessions of one host at one time with each of the edges." },
    { "limits.session-idle", CONF_DURATION, AT(limits.session_idle_s), "1s..1h", "5m", RELOADABLE,
      "A session that says nothing for this long is ended." },
    { "limits.data-idle", CONF_DURATION, AT(limits.data_idle_s), "1s..1h", "10m", RELOADABLE,
      "The same in the middle of a message." },
    { "limits.errors-per-session", CONF_COUNT, AT(limits.errors_per_session), "1..1000", "20", RELOADABLE,
      "Mistakes a session may make before it is ended." },
    { "limits.edges", CONF_COUNT, AT(limits.edges), "0..64", "0", FIXED, "Processes that take mail; 0: one per core." },
    { "limits.header-size", CONF_SIZE, AT(limits.header_size), "16K..4M", "256K", RELOADABLE,
      "Largest header of a message." },

    { "bridge.login-timeout", CONF_DURATION, AT(bridge.login_timeout_s), "5s..10m", "1m", RELOADABLE,
      "A program has this long to sign in, with each try." },
    { "bridge.imap-idle", CONF_DURATION, AT(bridge.imap_idle_s), "30m..24h", "35m", RELOADABLE,
      "An IMAP session in which nothing moves for this long is ended." },
    { "bridge.pop3-idle", CONF_DURATION, AT(bridge.pop3_idle_s), "10m..24h", "10m", RELOADABLE, "The same for POP3." },
    { "bridge.smtp-idle", CONF_DURATION, AT(bridge.smtp_idle_s), "5m..24h", "10m", RELOADABLE,
      "The same for SMTP in mode through." },
    { "bridge.sessions-per-app", CONF_COUNT, AT(bridge.sessions_per_app), "1..100000", "1000", RELOADABLE,
      "Most live sessions of one app at one time, shared out evenly among the edges." },
    { "bridge.sessions-per-mailbox", CONF_COUNT, AT(bridge.sessions_per_mailbox), "1..100000", "8", RELOADABLE,
      "Most live IMAP and POP3 sessions of one mailbox at one time, shared out among the edges, with 5 at least for "
      "each; "
      "of SMTP each edge has as many as the provider's limits.connections says." },
    { "bridge.buffer", CONF_SIZE, AT(bridge.buffer), "16K..16M", "128K", RELOADABLE,
      "Octets kept each way for a side that reads slowly; then the other side has to wait." },

    { "sendmail.mailbox", CONF_MAILBOX, AT(sendmail.mailbox), "", "", RELOADABLE,
      "Way out of local mail when no mailbox has the sender's address; the only one if not given." },
    { "sendmail.drop", CONF_PATH, AT(sendmail.drop), "", "{state}/drop", FIXED,
      "Where sendmail leaves mail while the daemon is down." },
    { NULL },
};

const struct conf_row conf_listener_rows[] = {
    { "listeners.protocol", CONF_CHOICE, LISTENER_AT(protocol), "smtp, imap, pop3", NULL, RELOADABLE,
      "Protocol spoken there." },
    { "listeners.address", CONF_ADDRESS, LISTENER_AT(address), "", NULL, RELOADABLE,
      "Address and port, as in 127.0.0.1:2525." },
    { "listeners.tls", CONF_ENUM, LISTENER_AT(tls), "none, starttls, implicit", "none", RELOADABLE,
      "How it is protected." },
    { "listeners.certificate", CONF_PATH, LISTENER_AT(certificate), "", "", RELOADABLE, "Certificate chain in PEM." },
    { "listeners.key", CONF_PATH, LISTENER_AT(key), "", "", RELOADABLE, "Its private key in PEM." },
    { "listeners.auth-without-tls", CONF_FLAG, LISTENER_AT(auth_without_tls), "true, false", NULL, RELOADABLE,
      "Take passwords before TLS; true on loopback and with tls none." },
    { "listeners.mode", CONF_CHOICE, LISTENER_AT(mode), "queue, through", NULL, RELOADABLE,
      "With queue, SMTP answers when the mail is safely stored; with through, each answer is the provider's own; queue "
      "for "
      "smtp, imap and pop3 are always through." },
    { NULL },
};

const char *conf_type_name(enum conf_type type)
{
    static const char *const names[] = {
        [CONF_TEXT] = "text",
        [CONF_PATH] = "path",
        [CONF_ADDRESS] = "address",
        [CONF_MAILBOX] = "mail address",
        [CONF_CHOICE] = "choice",
        [CONF_ENUM] = "choice",
        [CONF_DURATION] = "duration",
        [CONF_SIZE] = "size",
        [CONF_NUMBER] = "number",
        [CONF_COUNT] = "number",
        [CONF_FLAG] = "true or false",
        [CONF_LIST] = "list",
        [CONF_RANGES] = "list of addresses",
    };
    return names[type];
}

bool conf_setting_at(size_t index, struct conf_setting *out)
{
    size_t own = sizeof conf_rows / sizeof conf_rows[0] - 1;
    size_t listener = sizeof conf_listener_rows / sizeof conf_listener_rows[0] - 1;
    if (index >= own + listener)
        return false;
    const struct conf_row *row = index < own ? &conf_rows[index] : &conf_listener_rows[index - own];
    *out = (struct conf_setting){ row->name,          conf_type_name(row->type),
                                  row->range,         row->initial ? row->initial : "",
                                  row->is_reloadable, row->text };
    return true;
}
