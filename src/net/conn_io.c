/* net/conn_io.c - moving bytes: what happens when the descriptor is ready and at the end of a turn. */
#include <assert.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/secret.h"
#include "net/conn_private.h"

/* One for all connections: it is only in use within one reading, and a thread has one loop. */
static uint8_t scratch[64 << 10];

static bool is_alive(const struct conn *c)
{
    return !c->is_freed && c->state != CONN_OVER;
}

static bool may_read(const struct conn *c)
{
    return !c->is_paused && !c->saw_end && !c->upgrade && !c->is_finishing && c->in.size < c->in.limit;
}

/* Most pauses are over before the peer says more: it waits for our answer. */
static unsigned wants_when_open(const struct conn *c)
{
    bool still_reads = c->wants & LOOP_READ && !c->was_disturbed;
    return (may_read(c) || still_reads ? c->read_wants : 0) | (c->is_blocked ? c->write_wants : 0);
}

void conn_update(struct conn *c)
{
    static const unsigned fixed[] = {
        [CONN_RESOLVING] = 0, [CONN_CONNECTING] = LOOP_WRITE, [CONN_LINGERING] = LOOP_READ, [CONN_OVER] = 0
    };
    unsigned wants;
    switch (c->state) {
    case CONN_SHAKING:
        wants = c->read_wants;
        break;
    case CONN_OPEN:
        wants = wants_when_open(c);
        break;
    case CONN_FINISHING:
        wants = c->write_wants;
        break;
    default:
        wants = fixed[c->state];
        break;
    }
    if (c->io && wants != c->wants)
        loop_io_want(c->io, wants);
    c->wants = wants;
    conn_clock_arm(c);
}

/* -- Out -- */

static void release_output(struct conn *c)
{
    if (c->holds_secret && c->out.data)
        secret_wipe(c->out.data, c->out.size);
    c->holds_secret = false;
    buf_release(&c->out);
    c->out_at = 0;
}

void conn_push(struct conn *c)
{
    struct fault why;
    while (conn_pending(c)) {
        size_t put = 0;
        enum filter_result r = c->filter->kind->write(c->filter, c->out.data + c->out_at, conn_pending(c), &put,
                                                      &c->write_wants, &why);
        c->is_blocked = r == FILTER_AGAIN;
        if (c->is_blocked)
            return;
        if (r != FILTER_OK) {
            fault_wrap(&why, "connection with %s lost", conn_name(c));
            conn_note_fault(c, &why);
            break;
        }
        c->out_at += put;
        c->active_ms = loop_now_ms(c->loop);
    }
    release_output(c);
}

/* -- In -- */

/* What waits to be used may be a password, so no copy of it stays anywhere. */
void conn_drop_input(struct buf *b)
{
    if (b->data)
        secret_wipe(b->data, b->size);
    buf_release(b);
}

static void use_input(struct buf *b, size_t used)
{
    buf_consume(b, used);
    secret_wipe(b->data + b->size, used);
}

/* Not realloc(), which would leave an unwiped copy behind. */
static void keep_input(struct buf *b, struct bytes fresh)
{
    struct buf larger = { .limit = b->limit };
    if (b->data && b->capacity - b->size < fresh.size) {
        buf_reserve(&larger, b->size + fresh.size);
        buf_add_bytes(&larger, buf_bytes(b));
        conn_drop_input(b);
        *b = larger;
    }
    buf_add_bytes(b, fresh);
}

/* Offers what waits. The buffer is out of the connection's hands meanwhile, as the owner may free the connection. */
static void offer(struct conn *c)
{
    c->offer_again = false;
    if (c->in.size == 0 || c->is_paused || c->is_finishing)
        return;
    struct buf lent = c->in;
    buf_init(&c->in, lent.limit);
    size_t used = c->events.data(c->ctx, buf_bytes(&lent));
    assert(used <= lent.size);
    if (!is_alive(c) || used == lent.size) {
        conn_drop_input(&lent);
        return;
    }
    use_input(&lent, used);
    c->in = lent;
}

static void take(struct conn *c, struct bytes fresh)
{
    if (c->in.size > 0) {
        keep_input(&c->in, fresh); /* no more was read than there is room for */
        offer(c);
        return;
    }
    size_t used = c->events.data(c->ctx, fresh);
    assert(used <= fresh.size);
    if (is_alive(c) && used < fresh.size)
        keep_input(&c->in, bytes_slice(fresh, used, fresh.size));
}

static enum filter_result read_scratch(struct conn *c, size_t most, size_t *got, struct fault *why)
{
    size_t size = most < sizeof scratch ? most : sizeof scratch;
    return c->filter->kind->read(c->filter, scratch, size, got, &c->read_wants, why);
}

static void read_input(struct conn *c)
{
    size_t got = 0;
    struct fault why;
    c->read_again = false;
    c->was_disturbed = !may_read(c);
    if (c->was_disturbed)
        return;
    switch (read_scratch(c, c->in.limit - c->in.size, &got, &why)) {
    case FILTER_OK:
        break;
    case FILTER_AGAIN:
        return;
    case FILTER_END:
        c->saw_end = true;
        return;
    case FILTER_FAULT:
        fault_wrap(&why, "connection with %s lost", conn_name(c));
        conn_end(c, c->fault ? c->fault : &why);
        return;
    }
    c->active_ms = loop_now_ms(c->loop);
    if (c->record)
        c->record(c->record_ctx, false, (struct bytes){ scratch, got });
    take(c, (struct bytes){ scratch, got });
    secret_wipe(scratch, got); /* a password may have passed */
}

/* -- TLS -- */

