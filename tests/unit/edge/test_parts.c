/* The small parts: the trace line and the body store. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "edge/body.h"
#include "edge/received.h"
#include "msg/edge_queue.h"

static void trace_lines_hold_only_safe_words(void **state)
{
    static const struct {
        const char *helo, *host, *recipient;
        const char *says;
    } cases[] = {
        { "host.example", "192.0.2.1", "a@b", "Received: from host.example ([192.0.2.1])\r\n" },
        { "host.example", "2001:db8::1", NULL, "Received: from host.example ([IPv6:2001:db8::1])\r\n" },
        { "[192.0.2.1]", "unix:/x", NULL, "Received: from [192.0.2.1] (local)\r\n" },
        { "", "192.0.2.1", NULL, "Received: from unknown ([192.0.2.1])\r\n" },
        { "evil (comment)", "192.0.2.1", NULL, "Received: from unknown ([192.0.2.1])\r\n" },
        { "x\r\nBcc: y", "192.0.2.1", NULL, "Received: from unknown ([192.0.2.1])\r\n" },
        { "x", "192.0.2.1", "a@b", "\tfor <a@b>; Thu, 1 Jan 1970" },
        { "x", "192.0.2.1", "a>@b", "id 7; Thu, 1 Jan 1970" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct buf out;
        buf_init(&out, RECEIVED_SIZE);
        received_line(
            &(struct received){ cases[i].helo, cases[i].host, "gate.example", "ESMTP", "7", cases[i].recipient, 0 },
            &out);
        if (!strstr(buf_str(&out), cases[i].says))
            fail_msg("case %zu: %s", i, buf_str(&out));
        assert_string_equal(buf_str(&out) + out.size - 2, "\r\n");
        buf_fini(&out);
    }
}

static void bodies_move_to_a_file_when_they_grow(void **state)
{
    static const size_t sizes[] = { 0, 1, EDGE_BODY_INLINE, EDGE_BODY_INLINE + 1, 5000000 };
    int dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct body b;
    struct fault why;
    body_init(&b, dir);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char chunk[3000];
        struct stat st;
        for (size_t at = 0; at < sizes[i];) {
            size_t size = sizes[i] - at < sizeof chunk ? sizes[i] - at : sizeof chunk;
            memset(chunk, 'a' + (int)(at / sizeof chunk % 26), size);
            assert_true(body_add(&b, (struct bytes){ (uint8_t *)chunk, size }, &why));
            assert_true(b.held.capacity <= 2 * EDGE_BODY_INLINE);
            at += size;
        }
        assert_true(body_end(&b, &why));
        assert_int_equal(b.size, sizes[i]);
        if (sizes[i] <= EDGE_BODY_INLINE) {
            assert_int_equal(b.fd, -1);
            assert_int_equal(b.held.size, sizes[i]);
        } else {
            assert_int_equal(b.held.size, 0);
            assert_int_equal(fstat(b.fd, &st), 0);
            assert_int_equal(st.st_size, sizes[i]);
            assert_int_equal(pread(b.fd, chunk, 2, 3000 * 20), 2);
            assert_int_equal(chunk[0], 'a' + 20);
        }
        body_drop(&b);
        assert_int_equal(b.size, 0);
    }
    close(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trace_lines_hold_only_safe_words),
        cmocka_unit_test(bodies_move_to_a_file_when_they_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
