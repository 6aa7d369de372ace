#include "mail_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/text.h"
#include "net/conn.h"
#include "net/listen.h"

enum { SESSIONS = 4000, MESSAGES = 20000 };

struct session {
    struct mail_server *server;
    struct conn *conn;
    struct buf in;
    bool is_pop3, is_idle, is_auth_line, is_signed_in, is_over;
    char idle_tag[32], tag[32];
    size_t told;   /* EXISTS */
    bool *deleted; /* POP3: marked */
};

struct mail_server {
    struct loop *loop;
    struct listener *imap, *pop3;
    uint16_t imap_port, pop3_port;
    struct session *sessions[SESSIONS];
    unsigned sessions_count;
    struct served *messages;
    size_t count;
    uint32_t next_uid, validity;
    size_t moved;
    char folder[100];
    bool has_folder;
    unsigned cut_after, cut_each;
    const char *select_answer, *body_answer, *bad_token, *without;
    struct buf heard;
    unsigned lines;
};

static void say(struct session *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct session *s, const char *format, ...)
{
    char line[4096];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof line - 3, format, args);
    va_end(args);
    if (!s->conn)
        return;
    conn_write(s->conn, bytes_of(line));
    conn_write(s->conn, BYTES_LIT("\r\n"));
}

static void cut(struct session *s)
{
    s->is_over = true;
    s->is_idle = false;
    if (!s->conn)
        return;
    conn_flush(s->conn);
    conn_free(s->conn);
    s->conn = NULL;
}

/* -- the mailbox -- */

uint32_t mail_server_add_at(struct mail_server *s, const char *text, int64_t received_ms)
{
    if (s->count == MESSAGES)
        abort();
    s->messages[s->count++] = (struct served){
        .uid = s->next_uid++, .text = mem_strdup(text), .size = strlen(text), .received_ms = received_ms
    };
    for (unsigned n = 0; n < s->sessions_count; n++)
        if (s->sessions[n]->is_idle) {
            say(s->sessions[n], "* %zu EXISTS", s->count);
            s->sessions[n]->told = s->count;
        }
    return s->next_uid - 1;
}

uint32_t mail_server_add(struct mail_server *s, const char *text)
{
    return mail_server_add_at(s, text, loop_wall_ms(s->loop));
}

static size_t index_of(const struct mail_server *s, uint32_t uid)
{
    size_t low = 0, high = s->count; /* UIDs ascend */

    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->messages[middle].uid < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return low < s->count && s->messages[low].uid == uid ? low : SIZE_MAX;
}

void mail_server_remove(struct mail_server *s, uint32_t uid)
{
    size_t at = index_of(s, uid);

    if (at == SIZE_MAX)
        return;
    free(s->messages[at].text);
    memmove(&s->messages[at], &s->messages[at + 1], (s->count - at - 1) * sizeof *s->messages);
    s->count--;
    for (unsigned n = 0; n < s->sessions_count; n++)
        if (s->sessions[n]->conn && !s->sessions[n]->is_pop3 && s->sessions[n]->is_signed_in) {
            say(s->sessions[n], "* %zu EXPUNGE", at + 1);
            s->sessions[n]->told = s->count;
        }
}

void mail_server_serve(struct mail_server *s, uint32_t uid, enum served_how how)
{
    s->messages[index_of(s, uid)].how = how;
}

void mail_server_vanish(struct mail_server *s, uint32_t uid)
{
    size_t at = index_of(s, uid);

    free(s->messages[at].text);
    memmove(&s->messages[at], &s->messages[at + 1], (s->count - at - 1) * sizeof *s->messages);
    s->count--;
}

void mail_server_renumber(struct mail_server *s)
{
    s->validity++;
    s->next_uid = 1000 * s->validity;
    for (size_t n = 0; n < s->count; n++)
        s->messages[n].uid = s->next_uid++;
}

size_t mail_server_count(const struct mail_server *s)
{
    return s->count;
}

const struct served *mail_server_message(const struct mail_server *s, uint32_t uid)
{
    size_t at = index_of(s, uid);
    return at == SIZE_MAX ? NULL : &s->messages[at];
}

