/* msg/codec.h - messages between roles: described once in a table, bounded, checked, packed and unpacked by one function.
 *
 * A message is a struct made from its field list. A message from another role is as untrusted as one from the network:
 * unpacking checks every length against the table's bound, every text for NULs and every list for its count, and
 * refuses what is left over. Text and bytes of an unpacked message point into the packed form (text carries its NUL
 * there), so nothing is copied; only lists need the arena.
 *
 *   #define MSG_LOGIN_ASK(F, L) F(U64, tag, 0) F(TEXT, user, 320) F(SECRET, password, 1024)
 *   MSG_STRUCT(login_ask, MSG_LOGIN_ASK);                 struct login_ask; its login_ask_fields[] stands in tables.c
 *
 * F(type, name, bound); L(element, name, bound) is a list of `struct element` with `name_count`. At most one FD. */
#ifndef MSG_CODEC_H
#define MSG_CODEC_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/fault.h"

enum msg_type { MSG_U32, MSG_U64, MSG_I64, MSG_BOOL, MSG_TEXT, MSG_BYTES, MSG_SECRET, MSG_FD, MSG_LIST, MSG_END };

struct msg_field {
    enum msg_type type;
    const char *name;
    size_t offset;
    size_t count_offset;            /* lists */
    size_t bound;                   /* largest text or bytes size, or list count */
    const struct msg_field *fields; /* lists: the element's */
    size_t element_size;
};

#define MSG_C_U32 uint32_t
#define MSG_C_U64 uint64_t
#define MSG_C_I64 int64_t
#define MSG_C_BOOL bool
#define MSG_C_TEXT const char * /* NULL packs as ""; never NULL when unpacked */
#define MSG_C_BYTES struct bytes
#define MSG_C_SECRET struct bytes /* as BYTES; buffers that held it are wiped after the callback */
#define MSG_C_FD int              /* -1: none. Unpacked: the receiver takes it */

#define MSG_MEMBER_F(type, name, bound) MSG_C_##type name;
#define MSG_MEMBER_L(element, name, bound) \
    struct element *name; \
    size_t name##_count;
#define MSG_STRUCT(tag, LIST) \
    struct tag { \
        LIST(MSG_MEMBER_F, MSG_MEMBER_L) \
    }; \
    extern const struct msg_field tag##_fields[]

#define MSG_ROW_F(type, name, bound) { MSG_##type, #name, offsetof(MSG_SELF, name), 0, bound, NULL, 0 },
#define MSG_ROW_L(element, name, bound) \
    { MSG_LIST, \
      #name, \
      offsetof(MSG_SELF, name), \
      offsetof(MSG_SELF, name##_count), \
      bound, \
      element##_fields, \
      sizeof(struct element) },
/* In a .c file:  #define MSG_SELF struct login_ask
 *                const struct msg_field login_ask_fields[] = { MSG_ROWS(MSG_LOGIN_ASK) };
 *                #undef MSG_SELF */
#define MSG_ROWS(LIST) \
    LIST(MSG_ROW_F, MSG_ROW_L) \
    { \
        MSG_END, NULL, 0, 0, 0, NULL, 0 \
    }

/* Packed size, without looking at bounds. */
size_t msg_size(const struct msg_field *fields, const void *message);
bool msg_has_secret(const struct msg_field *fields);
/* Appends; `fd` becomes the message's descriptor (lent) or -1. False, appending nothing: a field is over its bound or a
 * text's, or `out` is full (a mistake of ours or hostile input let through: the fault names the field). */
bool msg_pack(const struct msg_field *fields, const void *message, struct buf *out, int *fd, struct fault *why);
/* `in` and `arena` are lent as long as the message is used. `fd` is what came along (-1: none); it goes into the FD field, or the
 * message is refused if there is none. On false `fd` is still the caller's. */
bool msg_unpack(const struct msg_field *fields, struct bytes in, int fd, struct arena *arena, void *message,
                struct fault *why);

#endif
