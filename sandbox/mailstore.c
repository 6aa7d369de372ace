#include "sandbox/mailstore.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "sandbox/mail_header.h"

#define HEADER_MAX (64 * 1024)
#define MEMORY_MAX (256 * 1024)

struct mailstore {
    struct loop *loop;
    char *dir; /* DIR/mail */
    int index_fd;
    json_t **messages; /* by arrival; ids ascend */
    size_t count, room;
    uint64_t next_id;
    struct mailboxes *boxes;
    struct buf journal; /* lines about folders that wait for the end of the turn */
    struct loop_deferred flush;
};

struct mail_draft {
    struct mailstore *store;
    struct buf header; /* the first bytes, for looking at */
    struct buf body;   /* all of it while it is small */
    int fd;            /* -1 while it is in memory */
    char path[512];
    uint64_t size;
    EVP_MD_CTX *digest;
};

static void path_of(const struct mailstore *s, uint64_t id, char *out, size_t size)
{
    snprintf(out, size, "%s/%06" PRIu64 ".eml", s->dir, id);
}

static void append(struct mailstore *s, json_t *facts)
{
    if (s->count == s->room) {
        s->room = s->room > 0 ? s->room * 2 : 256;
        s->messages = mem_resize(s->messages, s->room * sizeof *s->messages);
    }
    s->messages[s->count++] = facts;
}

static bool write_all(int fd, struct bytes data)
{
    while (data.size > 0) {
        ssize_t n = write(fd, data.data, data.size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        data = bytes_slice(data, (size_t)n, data.size);
    }
    return true;
}

static bool flush_journal(struct mailstore *s)
{
    bool is_good = write_all(s->index_fd, buf_bytes(&s->journal));
    buf_release(&s->journal);
    return is_good;
}

static void on_flush(void *ctx)
{
    if (!flush_journal(ctx))
        log_warn("sandbox.mail", LOG_TEXT("text", "what changed in folders can't be written down"));
}

/* A restart must find folders and flags as they were: each change is a line of the index. */
static void on_change(void *ctx, json_t *line)
{
    struct mailstore *s = ctx;
    char *text = json_dumps(line, JSON_COMPACT);
    if (!buf_addf(&s->journal, "%s\n", text)) {
        flush_journal(s);
        buf_addf(&s->journal, "%s\n", text);
    }
    loop_defer(s->loop, &s->flush);
    free(text);
    json_decref(line);
}

static void load(struct mailstore *s)
{
    FILE *index = fdopen(fcntl(s->index_fd, F_DUPFD_CLOEXEC, 0), "r");
    json_t *facts;
    while (index != NULL && (facts = json_loadf(index, JSON_DISABLE_EOF_CHECK, NULL)) != NULL) {
        uint64_t id = (uint64_t)json_integer_value(json_object_get(facts, "id"));
        mailboxes_replay(s->boxes, facts);
        if (id < s->next_id) { /* about a folder */
            json_decref(facts);
            continue;
        }
        append(s, facts);
        s->next_id = id + 1;
    }
    if (index != NULL)
        fclose(index);
    mailboxes_replayed(s->boxes);
}

struct mailstore *mailstore_open(struct loop *loop, const char *dir, struct fault *why)
{
    struct mailstore *s = mem_alloc(sizeof *s);
    s->loop = loop;
    s->dir = mem_printf("%s/mail", dir);
    s->next_id = 1;
    s->boxes = mailboxes_new(on_change, s);
    buf_init(&s->journal, 4 * 1024 * 1024);
    loop_deferred_init(&s->flush, on_flush, s);
    s->index_fd = -1;
    if (mkdir(s->dir, 0755) < 0 && errno != EEXIST) {
        fault_errno(why, FAULT_LOCAL, errno, "making the directory %s", s->dir);
        mailstore_close(s);
        return NULL;
    }
    char *path = mem_printf("%s/index.jsonl", s->dir);
    s->index_fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (s->index_fd < 0) {
        fault_errno(why, FAULT_LOCAL, errno, "opening %s", path);
        mailstore_close(s);
        s = NULL;
    }
    free(path);
    if (s != NULL)
        load(s);
    return s;
}

void mailstore_close(struct mailstore *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        json_decref(s->messages[i]);
    free(s->messages);
    if (s->index_fd >= 0) {
        flush_journal(s);
        close(s->index_fd);
    }
    loop_undefer(&s->flush);
    buf_fini(&s->journal);
    mailboxes_free(s->boxes);
    free(s->dir);
    free(s);
}

struct mail_draft *mail_draft_new(struct mailstore *s)
{
    struct mail_draft *d = mem_alloc(sizeof *d);
    d->store = s;
    d->fd = -1;
    buf_init(&d->header, HEADER_MAX);
    buf_init(&d->body, MEMORY_MAX);
    return d;
}

void mail_draft_free(struct mail_draft *d)
{
    if (d == NULL)
        return;
    if (d->fd >= 0) {
        close(d->fd);
        unlink(d->path);
    }
    EVP_MD_CTX_free(d->digest);
    buf_fini(&d->header);
    buf_fini(&d->body);
    free(d);
}

/* Large bodies go to a file, with their digest on the way. */
static bool spill(struct mail_draft *d)
{
    snprintf(d->path, sizeof d->path, "%s/draft-XXXXXX", d->store->dir);
    d->fd = mkostemp(d->path, O_CLOEXEC);
    if (d->fd < 0)
        return false;
    fchmod(d->fd, 0644);
    d->digest = EVP_MD_CTX_new();
    EVP_DigestInit_ex(d->digest, EVP_sha256(), NULL);
    EVP_DigestUpdate(d->digest, d->body.data, d->body.size);
    bool is_written = write_all(d->fd, buf_bytes(&d->body));
    buf_release(&d->body);
    return is_written;
}

bool mail_draft_add(struct mail_draft *d, struct bytes data)
{
    d->size += data.size;
    if (d->header.size < HEADER_MAX)
        buf_add_bytes(&d->header, bytes_slice(data, 0, HEADER_MAX - d->header.size));
    if (d->fd < 0 && buf_add_bytes(&d->body, data))
        return true;
    if (d->fd < 0 && !spill(d))
        return false;
    EVP_DigestUpdate(d->digest, data.data, data.size);
    return write_all(d->fd, data);
}

uint64_t mail_draft_size(const struct mail_draft *d)
{
    return d->size;
}

struct bytes mail_draft_header(const struct mail_draft *d)
{
    size_t end = bytes_find(buf_bytes(&d->header), BYTES_LIT("\r\n\r\n"));
    return bytes_slice(buf_bytes(&d->header), 0, end == SIZE_MAX ? d->header.size : end + 2);
}

bool mail_draft_set_header(struct mail_draft *d, const char *name, const char *line)
{
    if (d->fd >= 0)
        return false;
    size_t from = 0, to = 0;
    mail_header_find(mail_draft_header(d), name, &from, &to);
    struct buf made;
    buf_init(&made, MEMORY_MAX * 2);
    struct bytes old = buf_bytes(&d->body);
    buf_add_bytes(&made, bytes_slice(old, 0, from));
    if (line != NULL)
        buf_add_str(&made, line);
    buf_add_bytes(&made, bytes_slice(old, to, old.size));
    buf_fini(&d->body);
    d->body = made;
    d->size = made.size;
    buf_clear(&d->header);
    buf_add_bytes(&d->header, bytes_slice(buf_bytes(&made), 0, HEADER_MAX));
    return true;
}

static void add_digest(struct mail_draft *d, json_t *facts)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char text[2 * EVP_MAX_MD_SIZE + 1] = "";
    if (d->digest != NULL)
        EVP_DigestFinal_ex(d->digest, digest, &size);
    else
        EVP_Digest(d->body.data, d->body.size, digest, &size, EVP_sha256(), NULL);
    hex_encode((struct bytes){ digest, size }, text, sizeof text);
    json_object_set_new(facts, "sha256", json_string(text));
}