size_t mail_server_moved(const struct mail_server *s)
{
    return s->moved;
}

const char *mail_server_folder(const struct mail_server *s)
{
    return s->folder;
}

/* -- IMAP -- */

static void exists(struct session *s)
{
    if (s->told != s->server->count)
        say(s, "* %zu EXISTS", s->server->count);
    s->told = s->server->count;
}

static void done(struct session *s, const char *text)
{
    exists(s);
    say(s, "%s OK %s completed", s->tag, text);
}

static void capability(struct session *s)
{
    const char *without = s->server->without ? s->server->without : "";
    say(s, "* CAPABILITY IMAP4rev1 AUTH=XOAUTH2%s%s%s%s", strstr("SASL-IR", without) && *without ? "" : " SASL-IR",
        strcmp("IDLE", without) ? " IDLE" : "", strcmp("UIDPLUS", without) ? " UIDPLUS" : "",
        strcmp("MOVE", without) ? " MOVE" : "");
}

static void select_folder(struct session *s, const char *rest)
{
    struct mail_server *m = s->server;

    if (m->select_answer) {
        say(s, "%s %s", s->tag, m->select_answer);
        return;
    }
    say(s, "* FLAGS (\\Seen \\Deleted)");
    say(s, "* %zu EXISTS", m->count);
    say(s, "* OK [UIDVALIDITY %u] valid", m->validity);
    say(s, "* OK [UIDNEXT %u] next", m->next_uid);
    s->told = m->count;
    say(s, "%s OK [READ-WRITE] SELECT completed", s->tag);
}

static void search(struct session *s, const char *rest)
{
    const char *range = strstr(rest, "UID ");
    uint32_t first = range ? (uint32_t)strtoul(range + 4, NULL, 10) : 1, last = UINT32_MAX;
    struct mail_server *m = s->server;
    struct buf line;
    bool any = false;

    if (range && strchr(range, ':') && strchr(range, ':')[1] != '*')
        last = (uint32_t)strtoul(strchr(range, ':') + 1, NULL, 10);

    buf_init(&line, 1 << 20);
    buf_add_str(&line, "* SEARCH");
    for (size_t n = 0; n < m->count; n++)
        if (m->messages[n].uid >= first && m->messages[n].uid <= last && !m->messages[n].is_deleted) {
            buf_addf(&line, " %u", m->messages[n].uid);
            any = true;
            if (line.size > 30000) {
                conn_write(s->conn, buf_bytes(&line));
                conn_write(s->conn, BYTES_LIT("\r\n"));
                buf_clear(&line);
                buf_add_str(&line, "* SEARCH");
            }
        }
    if (!any && m->count > 0 && strstr(rest, ":*")) /* as servers do */
        buf_addf(&line, " %u", m->messages[m->count - 1].uid);
    conn_write(s->conn, buf_bytes(&line));
    conn_write(s->conn, BYTES_LIT("\r\n"));
    buf_fini(&line);
    done(s, "SEARCH");
}

static void internal_date(int64_t ms, char *out, size_t size)
{
    time_t t = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&t, &tm);
    strftime(out, size, "%d-%b-%Y %H:%M:%S +0000", &tm);
}

static void fetch_one(struct session *s, size_t at, const char *items)
{
    const struct served *m = &s->server->messages[at];
    const char *end = strstr(m->text, "\r\n\r\n");
    size_t header = end ? (size_t)(end - m->text) + 4 : m->size;
    bool is_header = strstr(items, "HEADER") != NULL, is_body = strstr(items, "BODY.PEEK[]") != NULL;
    char date[64], line[512];

    internal_date(m->received_ms, date, sizeof date);
    int length = snprintf(line, sizeof line, "* %zu FETCH (UID %u RFC822.SIZE %zu INTERNALDATE \"%s\" FLAGS (%s)",
                          at + 1, m->uid, m->size, date, m->is_seen ? "\\Seen" : "");
    if (is_header)
        length += snprintf(line + length, sizeof line - (size_t)length, " BODY[HEADER] {%zu}\r\n", header);
    else if (is_body)
        length += snprintf(line + length, sizeof line - (size_t)length, " BODY[] {%zu}\r\n", m->size);
    conn_write(s->conn, bytes_of(line));
    if (is_header || is_body)
        conn_write(s->conn, (struct bytes){ (const uint8_t *)m->text, is_header ? header : m->size });
    say(s, ")");
}

