/* Bytes, arenas, faults, secrets, clocks, maps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/fault.h"
#include "base/map.h"
#include "base/secret.h"
#include "base/text.h"

static void bytes_are_compared_found_sliced_and_trimmed(void **state)
{
    struct bytes whole = BYTES_LIT("Subject: one\r\n");
    assert_true(bytes_starts_nocase(whole, "subject:"));
    assert_false(bytes_starts_nocase(BYTES_LIT("Sub"), "subject:"));
    assert_true(bytes_equal_nocase(BYTES_LIT("aZ[`"), BYTES_LIT("Az[`")));
    assert_false(bytes_equal_nocase(BYTES_LIT("["), BYTES_LIT("{")));
    assert_int_equal(bytes_find(whole, BYTES_LIT("one")), 9);
    assert_true(bytes_find(whole, BYTES_LIT("two")) == SIZE_MAX);
    assert_int_equal(bytes_find(BYTES_NONE, BYTES_LIT("")), 0);
    assert_int_equal(bytes_slice(whole, 9, 99).size, 5);
    assert_int_equal(bytes_slice(whole, 99, 3).size, 0);
    assert_true(bytes_equal(bytes_trim(BYTES_LIT(" \t x y\r\n")), BYTES_LIT("x y")));
    assert_int_equal(bytes_trim(BYTES_LIT(" \r\n")).size, 0);
    assert_true(bytes_equal(bytes_of(NULL), BYTES_NONE));
}

static void a_buffer_keeps_to_its_limit(void **state)
{
    struct buf b;
    buf_init(&b, 100);
    assert_string_equal(buf_str(&b), "");
    for (int i = 0; i < 10; i++)
        assert_true(buf_add_str(&b, "0123456789"));
    assert_false(buf_add_byte(&b, 'x'));
    assert_false(buf_addf(&b, "%d", 7));
    assert_null(buf_reserve(&b, 1));
    assert_false(buf_add(&b, "x", SIZE_MAX));
    assert_int_equal(b.size, 100);
    buf_consume(&b, 95);
    assert_string_equal(buf_str(&b), "56789");
    assert_true(buf_addf(&b, "-%s-%d", "ab", 12));
    assert_string_equal(buf_str(&b), "56789-ab-12");
    buf_clear(&b);
    assert_string_equal(buf_str(&b), "");
    buf_release(&b);
    assert_int_equal(b.capacity, 0);
    assert_true(buf_add_str(&b, "again"));
    buf_fini(&b);
}

static void an_arena_gives_zeroed_aligned_memory_and_takes_it_back(void **state)
{
    struct arena *a = arena_new();
    for (int round = 0; round < 3; round++) {
        for (size_t size = 1; size < 5000; size += 13) {
            uint8_t *p = arena_alloc(a, size);
            assert_int_equal((uintptr_t)p % _Alignof(max_align_t), 0);
            for (size_t i = 0; i < size; i++)
                assert_int_equal(p[i], 0);
            memset(p, 0xFF, size);
        }
        memset(arena_alloc(a, 3000000), 1, 3000000);
        arena_reset(a);
        assert_true(arena_size(a) <= 65536);
    }
    char *line = arena_printf(a, "%s %d", "line", 5);
    assert_string_equal(line, "line 5");
    char *wide = arena_printf(a, "%2000d", 5);
    assert_int_equal(strlen(wide), 2000);
    assert_string_equal(arena_strndup(a, "abc", 2), "ab");
    assert_null(arena_strdup(a, NULL));
    assert_true(bytes_equal(arena_bytes(a, BYTES_LIT("a\0b")), BYTES_LIT("a\0b")));
    arena_free(a);
}

static void faults_are_set_wrapped_and_cut(void **state)
{
    struct fault f;
    assert_false(fault_set(&f, FAULT_RETRY, "smtp.x", "host %s", "h"));
    assert_int_equal(f.kind, FAULT_RETRY);
    assert_false(fault_wrap(&f, "mailbox %s", "m"));
    assert_string_equal(f.text, "mailbox m: host h");
    assert_string_equal(f.id, "smtp.x");
    assert_false(fault_errno(&f, FAULT_LOCAL, 2, "%s", "/x"));
    assert_string_equal(f.text, "/x: No such file or directory");
    assert_string_equal(f.id, "");
    assert_false(fault_set(NULL, FAULT_RETRY, NULL, "nobody asks"));
    assert_string_equal(fault_kind_name((enum fault_kind)77), "unknown");

    char wide[1200] = "a";
    while (strlen(wide) < 1100)
        strcat(wide, "\xC3\xA9");
    fault_set(&f, FAULT_LOCAL, NULL, "%s", wide);
    assert_true(strlen(f.text) >= FAULT_TEXT_SIZE - 3);
    assert_true(text_is_utf8(bytes_of(f.text)));
    fault_wrap(&f, "%s", wide);
    assert_true(text_is_utf8(bytes_of(f.text)));
    fault_errno(&f, FAULT_LOCAL, 2, "x%s", wide);
    assert_true(text_is_utf8(bytes_of(f.text)));
}

static void secrets_come_back_whole_and_go_wiped(void **state)
{
    struct secret *all[400];
    char plain[40000];
    memset(plain, 'p', sizeof plain);
    for (size_t i = 0; i < 400; i++)
        all[i] = secret_new(plain, i * 97);
    for (size_t i = 0; i < 400; i++) {
        struct bytes b = secret_bytes(all[i]);
        assert_int_equal(b.size, i * 97);
        assert_int_equal(b.data[b.size], 0);
        assert_true(b.size == 0 || memcmp(b.data, plain, b.size) == 0);
    }
    struct secret *same = secret_dup(all[7]);
    assert_true(secret_equal(same, all[7]));
    assert_false(secret_equal(same, all[8]));
    assert_false(secret_equal(same, NULL));
    secret_free(same);
    /* Slots are recycled, never returned, so what lay there can be looked at. */
    struct bytes gone = secret_bytes(all[1]);
    for (size_t i = 0; i < 400; i++)
        secret_free(all[i]);
    for (size_t i = 0; i < gone.size; i++)
        assert_int_equal(gone.data[i], 0);
    secret_free(NULL);
    assert_int_equal(secret_bytes(NULL).size, 0);

    uint8_t random[64] = { 0 }, zero[64] = { 0 };
    secret_random(random, sizeof random);
    assert_memory_not_equal(random, zero, sizeof zero);
}

