/* msg/codec.c - one packer and one unpacker for every message, driven by the tables.
 *
 * Numbers travel in the machine's own order (both ends are one program on one machine): u32 and u64 as they are, a bool and
 * the presence of a descriptor as one byte, bytes as u32 size and content, text likewise with a NUL after it, a list as
 * u32 count and its elements. */
#include "msg/codec.h"

#include <string.h>

typedef uint32_t wire_size;

static const void *member(const void *message, const struct msg_field *f)
{
    return (const char *)message + f->offset;
}

static size_t list_count(const void *message, const struct msg_field *f)
{
    size_t count;
    memcpy(&count, (const char *)message + f->count_offset, sizeof count);
    return count;
}

static const char *list_elements(const void *message, const struct msg_field *f)
{
    const char *elements;
    memcpy(&elements, member(message, f), sizeof elements);
    return elements;
}

/* Bytes, secret or text of the message; text without its NUL. */
static struct bytes content(const void *message, const struct msg_field *f)
{
    return f->type == MSG_TEXT ? bytes_of(*(const char *const *)member(message, f))
                               : *(const struct bytes *)member(message, f);
}

size_t msg_size(const struct msg_field *fields, const void *message)
{
    size_t size = 0;
    for (const struct msg_field *f = fields; f->type != MSG_END; f++)
        switch (f->type) {
        case MSG_U32:
            size += 4;
            break;
        case MSG_U64:
        case MSG_I64:
            size += 8;
            break;
        case MSG_BOOL:
        case MSG_FD:
            size += 1;
            break;
        case MSG_TEXT:
            size += 1; /* the NUL */
            __attribute__((fallthrough));
        case MSG_BYTES:
        case MSG_SECRET:
            size += sizeof(wire_size) + content(message, f).size;
            break;
        case MSG_LIST:
            size += sizeof(wire_size);
            for (size_t i = 0; i < list_count(message, f); i++)
                size += msg_size(f->fields, list_elements(message, f) + i * f->element_size);
            break;
        case MSG_END:
            break;
        }
    return size;
}

bool msg_has_secret(const struct msg_field *fields)
{
    for (const struct msg_field *f = fields; f->type != MSG_END; f++)
        if (f->type == MSG_SECRET || (f->type == MSG_LIST && msg_has_secret(f->fields)))
            return true;
    return false;
}

static bool refuse(struct fault *why, const struct msg_field *f, const char *what)
{
    return fault_set(why, FAULT_LOCAL, "", "message field %s: %s", f->name, what);
}

struct packer {
    struct buf *out;
    int fd;
    struct fault *why;
};

static bool add(struct packer *p, const struct msg_field *f, const void *data, size_t size)
{
    return buf_add(p->out, data, size) || refuse(p->why, f, "the message is too large");
}

static bool add_size(struct packer *p, const struct msg_field *f, size_t size)
{
    if (size > f->bound || size > UINT32_MAX)
        return refuse(p->why, f, "over its bound");
    return add(p, f, &(wire_size){ (wire_size)size }, sizeof(wire_size));
}

static bool pack_fields(struct packer *p, const struct msg_field *fields, const void *message);

static bool pack_list(struct packer *p, const struct msg_field *f, const void *message)
{
    size_t count = list_count(message, f);
    if (!add_size(p, f, count))
        return false;
    for (size_t i = 0; i < count; i++)
        if (!pack_fields(p, f->fields, list_elements(message, f) + i * f->element_size))
            return false;
    return true;
}

static bool pack_content(struct packer *p, const struct msg_field *f, const void *message)
{
    struct bytes data = content(message, f);
    return add_size(p, f, data.size) && add(p, f, data.data, data.size) && (f->type != MSG_TEXT || add(p, f, "", 1));
}

static bool pack_fd(struct packer *p, const struct msg_field *f, const void *message)
{
    int fd = *(const int *)member(message, f);
    if (fd >= 0)
        p->fd = fd;
    return add(p, f, &(uint8_t){ fd >= 0 }, 1);
}

static bool pack_field(struct packer *p, const struct msg_field *f, const void *message)
{
    switch (f->type) {
    case MSG_U32:
        return add(p, f, member(message, f), 4);
    case MSG_U64:
    case MSG_I64:
        return add(p, f, member(message, f), 8);
    case MSG_BOOL:
        return add(p, f, &(uint8_t){ *(const bool *)member(message, f) }, 1);
    case MSG_TEXT:
    case MSG_BYTES:
    case MSG_SECRET:
        return pack_content(p, f, message);
    case MSG_FD:
        return pack_fd(p, f, message);
    case MSG_LIST:
        return pack_list(p, f, message);
    case MSG_END:
        break;
    }
    return true;
}

static bool pack_fields(struct packer *p, const struct msg_field *fields, const void *message)
{
    for (const struct msg_field *f = fields; f->type != MSG_END; f++)
        if (!pack_field(p, f, message))
            return false;
    return true;
}