/* False: it is not given, and nothing behind it. */
static bool serves(struct session *s, const struct served *m, const char *items)
{
    bool is_header = strstr(items, "HEADER") != NULL, is_body = strstr(items, "BODY.PEEK[]") != NULL;

    if (m->how == SERVED_REFUSED || (m->how == SERVED_NO_HEADER && is_header)) {
        say(s, "%s NO message %u is damaged", s->tag, m->uid);
        return false;
    }
    if ((m->how == SERVED_CUT && is_header) || (m->how == SERVED_CUT_BODY && is_body)) {
        cut(s);
        return false;
    }
    return true;
}

/* "1,3:5,9" */
static bool next_range(const char **set, uint32_t *first, uint32_t *last)
{
    char *end;

    if (**set < '0' || **set > '9')
        return false;
    *first = *last = (uint32_t)strtoul(*set, &end, 10);
    if (*end == ':')
        *last = end[1] == '*' ? UINT32_MAX : (uint32_t)strtoul(end + 1, &end, 10);
    *set = *end == ',' ? end + 1 : end;
    return true;
}

static void each_of(struct session *s, const char *set, void (*run)(struct session *, size_t, const char *),
                    const char *rest)
{
    uint32_t first, last;

    while (next_range(&set, &first, &last))
        for (size_t n = 0; n < s->server->count; n++)
            if (s->server->messages[n].uid >= first && s->server->messages[n].uid <= last)
                run(s, n, rest);
}

static bool fetch(struct session *s, const char *set, const char *items)
{
    uint32_t first, last;

    while (next_range(&set, &first, &last))
        for (size_t n = 0; n < s->server->count; n++) {
            const struct served *m = &s->server->messages[n];
            if (m->uid < first || m->uid > last || m->how == SERVED_LEFT_OUT)
                continue;
            if (!serves(s, m, items))
                return false;
            fetch_one(s, n, items);
        }
    return true;
}

static void store_one(struct session *s, size_t at, const char *rest)
{
    struct served *m = &s->server->messages[at];

    m->is_seen |= strstr(rest, "\\Seen") != NULL;
    m->is_deleted |= strstr(rest, "\\Deleted") != NULL;
    say(s, "* %zu FETCH (UID %u FLAGS (\\Seen))", at + 1, m->uid);
}

static void move(struct session *s, const char *set, const char *rest)
{
    struct mail_server *m = s->server;
    uint32_t first, last;

    if (!m->has_folder) {
        say(s, "%s NO [TRYCREATE] no such folder", s->tag);
        return;
    }
    while (next_range(&set, &first, &last))
        for (uint32_t uid = first; uid <= last && uid < m->next_uid; uid++)
            if (index_of(m, uid) != SIZE_MAX) {
                m->moved++;
                mail_server_remove(m, uid);
            }
    done(s, "MOVE");
}

static void expunge(struct session *s)
{
    for (size_t n = s->server->count; n > 0; n--)
        if (s->server->messages[n - 1].is_deleted)
            mail_server_remove(s->server, s->server->messages[n - 1].uid);
    done(s, "EXPUNGE");
}

static void uid_command(struct session *s, const char *rest)
{
    const char *set = strchr(rest, ' ') ? strchr(rest, ' ') + 1 : rest;
    const char *items = strchr(set, ' ') ? strchr(set, ' ') + 1 : set;

    if (bytes_starts_nocase(bytes_of(rest), "SEARCH")) {
        search(s, rest);
    } else if (s->server->body_answer && strstr(items, "BODY.PEEK[]")) {
        say(s, "%s %s", s->tag, s->server->body_answer);
    } else if (bytes_starts_nocase(bytes_of(rest), "FETCH")) {
        if (fetch(s, set, items))
            done(s, "FETCH");
    } else if (bytes_starts_nocase(bytes_of(rest), "STORE")) {
        each_of(s, set, store_one, items);
        done(s, "STORE");
    } else if (bytes_starts_nocase(bytes_of(rest), "MOVE")) {
        move(s, set, items);
    } else if (bytes_starts_nocase(bytes_of(rest), "EXPUNGE")) {
        expunge(s);
    } else {
        say(s, "%s BAD what?", s->tag);
    }
}