/* Header bytes may be in any encoding; JSON wants UTF-8. */
static void set_text(json_t *facts, const char *key, const char *value)
{
    char clean[1200];
    text_sanitize(bytes_of(value), clean, sizeof clean);
    json_object_set_new(facts, key, text_is_utf8(bytes_of(value)) ? json_string(value) : json_string(clean));
}

static void add_facts(struct mailstore *s, struct mail_draft *d, uint64_t id, json_t *facts)
{
    char text[1000], time[32];
    clock_iso(loop_wall_ms(s->loop), time, sizeof time);
    json_object_set_new(facts, "id", json_integer((json_int_t)id));
    if (json_object_get(facts, "received") == NULL)
        json_object_set_new(facts, "received", json_string(time));
    json_object_set_new(facts, "size", json_integer((json_int_t)d->size));
    mail_header_value(mail_draft_header(d), "Subject", text, sizeof text);
    set_text(facts, "subject", text);
    mail_header_value(mail_draft_header(d), "Message-ID", text, sizeof text);
    set_text(facts, "message_id", text);
    add_digest(d, facts);
}

static struct mailfolder *folder_of(struct mailstore *s, const json_t *place)
{
    return mailfolder_ensure(s->boxes, json_string_value(json_object_get(place, "mailbox")),
                             json_string_value(json_object_get(place, "folder")));
}

/* The UIDs it will have; folders that are new are told to the journal before the message is. */
static void add_uids(struct mailstore *s, json_t *facts)
{
    size_t i, k;
    json_t *place, *before;
    json_array_foreach(json_object_get(facts, "folders"), i, place)
    {
        struct mailfolder *f = folder_of(s, place);
        uint32_t uid = f->next_uid;
        json_array_foreach(json_object_get(facts, "folders"), k, before)
        {
            if (k == i)
                break;
            uid += folder_of(s, before) == f;
        }
        json_object_set_new(place, "uid", json_integer(uid));
    }
}