static void times_are_written_and_read(void **state)
{
    static const struct {
        const char *text;
        int64_t ms; /* -1: refused */
    } cases[] = {
        { "1970-01-01", 0 },
        { "2026-11-21T09:15:00Z", 1795252500000 },
        { "2026-11-21 09:15:00Z", 1795252500000 },
        { "2026-11-21T09:15:00.5Z", 1795252500500 },
        { "2026-11-21T09:15:00.123456Z", 1795252500123 },
        { "2024-02-29", 1709164800000 },
        { "2026-02-29", -1 },
        { "2026-13-01", -1 },
        { "2026-04-31", -1 },
        { "2026-00-10", -1 },
        { "2026-11-21T24:00:00Z", -1 },
        { "2026-11-21T09:15:00", -1 },
        { "2026-11-21T09:15:00.Z", -1 },
        { "2026-11-21T09:15:00Zx", -1 },
        { "21.11.2026", -1 },
        { "", -1 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t ms = -1;
        if (clock_parse(cases[i].text, &ms) != (cases[i].ms >= 0) || ms != cases[i].ms)
            fail_msg("%s: %lld", cases[i].text, (long long)ms);
    }
    char text[40];
    clock_iso(1795252500123, text, sizeof text);
    assert_string_equal(text, "2026-11-21T09:15:00.123Z");
    clock_rfc5322(1795252500123, text, sizeof text);
    assert_string_equal(text, "Sat, 21 Nov 2026 09:15:00 +0000");
    clock_iso(-1, text, sizeof text);
    assert_string_equal(text, "1969-12-31T23:59:59.999Z");
}

static bool count_one(void *ctx, const char *key, void *value)
{
    ++*(size_t *)ctx;
    return true;
}

static void a_map_answers_like_a_table(void **state)
{
    enum { KEYS = 3000 };
    static int values[KEYS];
    static bool is_in[KEYS];
    struct map *m = map_new();
    uint32_t random = 3;
    size_t count = 0, seen = 0;
    for (int step = 0; step < 60000; step++) {
        random = random * 1664525 + 1013904223;
        unsigned i = (random >> 8) % KEYS;
        char key[32];
        snprintf(key, sizeof key, "key number %u", i);
        assert_ptr_equal(map_get(m, key), is_in[i] ? &values[i] : NULL);
        if (random >> 31) {
            assert_ptr_equal(map_put(m, key, &values[i]), is_in[i] ? &values[i] : NULL);
            count += !is_in[i];
            is_in[i] = true;
        } else {
            assert_ptr_equal(map_remove(m, key), is_in[i] ? &values[i] : NULL);
            count -= is_in[i];
            is_in[i] = false;
        }
        assert_int_equal(map_count(m), count);
    }
    map_each(m, count_one, &seen);
    assert_int_equal(seen, count);
    map_clear(m);
    assert_int_equal(map_count(m), 0);
    assert_null(map_get(m, "key number 1"));
    map_free(m);
    map_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_compared_found_sliced_and_trimmed),
        cmocka_unit_test(a_buffer_keeps_to_its_limit),
        cmocka_unit_test(an_arena_gives_zeroed_aligned_memory_and_takes_it_back),
        cmocka_unit_test(faults_are_set_wrapped_and_cut),
        cmocka_unit_test(secrets_come_back_whole_and_go_wiped),
        cmocka_unit_test(times_are_written_and_read),
        cmocka_unit_test(a_map_answers_like_a_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