static void sign_in(struct session *s, const char *base64)
{
    uint8_t plain[4096] = { 0 };
    size_t size = 0;

    base64_decode(bytes_of(base64), plain, sizeof plain - 1, &size);
    plain[size] = '\0';
    s->is_auth_line = false;
    if (s->server->bad_token && strstr((char *)plain, s->server->bad_token)) {
        say(s,
            s->is_pop3 ? "-ERR Authentication failure: unknown user name or bad password."
                       : "%s NO AUTHENTICATE failed.",
            s->tag);
        return;
    }
    s->is_signed_in = true;
    say(s, s->is_pop3 ? "+OK User successfully authenticated." : "%s OK AUTHENTICATE completed.", s->tag);
}

static void create(struct session *s, const char *rest)
{
    size_t size = strlen(rest);
    bool is_quoted = size > 1 && *rest == '"';

    snprintf(s->server->folder, sizeof s->server->folder, "%.*s", (int)(is_quoted ? size - 2 : size), rest + is_quoted);
    s->server->has_folder = true;
    done(s, "CREATE");
}

static bool is_verb(const char *rest, const char *verb)
{
    return bytes_starts_nocase(bytes_of(rest), verb);
}

static void imap_line(struct session *s, const char *line)
{
    if (s->is_idle) {
        s->is_idle = false;
        snprintf(s->tag, sizeof s->tag, "%s", s->idle_tag);
        done(s, "IDLE");
        return;
    }
    if (s->is_auth_line) {
        sign_in(s, line);
        return;
    }
    size_t size = strcspn(line, " ");
    const char *rest = line[size] ? line + size + 1 : "";
    snprintf(s->tag, sizeof s->tag, "%.*s", (int)(size < 31 ? size : 31), line);
    if (is_verb(rest, "CAPABILITY")) {
        capability(s);
        say(s, "%s OK CAPABILITY completed.", s->tag);
    } else if (is_verb(rest, "AUTHENTICATE XOAUTH2")) {
        s->is_auth_line = strlen(rest) < 22;
        if (s->is_auth_line)
            say(s, "+ ");
        else
            sign_in(s, rest + 21);
    } else if (is_verb(rest, "SELECT") || is_verb(rest, "EXAMINE")) {
        select_folder(s, rest);
    } else if (is_verb(rest, "UID ")) {
        uid_command(s, rest + 4);
    } else if (is_verb(rest, "CREATE ")) {
        create(s, rest + 7);
    } else if (is_verb(rest, "IDLE")) {
        s->is_idle = true;
        snprintf(s->idle_tag, sizeof s->idle_tag, "%s", s->tag);
        say(s, "+ IDLE accepted, awaiting DONE command.");
        exists(s); /* what came since the last answer */
    } else if (is_verb(rest, "LOGOUT")) {
        say(s, "* BYE see you");
        say(s, "%s OK LOGOUT completed.", s->tag);
        s->is_over = true;
        conn_finish(s->conn, 1000);
    } else {
        done(s, "it");
    }
}

/* -- POP3 -- */

static void pop3_text(struct session *s, const char *text, size_t size)
{
    struct bytes rest = { (const uint8_t *)text, size };

    while (rest.size > 0) {
        size_t end = bytes_find(rest, BYTES_LIT("\r\n"));
        size_t line = end == SIZE_MAX ? rest.size : end + 2;
        if (rest.data[0] == '.')
            conn_write(s->conn, BYTES_LIT("."));
        conn_write(s->conn, bytes_slice(rest, 0, line));
        rest = bytes_slice(rest, line, rest.size);
    }
    say(s, ".");
}

static void pop3_quit(struct session *s)
{
    struct mail_server *m = s->server;
    size_t kept = 0;

    for (size_t n = 0; n < m->count; n++) {
        if (s->deleted && s->deleted[n])
            free(m->messages[n].text);
        else
            m->messages[kept++] = m->messages[n];
    }
    m->count = kept;
    say(s, "+OK Microsoft Exchange Server POP3 server signing off.");
    s->is_over = true;
    conn_finish(s->conn, 1000);
}

