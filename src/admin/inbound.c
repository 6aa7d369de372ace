/* Mail that came in: lists, one message, its content raw, parsed or in part, and the signed links that lead to raw mail. */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "admin/admin_private.h"
#include "base/raw_link.h"
#include "base/text.h"

#define ATTACHMENT_LIMIT (256u << 20)

/* --- for the administrator --- */

static void pass_query(struct request *r, json_t *in, const char *const *names)
{
    for (; *names; names++) {
        const char *value = request_query(r, *names);
        if (value)
            json_object_set_new(in, *names, json_string(value));
    }
}

void inbound_list(struct request *r)
{
    static const char *const names[] = { "endpoint", "mailbox", "state", "since", "limit", "cursor", NULL };
    json_t *in = json_object();
    pass_query(r, in, names);
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.list", in);
    request_then(r, respond_first);
}

void inbound_get(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.get", json_pack("{s:s}", "id", r->params[0]));
    request_then(r, respond_first);
}

static void pass_content(struct request *r)
{
    struct ask *k = &r->asks[0];
    if (!respond_unless_ok(r, k))
        return;
    int fd = k->fd;
    k->fd = -1;
    respond_fd(r, fd, "message/rfc822");
}

void inbound_content(struct request *r)
{
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.content", json_pack("{s:s}", "id", r->params[0]));
    request_then(r, pass_content);
}

void inbound_retry(struct request *r)
{
    request_pass_body(r, "inbound.retry");
}

void inbound_remove(struct request *r)
{
    request_pass_body(r, "inbound.remove");
}

/* --- for programs: mail that an endpoint keeps --- */

struct keeper_search {
    const char *mailbox;
    bool is_found;
};

static bool keeps(void *ctx, const void *object)
{
    struct keeper_search *s = ctx;
    const struct endpoint *e = object;
    s->is_found = e->kind == ENDPOINT_KEEP && object_address_equal(e->mailbox, s->mailbox);
    return !s->is_found;
}

static bool refuse_unkept(struct request *r)
{
    struct keeper_search s = { .mailbox = r->params[0] };
    if (!directory_mailbox(r->admin->directory, s.mailbox)) {
        respond_finding(r, 404, "mailbox.unknown", "mailbox %s is not set up here", s.mailbox);
        return true;
    }
    directory_each(r->admin->directory, OBJECT_ENDPOINT, keeps, &s);
    if (!s.is_found)
        respond_finding(r, 404, "inbox.unkept", "no endpoint keeps it: postern endpoint add NAME --mailbox %s --keep",
                        s.mailbox);
    return !s.is_found;
}

void mailbox_inbox_list(struct request *r)
{
    static const char *const names[] = { "since", "limit", "cursor", NULL };
    if (refuse_unkept(r))
        return;
    json_t *in = json_pack("{s:s, s:b}", "mailbox", r->params[0], "kept", 1);
    pass_query(r, in, names);
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.list", in);
    request_then(r, respond_first);
}

/* The kept content, mapped for as long as `use` runs. */
static void with_content(struct request *r, void (*use)(struct request *r, struct bytes message))
{
    struct ask *k = &r->asks[0];
    struct stat st;
    if (!respond_unless_ok(r, k))
        return;
    if (fstat(k->fd, &st) != 0 || st.st_size < 0) {
        respond_finding(r, 503, "store.body", "%s", strerror(errno));
        return;
    }
    size_t size = (size_t)st.st_size;
    void *data = size ? mmap(NULL, size, PROT_READ, MAP_PRIVATE, k->fd, 0) : NULL;
    if (data == MAP_FAILED) {
        respond_finding(r, 503, "store.body", "%s", strerror(errno));
        return;
    }
    use(r, (struct bytes){ data, size });
    if (data)
        munmap(data, size);
}

static void respond_parsed(struct request *r, struct bytes message)
{
    json_t *json = json_incref(r->asks[0].json);
    json_object_set(json, "answers", json_object_get(json, "queued_id"));
    json_t *letter = letter_json(letter_parse(message, true, r->arena));
    json_object_update(json, letter);
    json_decref(letter);
    respond_json(r, 200, json);
}

static void parse_content(struct request *r)
{
    with_content(r, respond_parsed);
}

static void ask_for_mail(struct request *r, request_fn *then)
{
    if (refuse_unkept(r))
        return;
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.content",
                json_pack("{s:s, s:s}", "mailbox", r->params[0], "id", r->params[1]));
    request_then(r, then);
}

void mailbox_inbox_get(struct request *r)
{
    const char *accept = request_header(r, "Accept");
    ask_for_mail(r, accept && strstr(accept, "message/rfc822") ? pass_content : parse_content);
}

static void respond_attachment(struct request *r, struct bytes message)
{
    const struct letter *letter = letter_parse(message, true, r->arena);
    uint64_t number;
    struct buf out;
    if (!text_to_u64(r->params[2], LETTER_PARTS, &number) || number >= letter->parts_count) {
        respond_finding(r, 404, "api.unknown", "the message has %zu attachments, counted from 0", letter->parts_count);
        return;
    }
    const struct letter_part *part = &letter->parts[number];
    buf_init(&out, ATTACHMENT_LIMIT);
    if (letter_part_decode(part, &out))
        respond_octets(r, buf_bytes(&out), "application/octet-stream");
    else
        respond_finding(r, 422, "api.size", "the attachment is too large: fetch the whole message, as message/rfc822");
    buf_fini(&out);
}

static void pick_attachment(struct request *r)
{
    with_content(r, respond_attachment);
}

void mailbox_inbox_attachment(struct request *r)
{
    ask_for_mail(r, pick_attachment);
}

/* --- signed links --- */

static void nothing_here(struct request *r)
{
    respond_plain(r, 404, "There is nothing here, or not any more.\n");
}

static void pass_linked(struct request *r)
{
    if (r->asks[0].status == 200 && r->asks[0].fd >= 0)
        pass_content(r);
    else
        nothing_here(r);
}

static void link_checked(struct request *r)
{
    unsigned status = r->asks[0].status;
    asks_forget(r);
    if (status != 204) {
        nothing_here(r);
        return;
    }
    request_ask(r, ADMIN_PEER_QUEUE, "inbound.content", json_pack("{s:s}", "id", r->params[0]));
    request_then(r, pass_linked);
}

static bool read_id(const char *text, uint64_t *id)
{
    uint8_t raw[8];
    size_t size;
    if (!hex_decode(text, raw, sizeof raw, &size) || size != sizeof raw)
        return false;
    *id = 0;
    for (size_t i = 0; i < sizeof raw; i++)
        *id = *id << 8 | raw[i];
    return true;
}

/* Whoever has the link has the right; what is wrong with one that has not is not said. */
void raw_link_get(struct request *r)
{
    const char *ends = request_query(r, "ends"), *signature = request_query(r, "signature");
    char text[RAW_LINK_TEXT_SIZE];
    uint64_t id, ends_s;
    if (!ends || !signature || !read_id(r->params[0], &id) || !text_to_u64(ends, INT64_MAX / 1000, &ends_s) ||
        (int64_t)ends_s * 1000 < loop_wall_ms(r->admin->loop)) {
        nothing_here(r);
        return;
    }
    raw_link_text(id, (int64_t)ends_s, text);
    request_ask(r, ADMIN_PEER_VAULT, "link.check", json_pack("{s:s, s:s}", "text", text, "signature", signature));
    request_then(r, link_checked);
}
