/* cli/api.c - libcurl over a Unix socket. */
#include "cli/api.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "cli/files.h"
#include "conf/conf.h"

#define REPLY_MOST (64u << 20)
#define LINE_MOST (1u << 20)

struct api {
    struct cli *cli;
    const struct conf *conf;
    CURL *curl;
    uint64_t timeout_s;
};

/* What one request gathers. */
struct gather {
    CURL *curl;
    struct buf text;
    api_line_fn *each; /* NULL: everything is one document */
    void *ctx;
    bool is_stopped;
    bool is_download; /* a success goes to `fd` as it comes */
    int fd;
    struct fault *why;
};

struct api *api_open(struct cli *cli)
{
    const struct conf *conf = cli_conf(cli);
    if (!conf)
        return NULL;
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct api *api = mem_alloc(sizeof *api);
    *api = (struct api){ cli, conf, curl_easy_init(), 0 };
    if (!api->curl)
        abort(); /* only for want of memory */
    return api;
}

void api_close(struct api *api)
{
    if (!api)
        return;
    curl_easy_cleanup(api->curl);
    curl_global_cleanup();
    free(api);
}

void api_set_timeout(struct api *api, uint64_t seconds)
{
    api->timeout_s = seconds;
}

bool api_is_good(const struct api_reply *reply)
{
    return reply->status >= 200 && reply->status < 300;
}

void api_reply_fini(struct api_reply *reply)
{
    json_decref(reply->json);
    *reply = (struct api_reply){ 0 };
}

const char *api_segment(struct cli *cli, const char *key)
{
    char *escaped = curl_easy_escape(NULL, key, 0);
    const char *kept = arena_strdup(cli->arena, escaped ? escaped : "");
    curl_free(escaped);
    return kept;
}