static void pop3_list(struct session *s, bool is_uidl)
{
    say(s, "+OK");
    for (size_t n = 0; n < s->server->count; n++)
        if (is_uidl)
            say(s, "%zu u%u", n + 1, s->server->messages[n].uid);
        else
            say(s, "%zu %zu", n + 1, s->server->messages[n].size);
    say(s, ".");
}

static void pop3_line(struct session *s, const char *line)
{
    size_t number = strchr(line, ' ') ? strtoul(strchr(line, ' ') + 1, NULL, 10) : 0;
    bool is_there = number > 0 && number <= s->server->count && !(s->deleted && s->deleted[number - 1]);

    if (s->is_auth_line) {
        sign_in(s, line);
        if (s->is_signed_in)
            s->deleted = mem_alloc(MESSAGES);
    } else if (is_verb(line, "CAPA")) {
        say(s, "+OK\r\nTOP\r\nUIDL\r\nSASL XOAUTH2\r\n.");
    } else if (is_verb(line, "AUTH XOAUTH2")) {
        s->is_auth_line = true;
        say(s, "+ ");
    } else if (is_verb(line, "UIDL")) {
        pop3_list(s, true);
    } else if (is_verb(line, "LIST")) {
        pop3_list(s, false);
    } else if (is_verb(line, "QUIT")) {
        pop3_quit(s);
    } else if ((is_verb(line, "RETR") || is_verb(line, "TOP")) && is_there) {
        const struct served *m = &s->server->messages[number - 1];
        const char *end = strstr(m->text, "\r\n\r\n");
        if (m->how == SERVED_REFUSED || (m->how == SERVED_NO_HEADER && is_verb(line, "TOP"))) {
            say(s, "-ERR message %u is damaged", m->uid);
            return;
        }
        if (m->how == SERVED_CUT_BODY && is_verb(line, "RETR")) {
            cut(s);
            return;
        }
        say(s, "+OK");
        pop3_text(s, m->text, is_verb(line, "TOP") && end ? (size_t)(end - m->text) + 4 : m->size);
    } else if (is_verb(line, "DELE") && is_there) {
        s->deleted[number - 1] = true;
        say(s, "+OK");
    } else if (is_verb(line, "NOOP") || is_verb(line, "STAT")) {
        say(s, "+OK %zu 1000", s->server->count);
    } else {
        say(s, "-ERR what?");
    }
}

/* -- sessions -- */

static bool take_line(struct session *s)
{
    struct mail_server *m = s->server;
    size_t end = bytes_find(buf_bytes(&s->in), BYTES_LIT("\r\n"));
    char line[16384];

    if (end == SIZE_MAX || s->is_over)
        return false;
    snprintf(line, sizeof line, "%.*s", (int)end, (const char *)s->in.data);
    buf_consume(&s->in, end + 2);
    m->lines++;
    if (m->heard.size > 900000)
        buf_clear(&m->heard);
    buf_addf(&m->heard, "%s\n", line);
    if (m->cut_after > 0 && --m->cut_after == 0) {
        m->cut_after = m->cut_each;
        cut(s);
        return false;
    }
    if (s->is_pop3)
        pop3_line(s, line);
    else
        imap_line(s, line);
    return true;
}

static size_t on_data(void *ctx, struct bytes in)
{
    struct session *s = ctx;

    buf_add_bytes(&s->in, in);
    while (take_line(s))
        ;
    return in.size;
}

static void on_closed(void *ctx, const struct fault *why)
{
    cut(ctx);
}

static void accepted(struct mail_server *m, int fd, bool is_pop3)
{
    static const struct conn_events events = { .data = on_data, .closed = on_closed };
    static const struct conn_limits limits = { .out_limit = 64 << 20 };
    struct session *s = mem_alloc(sizeof *s);

    if (m->sessions_count == SESSIONS)
        abort();
    m->sessions[m->sessions_count++] = s;
    s->server = m;
    s->is_pop3 = is_pop3;
    buf_init(&s->in, 1 << 22);
    s->conn = conn_accept(m->loop, fd, &limits, &events, s);
    say(s, is_pop3 ? "+OK The POP3 service is ready." : "* OK The IMAP4 service is ready.");
}