static void shake(struct conn *c)
{
    struct fault why;
    switch (c->filter->kind->start(c->filter, &c->read_wants, &why)) {
    case FILTER_AGAIN:
        return;
    case FILTER_OK:
        break;
    default:
        conn_end(c, &why);
        return;
    }
    c->read_wants = LOOP_READ;
    c->deadline_ms = 0;
    c->active_ms = loop_now_ms(c->loop);
    c->read_again = true; /* the first records may have come with the handshake's last */
    conn_enter(c, CONN_OPEN);
    conn_schedule(c);
    c->events.ready(c->ctx);
}

void conn_begin_tls(struct conn *c, struct upgrade *u)
{
    if (c->in.size > 0) {
        struct fault why;
        fault_set(&why, FAULT_RETRY, "tls.injection",
                  "%s sent plain text right behind the switch to TLS: refused, as somebody may have slipped it in",
                  conn_name(c));
        upgrade_free(u);
        conn_end(c, &why);
        return;
    }
    c->filter = filter_tls_new(c->filter, u->tls, u->host, conn_name(c));
    u->tls = NULL; /* the filter's now */
    upgrade_free(u);
    c->deadline_ms = loop_now_ms(c->loop) + c->limits.connect_ms;
    conn_enter(c, CONN_SHAKING);
    shake(c);
}

/* -- The end -- */

static void discard(struct conn *c)
{
    size_t got;
    struct fault why;
    enum filter_result r = c->saw_end ? FILTER_END : read_scratch(c, sizeof scratch, &got, &why);
    if (r == FILTER_END || r == FILTER_FAULT)
        conn_end(c, NULL);
}

static void finish(struct conn *c)
{
    if (c->state == CONN_OPEN)
        conn_enter(c, CONN_FINISHING);
    conn_push(c);
    if (c->fault) {
        conn_end(c, c->fault);
    } else if (!conn_pending(c)) {
        c->filter->kind->finish(c->filter);
        conn_enter(c, CONN_LINGERING);
        conn_clock_linger(c);
        discard(c);
    }
}

/* -- Turns -- */

static void shut(struct conn *c)
{
    c->is_shut = true;
    c->filter->kind->finish(c->filter);
    conn_schedule(c);
}

/* The peer will say no more, to an owner that goes on. */
static void tell_end(struct conn *c)
{
    if (!c->saw_end || c->is_paused || c->end_told || !c->events.ended)
        return;
    c->end_told = true;
    c->events.ended(c->ctx);
}

static void tell_drained(struct conn *c)
{
    if (!c->owes_drained)
        return;
    c->owes_drained = false;
    if (c->events.drained)
        c->events.drained(c->ctx);
}

static bool is_over(const struct conn *c)
{
    return c->saw_end && !c->is_paused && (!c->events.ended || c->is_shut);
}

/* What may happen once a turn's reading and writing are done. */
static void settle(struct conn *c)
{
    if (is_alive(c))
        tell_end(c);
    if (!is_alive(c) || conn_pending(c))
        return;
    tell_drained(c);
    if (!is_alive(c) || conn_pending(c))
        return;
    if (is_over(c)) {
        conn_end(c, NULL);
    } else if (c->is_shutting && !c->is_shut) {
        shut(c);
    } else if (c->upgrade) {
        struct upgrade *u = c->upgrade;
        c->upgrade = NULL;
        conn_begin_tls(c, u);
    }
}

/* What the filter read ahead is announced by no readiness. */
static void seek_hidden_input(struct conn *c)
{
    if (c->state != CONN_OPEN || c->is_freed || !may_read(c) || !c->filter->kind->holds_input(c->filter))
        return;
    c->read_again = true;
    conn_schedule(c);
}

static void serve(struct conn *c, unsigned ready)
{
    if (conn_pending(c) && (!c->is_blocked || ready & c->write_wants))
        conn_push(c);
    if (c->fault || ready & c->read_wants || c->read_again)
        read_input(c); /* after a fault too: the peer may have said why before it went */
    if (is_alive(c) && c->fault) {
        conn_end(c, c->fault);
        return;
    }
    if (is_alive(c) && c->offer_again)
        offer(c);
    /* What the owner just wrote leaves at the end of the turn, together with what other events of the turn add. */
    if (is_alive(c) && c->saw_end && !c->is_paused && !c->end_told)
        conn_schedule(c);
    settle(c);
    seek_hidden_input(c);
}

void conn_on_io(void *ctx, unsigned ready)
{
    struct conn *c = ctx;
    switch (c->state) {
    case CONN_CONNECTING:
        dial_connected(c, ready);
        break;
    case CONN_SHAKING:
        shake(c);
        break;
    case CONN_OPEN:
        serve(c, ready);
        break;
    case CONN_FINISHING:
        finish(c);
        break;
    case CONN_LINGERING:
        discard(c);
        break;
    default:
        break;
    }
    if (is_alive(c))
        conn_update(c);
}

static void bury(struct conn *c)
{
    buf_fini(&c->in);
    buf_fini(&c->out);
    free(c->fault);
    free(c->name);
    free(c);
}

void conn_turn(void *ctx)
{
    struct conn *c = ctx;
    if (c->is_freed) {
        bury(c);
        return;
    }
    bool can_talk = c->state == CONN_OPEN || c->state == CONN_FINISHING;
    if (c->is_finishing && can_talk)
        finish(c);
    else if (c->is_finishing && c->state != CONN_LINGERING)
        conn_end(c, NULL);
    else if (c->state == CONN_OPEN)
        serve(c, 0);
    if (is_alive(c))
        conn_update(c);
}
