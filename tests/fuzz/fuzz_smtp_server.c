/* The submission server: first octet the set-up, second how the rest is cut. Cut or whole, it must say and ask the same, and nothing
 * with a bare line end may be called whole. */
#include <string.h>

#include "fuzz.h"
#include "smtp_stage.h"

static void play(struct stage *t, uint8_t setup, struct bytes in, size_t step)
{
    stage_init(t);
    t->policy.needs_auth = setup & 1;
    t->policy.needs_tls_for_auth = setup & 2;
    t->policy.offers_starttls = setup & 4;
    t->policy.errors_limit = setup & 8 ? 0 : 5;
    t->policy.size_limit = setup & 16 ? 0 : 200;
    t->decides_late = setup & 32;
    stage_open(t, setup & 64, setup & 128);
    stage_play(t, in, step);
}

/* Every answer is a line that begins with a code, printable, and not too long. */
static void check_replies(struct bytes out)
{
    while (out.size > 0) {
        size_t end = bytes_find(out, BYTES_LIT("\r\n"));
        PROMISE(end != SIZE_MAX && end >= 4 && end <= 510);
        PROMISE(out.data[0] >= '2' && out.data[0] <= '5' && (out.data[3] == ' ' || out.data[3] == '-'));
        for (size_t i = 0; i < end; i++)
            PROMISE(out.data[i] >= ' ' && out.data[i] != 0x7f);
        out = bytes_slice(out, end + 2, out.size);
    }
}

static void check_body(const struct stage *t)
{
    bool has_refused = strstr(buf_str(&t->events), "end broken") || t->is_unkept;
    struct bytes body = buf_bytes(&t->body);
    for (size_t i = 0; i < body.size && !has_refused && strstr(buf_str(&t->events), "end whole"); i++) {
        PROMISE(body.data[i] != '\n' || (i > 0 && body.data[i - 1] == '\r'));
        PROMISE(body.data[i] != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct stage whole, cut;
    if (size < 2)
        return 0;
    struct bytes in = { data + 2, size - 2 };
    play(&whole, data[0], in, 0);
    play(&cut, data[0], in, 1 + data[1] % 16);
    PROMISE(bytes_equal(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    PROMISE(bytes_equal(buf_bytes(&whole.events), buf_bytes(&cut.events)));
    check_replies(buf_bytes(&whole.out));
    check_body(&whole);
    smtp_server_close(whole.server, "4.3.2", "Over");
    stage_fini(&whole);
    stage_fini(&cut);
    return 0;
}