static void on_imap(void *ctx, int fd, const struct net_addr *peer)
{
    accepted(ctx, fd, false);
}

static void on_pop3(void *ctx, int fd, const struct net_addr *peer)
{
    accepted(ctx, fd, true);
}

static struct listener *listen_on(struct mail_server *s, listener_accepted_fn *fn, uint16_t *port)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    struct net_addr at;

    net_addr_parse("127.0.0.1:0", &at, NULL);
    int fd = net_listen_open(&at, 16, NULL);
    if (fd < 0 || getsockname(fd, (struct sockaddr *)&name, &size) != 0)
        abort();
    at = (struct net_addr){ .storage = name, .size = size };
    *port = net_addr_port(&at);
    return listener_new(s->loop, fd, fn, s);
}

struct mail_server *mail_server_new(struct loop *l)
{
    struct mail_server *s = mem_alloc(sizeof *s);

    s->loop = l;
    s->next_uid = 100;
    s->validity = 7;
    s->messages = mem_alloc(MESSAGES * sizeof *s->messages);
    buf_init(&s->heard, 1 << 20);
    s->imap = listen_on(s, on_imap, &s->imap_port);
    s->pop3 = listen_on(s, on_pop3, &s->pop3_port);
    return s;
}

void mail_server_free(struct mail_server *s)
{
    for (unsigned n = 0; n < s->sessions_count; n++) {
        conn_free(s->sessions[n]->conn);
        buf_fini(&s->sessions[n]->in);
        free(s->sessions[n]->deleted);
        free(s->sessions[n]);
    }
    for (size_t n = 0; n < s->count; n++)
        free(s->messages[n].text);
    listener_free(s->imap);
    listener_free(s->pop3);
    buf_fini(&s->heard);
    free(s->messages);
    free(s);
}

/* -- its moods -- */

void mail_server_cut_after(struct mail_server *s, unsigned lines)
{
    s->cut_after = lines;
}

void mail_server_cut_each(struct mail_server *s, unsigned lines)
{
    s->cut_after = s->cut_each = lines;
}

void mail_server_say_bye(struct mail_server *s, const char *text)
{
    for (unsigned n = 0; n < s->sessions_count; n++)
        if (s->sessions[n]->conn && !s->sessions[n]->is_over) {
            say(s->sessions[n], "* BYE %s", text);
            s->sessions[n]->is_over = true;
            s->sessions[n]->is_idle = false;
            conn_finish(s->sessions[n]->conn, 1000);
        }
}

void mail_server_refuse_select(struct mail_server *s, const char *answer)
{
    s->select_answer = answer;
}

void mail_server_refuse_body(struct mail_server *s, const char *answer)
{
    s->body_answer = answer;
}

void mail_server_refuse_token(struct mail_server *s, const char *token)
{
    s->bad_token = token;
}

void mail_server_without(struct mail_server *s, const char *name)
{
    s->without = name;
}

uint16_t mail_server_imap_port(const struct mail_server *s)
{
    return s->imap_port;
}

uint16_t mail_server_pop3_port(const struct mail_server *s)
{
    return s->pop3_port;
}

unsigned mail_server_connections(const struct mail_server *s)
{
    return s->sessions_count;
}

unsigned mail_server_open(const struct mail_server *s)
{
    unsigned open = 0;

    for (unsigned n = 0; n < s->sessions_count; n++)
        open += s->sessions[n]->conn && !s->sessions[n]->is_over;
    return open;
}

unsigned mail_server_idling(const struct mail_server *s)
{
    unsigned idling = 0;

    for (unsigned n = 0; n < s->sessions_count; n++)
        idling += s->sessions[n]->is_idle;
    return idling;
}

const char *mail_server_heard(const struct mail_server *s)
{
    return buf_str(&s->heard);
}

unsigned mail_server_lines(const struct mail_server *s)
{
    return s->lines;
}
