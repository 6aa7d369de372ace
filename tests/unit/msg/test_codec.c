/* Messages packed and unpacked, and what hostile bytes can't do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "msg/codec.h"

#define MSG_PART(F, L) F(TEXT, name, 8) F(U32, weight, 0)
MSG_STRUCT(part, MSG_PART);
#define MSG_WHOLE(F, L) \
    F(U64, tag, 0) \
    F(I64, when, 0) \
    F(BOOL, is_done, 0) \
    F(TEXT, user, 16) \
    F(BYTES, body, 32) \
    F(SECRET, password, 16) \
    L(part, parts, 3) \
    F(FD, fd, 0)
MSG_STRUCT(whole, MSG_WHOLE);
#define MSG_SMALL(F, L) F(TEXT, user, 16)
MSG_STRUCT(small, MSG_SMALL);
#define MSG_HEAP(F, L) L(part, parts, 1000000000)
MSG_STRUCT(heap, MSG_HEAP);

#define MSG_SELF struct part
const struct msg_field part_fields[] = { MSG_ROWS(MSG_PART) };
#undef MSG_SELF
#define MSG_SELF struct whole
const struct msg_field whole_fields[] = { MSG_ROWS(MSG_WHOLE) };
#undef MSG_SELF
#define MSG_SELF struct small
const struct msg_field small_fields[] = { MSG_ROWS(MSG_SMALL) };
#undef MSG_SELF
#define MSG_SELF struct heap
const struct msg_field heap_fields[] = { MSG_ROWS(MSG_HEAP) };
#undef MSG_SELF

static struct whole example(void)
{
    static struct part parts[] = { { "one", 1 }, { NULL, 2 } };
    return (struct whole){
        .tag = UINT64_MAX,
        .when = -5,
        .is_done = true,
        .user = "anna",
        .body = BYTES_LIT("a\0b"),
        .password = BYTES_LIT("hush"),
        .parts = parts,
        .parts_count = 2,
        .fd = 7,
    };
}

static void what_was_packed_is_unpacked(void **state)
{
    struct whole in = example(), out;
    struct buf packed;
    struct fault why;
    struct arena *arena = arena_new();
    int fd;
    buf_init(&packed, 4096);
    assert_true(msg_pack(whole_fields, &in, &packed, &fd, &why));
    assert_int_equal(fd, 7);
    assert_int_equal(packed.size, msg_size(whole_fields, &in));

    assert_true(msg_unpack(whole_fields, buf_bytes(&packed), 12, arena, &out, &why));
    assert_true(out.tag == UINT64_MAX && out.when == -5 && out.is_done);
    assert_string_equal(out.user, "anna");
    assert_true(bytes_equal(out.body, in.body));
    assert_true(bytes_equal(out.password, in.password));
    assert_int_equal(out.parts_count, 2);
    assert_string_equal(out.parts[0].name, "one");
    assert_string_equal(out.parts[1].name, "");
    assert_int_equal(out.parts[1].weight, 2);
    assert_int_equal(out.fd, 12);
    buf_fini(&packed);
    arena_free(arena);
}

static void every_truncation_and_any_rest_is_refused(void **state)
{
    struct whole in = example(), out;
    struct buf packed;
    struct fault why;
    struct arena *arena = arena_new();
    int fd;
    buf_init(&packed, 4096);
    assert_true(msg_pack(whole_fields, &in, &packed, &fd, &why));
    for (size_t size = 0; size < packed.size; size++) {
        /* A copy of exactly that size, so that the sanitiser sees a step too far. */
        char *cut = mem_strndup(packed.data, size);
        assert_false(msg_unpack(whole_fields, (struct bytes){ (uint8_t *)cut, size }, 12, arena, &out, &why));
        free(cut);
    }
    buf_add_byte(&packed, 0);
    assert_false(msg_unpack(whole_fields, buf_bytes(&packed), 12, arena, &out, &why));
    assert_non_null(strstr(why.text, "left over"));
    buf_fini(&packed);
    arena_free(arena);
}

static void random_damage_never_breaks_a_bound(void **state)
{
    struct whole in = example(), out;
    struct buf packed;
    struct fault why;
    struct arena *arena = arena_new();
    uint32_t random = 1;
    int fd;
    buf_init(&packed, 4096);
    assert_true(msg_pack(whole_fields, &in, &packed, &fd, &why));
    char *copy = mem_alloc(packed.size);
    for (int round = 0; round < 20000; round++) {
        memcpy(copy, packed.data, packed.size);
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            copy[(random >> 8) % packed.size] = (char)(random >> 24);
        }
        if (!msg_unpack(whole_fields, (struct bytes){ (uint8_t *)copy, packed.size }, 12, arena, &out, &why))
            continue;
        assert_true(strlen(out.user) <= 16 && out.body.size <= 32 && out.parts_count <= 3);
        for (size_t i = 0; i < out.parts_count; i++)
            assert_true(strlen(out.parts[i].name) <= 8);
        arena_reset(arena);
    }
    free(copy);
    buf_fini(&packed);
    arena_free(arena);
}