bool msg_pack(const struct msg_field *fields, const void *message, struct buf *out, int *fd, struct fault *why)
{
    struct packer p = { .out = out, .fd = -1, .why = why };
    size_t before = out->size;
    *fd = -1;
    if (!pack_fields(&p, fields, message)) {
        out->size = before;
        if (out->data)
            out->data[before] = 0;
        return false;
    }
    *fd = p.fd;
    return true;
}

struct unpacker {
    struct bytes left;
    int fd; /* -1 once it is placed */
    struct arena *arena;
    struct fault *why;
};

static bool take(struct unpacker *u, const struct msg_field *f, void *out, size_t size)
{
    if (u->left.size < size)
        return refuse(u->why, f, "cut short");
    memcpy(out, u->left.data, size);
    u->left = bytes_slice(u->left, size, u->left.size);
    return true;
}

static bool take_flag(struct unpacker *u, const struct msg_field *f, bool *out)
{
    uint8_t byte = 0;
    if (!take(u, f, &byte, 1))
        return false;
    if (byte > 1)
        return refuse(u->why, f, "neither true nor false");
    *out = byte;
    return true;
}

static bool take_size(struct unpacker *u, const struct msg_field *f, size_t *out)
{
    wire_size size = 0;
    if (!take(u, f, &size, sizeof size))
        return false;
    if (size > f->bound)
        return refuse(u->why, f, "over its bound");
    /* An element takes a byte at least, so this also stops a count that no list behind it could fill. */
    if (size > u->left.size)
        return refuse(u->why, f, "cut short");
    *out = size;
    return true;
}

static bool unpack_bytes(struct unpacker *u, const struct msg_field *f, struct bytes *out)
{
    size_t size = 0;
    if (!take_size(u, f, &size))
        return false;
    *out = (struct bytes){ u->left.data, size };
    u->left = bytes_slice(u->left, size, u->left.size);
    return true;
}

static bool unpack_text(struct unpacker *u, const struct msg_field *f, const char **out)
{
    struct bytes text = BYTES_NONE;
    uint8_t end = 0;
    if (!unpack_bytes(u, f, &text) || !take(u, f, &end, 1))
        return false;
    if (end != 0 || memchr(text.data, 0, text.size))
        return refuse(u->why, f, "a NUL inside text, or none after it");
    *out = (const char *)text.data;
    return true;
}

static bool unpack_fd(struct unpacker *u, const struct msg_field *f, int *out)
{
    bool is_there = false;
    *out = -1;
    if (!take_flag(u, f, &is_there))
        return false;
    if (is_there && u->fd < 0)
        return refuse(u->why, f, "the descriptor did not come along");
    if (is_there) {
        *out = u->fd;
        u->fd = -1;
    }
    return true;
}

static bool unpack_fields(struct unpacker *u, const struct msg_field *fields, void *message);

static bool unpack_list(struct unpacker *u, const struct msg_field *f, void *message)
{
    size_t count = 0;
    if (!take_size(u, f, &count))
        return false;
    char *elements = arena_array(u->arena, count, f->element_size);
    memcpy((char *)message + f->offset, &elements, sizeof elements);
    memcpy((char *)message + f->count_offset, &count, sizeof count);
    for (size_t i = 0; i < count; i++)
        if (!unpack_fields(u, f->fields, elements + i * f->element_size))
            return false;
    return true;
}

static bool unpack_field(struct unpacker *u, const struct msg_field *f, void *message)
{
    void *at = (char *)message + f->offset;
    switch (f->type) {
    case MSG_U32:
        return take(u, f, at, 4);
    case MSG_U64:
    case MSG_I64:
        return take(u, f, at, 8);
    case MSG_BOOL:
        return take_flag(u, f, at);
    case MSG_TEXT:
        return unpack_text(u, f, at);
    case MSG_BYTES:
    case MSG_SECRET:
        return unpack_bytes(u, f, at);
    case MSG_FD:
        return unpack_fd(u, f, at);
    case MSG_LIST:
        return unpack_list(u, f, message);
    case MSG_END:
        break;
    }
    return true;
}

static bool unpack_fields(struct unpacker *u, const struct msg_field *fields, void *message)
{
    for (const struct msg_field *f = fields; f->type != MSG_END; f++)
        if (!unpack_field(u, f, message))
            return false;
    return true;
}

bool msg_unpack(const struct msg_field *fields, struct bytes in, int fd, struct arena *arena, void *message,
                struct fault *why)
{
    struct unpacker u = { .left = in, .fd = fd, .arena = arena, .why = why };
    if (!unpack_fields(&u, fields, message))
        return false;
    if (u.left.size > 0)
        return fault_set(why, FAULT_LOCAL, "", "%zu bytes left over after a message", u.left.size);
    if (u.fd >= 0)
        return fault_set(why, FAULT_LOCAL, "", "a descriptor came with a message that has none");
    return true;
}