/* libcurl says "couldn't connect" for everything; the socket itself knows better. */
static bool refuse_unreachable(const struct api *api, struct fault *why)
{
    const char *path = api->conf->console.socket;
    const char *file = api->conf->file;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    if (strlen(path) >= sizeof address.sun_path)
        return fault_set(why, FAULT_CONFIG, "", "console.socket %s is too long a path for a socket", path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = connect(fd, (struct sockaddr *)&address, sizeof address) == 0 ? 0 : errno;
    close(fd);
    if (error == EACCES || error == EPERM)
        return fault_set(why, FAULT_LOCAL, "", "you may not use %s: become a member of the group \"%s\", or use sudo",
                         path, api->conf->console.group[0] ? api->conf->console.group : api->conf->group);
    return fault_set(why, FAULT_RETRY, "", "the daemon does not answer at %s; start it with: %s%s", path,
                     strncmp(file, "/etc/", 5) == 0 ? "systemctl start postern" : "postern serve",
                     *file && strncmp(file, "/etc/", 5) != 0 ? arena_printf(api->cli->arena, " -c %s", file) : "");
}

/* Calls for every whole line, and keeps the rest. */
static void give_lines(struct gather *g)
{
    const uint8_t *end;
    while (!g->is_stopped && g->text.size && (end = memchr(g->text.data, '\n', g->text.size))) {
        size_t size = (size_t)(end - g->text.data);
        json_t *line = json_loadb((const char *)g->text.data, size, 0, NULL);
        if (line)
            g->is_stopped = !g->each(g->ctx, line);
        json_decref(line);
        buf_consume(&g->text, size + 1);
    }
}

static size_t on_bytes(char *data, size_t size, size_t count, void *ctx)
{
    struct gather *g = ctx;
    long status = 0;
    curl_easy_getinfo(g->curl, CURLINFO_RESPONSE_CODE, &status);
    if (g->is_download && status < 300)
        return file_write_all(g->fd, (struct bytes){ (const uint8_t *)data, size * count }, g->why) ? size * count : 0;
    if (!buf_add(&g->text, data, size * count))
        return 0;
    if (g->each && status < 300)
        give_lines(g);
    return g->is_stopped ? 0 : size * count;
}

static bool perform(struct api *api, const char *method, const char *path, struct curl_slist *headers, struct gather *g,
                    struct api_reply *reply, struct fault *why)
{
    char *url = mem_printf("http://postern/api/v1%s", path);
    curl_easy_setopt(api->curl, CURLOPT_UNIX_SOCKET_PATH, api->conf->console.socket);
    curl_easy_setopt(api->curl, CURLOPT_URL, url);
    curl_easy_setopt(api->curl, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(api->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(api->curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(api->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(api->curl, CURLOPT_TIMEOUT, (long)api->timeout_s);
    curl_easy_setopt(api->curl, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_easy_setopt(api->curl, CURLOPT_WRITEDATA, g);
    g->curl = api->curl;
    CURLcode code = curl_easy_perform(api->curl);
    curl_easy_getinfo(api->curl, CURLINFO_RESPONSE_CODE, &reply->status);
    struct curl_header *etag;
    if (curl_easy_header(api->curl, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK)
        snprintf(reply->etag, sizeof reply->etag, "%s", etag->value);
    bool is_document = !g->each && !g->is_download;
    if (code == CURLE_OK && (is_document || reply->status >= 300))
        reply->json = json_loadb(buf_str(&g->text), g->text.size, 0, NULL);
    curl_easy_reset(api->curl);
    free(url);
    if (code == CURLE_OK || g->is_stopped)
        return true;
    if (code == CURLE_WRITE_ERROR && g->is_download && why->kind != FAULT_NONE)
        return false;
    if (code == CURLE_OPERATION_TIMEDOUT)
        return fault_set(why, FAULT_RETRY, "", "nothing happened within %llu seconds",
                         (unsigned long long)api->timeout_s);
    if (code == CURLE_COULDNT_CONNECT)
        return refuse_unreachable(api, why);
    return fault_set(why, FAULT_RETRY, "", "the daemon at %s broke off: %s", api->conf->console.socket,
                     curl_easy_strerror(code));
}

static bool call_text(struct api *api, const char *method, const char *path, const char *text,
                      struct curl_slist *headers, struct gather *g, struct api_reply *reply, struct fault *why)
{
    *reply = (struct api_reply){ 0 };
    headers = curl_slist_append(headers, "Expect:");
    if (text) {
        headers = curl_slist_append(headers, "Content-Type: application/json");
        curl_easy_setopt(api->curl, CURLOPT_POSTFIELDS, text); /* not copied */
    }
    buf_init(&g->text, g->each ? LINE_MOST : REPLY_MOST);
    bool is_reached = perform(api, method, path, headers, g, reply, why);
    buf_fini(&g->text);
    curl_slist_free_all(headers);
    return is_reached;
}

bool api_call(struct api *api, const char *method, const char *path, const json_t *body, struct api_reply *reply,
              struct fault *why)
{
    return api_stream(api, method, path, body, NULL, NULL, reply, why);
}

bool api_stream(struct api *api, const char *method, const char *path, const json_t *body, api_line_fn *each, void *ctx,
                struct api_reply *reply, struct fault *why)
{
    struct gather g = { .each = each, .ctx = ctx };
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    bool is_reached = call_text(api, method, path, text, NULL, &g, reply, why);
    free(text);
    return is_reached;
}

bool api_create(struct api *api, const char *path, const json_t *body, struct api_reply *reply, struct fault *why)
{
    struct gather g = { 0 };
    char *text = json_dumps(body, JSON_COMPACT);
    bool is_reached = call_text(api, "PUT", path, text, curl_slist_append(NULL, "If-None-Match: *"), &g, reply, why);
    free(text);
    return is_reached;
}

static struct curl_slist *add_header(struct curl_slist *list, const char *name, const char *value)
{
    char *line = mem_printf("%s: %s", name, value);
    list = curl_slist_append(list, line);
    free(line);
    return list;
}

bool api_call_if(struct api *api, const char *method, const char *path, const json_t *body, const char *etag,
                 struct api_reply *reply, struct fault *why)
{
    struct gather g = { 0 };
    char *text = json_dumps(body, JSON_COMPACT);
    bool is_reached = call_text(api, method, path, text, add_header(NULL, "If-Match", etag), &g, reply, why);
    free(text);
    return is_reached;
}

bool api_call_secret(struct api *api, const char *method, const char *path, const char *member,
                     const struct secret *secret, struct api_reply *reply, struct fault *why)
{
    struct bytes value = secret_bytes(secret);
    json_t *text = json_stringn((const char *)value.data, value.size);
    json_t *body = json_pack("{s:o}", member, text);
    if (!body)
        return fault_set(why, FAULT_REJECT, "", "the secret is not text in UTF-8");
    char *dump = json_dumps(body, JSON_COMPACT);
    struct gather g = { 0 };
    bool is_reached = call_text(api, method, path, dump, NULL, &g, reply, why);
    secret_wipe(dump, strlen(dump));
    secret_wipe((char *)(uintptr_t)json_string_value(text), json_string_length(text));
    free(dump);
    json_decref(body);
    return is_reached;
}

bool api_download(struct api *api, const char *path, const char *type, int fd, struct api_reply *reply,
                  struct fault *why)
{
    struct gather g = { .is_download = true, .fd = fd, .why = why };
    return call_text(api, "GET", path, NULL, add_header(NULL, "Accept", type), &g, reply, why);
}

static size_t on_read(char *out, size_t size, size_t count, void *ctx)
{
    ssize_t n = read(*(int *)ctx, out, size * count);
    return n < 0 ? CURL_READFUNC_ABORT : (size_t)n;
}

/* The null sender needs its header too, which libcurl writes for "Name;". */
static struct curl_slist *envelope_headers(const struct api_message *m)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: message/rfc822");
    list = curl_slist_append(list, "Expect:");
    list = m->sender[0] ? add_header(list, "X-Postern-Sender", m->sender)
                        : curl_slist_append(list, "X-Postern-Sender;");
    for (size_t i = 0; i < m->recipients_count; i++)
        list = add_header(list, "X-Postern-Recipient", m->recipients[i]);
    const char *const optional[][2] = {
        { "X-Postern-Mailbox", m->mailbox },
        { "X-Postern-Notify", m->notify },
        { "X-Postern-Ret", m->ret },
        { "X-Postern-Envid", m->envid },
        { "X-Postern-SMTPUTF8", m->is_smtputf8 ? "yes" : "" },
    };
    for (size_t i = 0; i < sizeof optional / sizeof optional[0]; i++) {
        if (!text_is_empty(optional[i][1]))
            list = add_header(list, optional[i][0], optional[i][1]);
    }
    return list;
}

bool api_submit(struct api *api, const struct api_message *m, struct api_reply *reply, struct fault *why)
{
    struct gather g = { 0 };
    struct stat st;
    int fd = m->fd;
    *reply = (struct api_reply){ 0 };
    if (lseek(fd, 0, SEEK_SET) != 0 || fstat(fd, &st) != 0)
        return fault_errno(why, FAULT_LOCAL, errno, "the message can't be read again");
    struct curl_slist *headers = envelope_headers(m);
    curl_easy_setopt(api->curl, CURLOPT_POST, 1L);
    curl_easy_setopt(api->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)st.st_size);
    curl_easy_setopt(api->curl, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(api->curl, CURLOPT_READDATA, &fd);
    buf_init(&g.text, REPLY_MOST);
    bool is_reached = perform(api, "POST", "/messages", headers, &g, reply, why);
    buf_fini(&g.text);
    curl_slist_free_all(headers);
    return is_reached;
}
