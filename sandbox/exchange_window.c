#include "sandbox/exchange_window.h"

#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

void window_fini(struct window *w)
{
    free(w->entries);
    memset(w, 0, sizeof *w);
}

void window_add(struct window *w, int64_t now_ms, uint64_t amount)
{
    if (w->head + w->count == w->room) {
        if (w->head > w->room / 2) {
            memmove(w->entries, w->entries + w->head, w->count * sizeof *w->entries);
            w->head = 0;
        } else {
            w->room = w->room > 0 ? w->room * 2 : 64;
            w->entries = mem_resize(w->entries, w->room * sizeof *w->entries);
        }
    }
    w->entries[w->head + w->count++] = (struct window_entry){ now_ms, amount };
    w->sum += amount;
}

uint64_t window_sum(struct window *w, int64_t now_ms, int64_t span_ms)
{
    while (w->count > 0 && w->entries[w->head].at_ms <= now_ms - span_ms) {
        w->sum -= w->entries[w->head].amount;
        w->head++;
        w->count--;
    }
    if (w->count == 0)
        w->head = 0;
    return w->sum;
}