static void a_descriptor_must_come_exactly_when_announced(void **state)
{
    struct whole in = example(), out;
    struct small plain = { .user = "x" }, plain_out;
    struct buf packed;
    struct fault why;
    struct arena *arena = arena_new();
    int fd;
    buf_init(&packed, 4096);
    assert_true(msg_pack(whole_fields, &in, &packed, &fd, &why));
    assert_false(msg_unpack(whole_fields, buf_bytes(&packed), -1, arena, &out, &why));

    buf_clear(&packed);
    in.fd = -1;
    assert_true(msg_pack(whole_fields, &in, &packed, &fd, &why));
    assert_int_equal(fd, -1);
    assert_true(msg_unpack(whole_fields, buf_bytes(&packed), -1, arena, &out, &why));
    assert_int_equal(out.fd, -1);
    assert_false(msg_unpack(whole_fields, buf_bytes(&packed), 3, arena, &out, &why));

    buf_clear(&packed);
    assert_true(msg_pack(small_fields, &plain, &packed, &fd, &why));
    assert_false(msg_unpack(small_fields, buf_bytes(&packed), 3, arena, &plain_out, &why));
    buf_fini(&packed);
    arena_free(arena);
}

static void over_a_bound_is_not_packed(void **state)
{
    struct small long_user = { .user = "12345678901234567" };
    struct part parts[4] = { { "" } };
    struct whole many = example();
    struct buf packed;
    struct fault why;
    int fd;
    buf_init(&packed, 4096);
    buf_add_str(&packed, "before");
    assert_false(msg_pack(small_fields, &long_user, &packed, &fd, &why));
    assert_non_null(strstr(why.text, "user"));
    many.parts = parts;
    many.parts_count = 4;
    assert_false(msg_pack(whole_fields, &many, &packed, &fd, &why));
    assert_non_null(strstr(why.text, "parts"));
    assert_string_equal(buf_str(&packed), "before");
    buf_fini(&packed);
}

static void hostile_small_messages_are_refused(void **state)
{
    const struct {
        const char *name;
        struct bytes packed;
    } cases[] = {
        { "over the bound", BYTES_LIT("\x11\0\0\0"
                                      "12345678901234567\0") },
        { "a size past the end", BYTES_LIT("\x10\0\0\0"
                                           "123\0") },
        { "a NUL inside", BYTES_LIT("\x03\0\0\0"
                                    "1\0"
                                    "3\0") },
        { "no NUL behind", BYTES_LIT("\x03\0\0\0"
                                     "1234") },
        { "a size near 2^32", BYTES_LIT("\xff\xff\xff\xff"
                                        "1\0") },
        { "nothing", BYTES_LIT("") },
    };
    struct arena *arena = arena_new();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct small out;
        struct fault why;
        if (msg_unpack(small_fields, cases[i].packed, -1, arena, &out, &why))
            fail_msg("accepted: %s", cases[i].name);
        assert_int_equal(why.kind, FAULT_LOCAL);
    }
    arena_free(arena);
}

static void a_list_count_can_not_make_us_allocate(void **state)
{
    struct heap out;
    struct fault why;
    struct arena *arena = arena_new();
    struct bytes bomb = BYTES_LIT("\x00\xca\x9a\x3b"
                                  "only a few bytes follow");
    assert_false(msg_unpack(heap_fields, bomb, -1, arena, &out, &why));
    assert_true(arena_size(arena) < 65536);
    arena_free(arena);
}

static void secrets_are_known_from_the_table(void **state)
{
    assert_true(msg_has_secret(whole_fields));
    assert_false(msg_has_secret(small_fields));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_packed_is_unpacked),
        cmocka_unit_test(every_truncation_and_any_rest_is_refused),
        cmocka_unit_test(random_damage_never_breaks_a_bound),
        cmocka_unit_test(a_descriptor_must_come_exactly_when_announced),
        cmocka_unit_test(over_a_bound_is_not_packed),
        cmocka_unit_test(hostile_small_messages_are_refused),
        cmocka_unit_test(a_list_count_can_not_make_us_allocate),
        cmocka_unit_test(secrets_are_known_from_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
