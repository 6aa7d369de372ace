/* The near side of a bridge: first octet the protocol and set-up, second how the rest is cut. Cut or whole, it must say and ask the
 * same and leave the same octets for upstream; what it says is lines of its protocol, and never what the client sent. */
#include <string.h>

#include "front_stage.h"
#include "fuzz.h"

static void play(struct front_stage *t, uint8_t setup, struct bytes in, size_t step)
{
    front_stage_init(t);
    t->policy.offers_tls = setup & 4;
    t->policy.needs_tls_for_login = setup & 8;
    t->policy.errors_limit = setup & 16 ? 0 : 5;
    t->policy.capabilities = setup & 32 ? "IDLE\nPIPELINING" : NULL;
    t->is_late = setup & 32;
    t->refuses_mail = setup & 64;
    front_stage_open(t, (enum front_protocol)(setup % 4 % 3), setup & 128, setup & 64);
    front_stage_play(t, in, step);
}

/* Every line is printable ASCII, not too long, and ended by CRLF. Only a tag of IMAP is the client's. */
static void check_lines(struct bytes out)
{
    while (out.size > 0) {
        size_t end = bytes_find(out, BYTES_LIT("\r\n"));
        PROMISE(end != SIZE_MAX && end <= 510);
        for (size_t i = 0; i < end; i++)
            PROMISE(out.data[i] >= ' ' && out.data[i] < 0x7f);
        struct bytes line = bytes_slice(out, 0, end);
        line = bytes_slice(line, bytes_find(line, BYTES_LIT(" ")), end);
        PROMISE(bytes_find(line, BYTES_LIT("Passw0rd")) == SIZE_MAX);
        out = bytes_slice(out, end + 2, out.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct front_stage whole, cut;
    if (size < 2)
        return 0;
    struct bytes in = { data + 2, size - 2 };
    play(&whole, data[0], in, 0);
    play(&cut, data[0], in, 1 + data[1] % 16);
    PROMISE(bytes_equal(buf_bytes(&whole.out), buf_bytes(&cut.out)));
    PROMISE(bytes_equal(buf_bytes(&whole.events), buf_bytes(&cut.events)));
    PROMISE(whole.is_done == cut.is_done && whole.rest.size == cut.rest.size);
    PROMISE(whole.is_done || whole.rest.size <= 4);
    check_lines(buf_bytes(&whole.out));
    front_close(whole.front, "Over");
    front_stage_fini(&whole);
    front_stage_fini(&cut);
    return 0;
}