static void place(struct mailstore *s, const json_t *facts)
{
    struct mailitem item = { .id = (uint64_t)json_integer_value(json_object_get(facts, "id")),
                             .size = (uint64_t)json_integer_value(json_object_get(facts, "size")) };
    clock_parse(json_string_value(json_object_get(facts, "received")), &item.received_ms);
    size_t i;
    json_t *at;
    json_array_foreach(json_object_get(facts, "folders"), i, at)
    {
        item.flags = mail_flags_of_json(json_object_get(at, "flags"));
        mailfolder_add(folder_of(s, at), item, false);
    }
}

static bool write_file(const char *path, struct bytes data)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    bool is_good = fd >= 0 && write_all(fd, data);
    if (fd >= 0)
        close(fd);
    return is_good;
}

static bool write_message(struct mailstore *s, struct mail_draft *d, uint64_t id, const json_t *facts)
{
    char path[512];
    path_of(s, id, path, sizeof path);
    bool is_good = d->fd >= 0 ? rename(d->path, path) == 0 : write_file(path, buf_bytes(&d->body));
    if (d->fd >= 0) {
        close(d->fd);
        d->fd = -1;
    }
    char *text = json_dumps(facts, JSON_COMPACT);
    char *line = mem_printf("%s\n", text != NULL ? text : "");
    is_good = is_good && flush_journal(s) && write_all(s->index_fd, bytes_of(line));
    free(line);
    free(text);
    return is_good;
}

uint64_t mailstore_keep(struct mailstore *s, struct mail_draft *d, json_t *facts, struct fault *why)
{
    uint64_t id = s->next_id++;
    add_facts(s, d, id, facts);
    add_uids(s, facts);
    if (write_message(s, d, id, facts)) {
        append(s, facts);
        place(s, facts);
    } else {
        fault_errno(why, FAULT_LOCAL, errno, "keeping message %" PRIu64 " in %s", id, s->dir);
        json_decref(facts);
        id = 0;
    }
    mail_draft_free(d);
    return id;
}

/* First index whose id is more than that. */
static size_t index_after(const struct mailstore *s, uint64_t id)
{
    size_t low = 0, high = s->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint64_t)json_integer_value(json_object_get(s->messages[middle], "id")) <= id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

json_t *mailstore_list(const struct mailstore *s, uint64_t after_id, size_t limit)
{
    json_t *list = json_array();
    for (size_t i = index_after(s, after_id); i < s->count && json_array_size(list) < limit; i++)
        json_array_append(list, s->messages[i]);
    return list;
}

json_t *mailstore_get(const struct mailstore *s, uint64_t id)
{
    size_t at = id > 0 ? index_after(s, id - 1) : s->count;
    return at < s->count && (uint64_t)json_integer_value(json_object_get(s->messages[at], "id")) == id ? s->messages[at]
                                                                                                       : NULL;
}

bool mailstore_map(const struct mailstore *s, uint64_t id, struct bytes *out)
{
    char path[512];
    struct stat facts;
    path_of(s, id, path, sizeof path);
    *out = BYTES_NONE;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_open = fd >= 0 && fstat(fd, &facts) == 0;
    if (is_open && facts.st_size > 0) {
        void *at = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        is_open = at != MAP_FAILED;
        if (is_open)
            *out = (struct bytes){ at, (size_t)facts.st_size };
    }
    if (fd >= 0)
        close(fd);
    return is_open;
}

void mailstore_unmap(struct bytes *message)
{
    if (message->size > 0)
        munmap((void *)(uintptr_t)message->data, message->size);
    *message = BYTES_NONE;
}

struct mailboxes *mailstore_boxes(struct mailstore *s)
{
    return s->boxes;
}

bool mailstore_raw(const struct mailstore *s, uint64_t id, struct buf *out)
{
    char path[512];
    path_of(s, id, path, sizeof path);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    ssize_t n = 1;
    while (n > 0) {
        uint8_t *room = buf_reserve(out, 65536);
        n = room != NULL ? read(fd, room, 65536) : -1;
        if (n > 0)
            buf_grew(out, (size_t)n);
    }
    close(fd);
    return n == 0;
}

size_t mailstore_count(const struct mailstore *s)
{
    return s->count;
}

void mailstore_clear(struct mailstore *s)
{
    for (size_t i = 0; i < s->count; i++) {
        uint64_t id = (uint64_t)json_integer_value(json_object_get(s->messages[i], "id"));
        char path[512];
        path_of(s, id, path, sizeof path);
        unlink(path);
        json_decref(s->messages[i]);
    }
    s->count = 0;
    flush_journal(s);
    mailboxes_clear(s->boxes);
    if (ftruncate(s->index_fd, 0) < 0)
        log_warn("sandbox.mail", LOG_TEXT("text", "the index of messages can't be emptied"));
    mailboxes_rewrite(s->boxes);
}
