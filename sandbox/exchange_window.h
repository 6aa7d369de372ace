/* sandbox/exchange_window.h - how many of something there were within the last minute, or day. */
#ifndef SANDBOX_EXCHANGE_WINDOW_H
#define SANDBOX_EXCHANGE_WINDOW_H

#include <stddef.h>
#include <stdint.h>

struct window_entry {
    int64_t at_ms;
    uint64_t amount;
};

/* All zero is empty. */
struct window {
    struct window_entry *entries;
    size_t head, count, room;
    uint64_t sum;
};

void window_fini(struct window *w);
void window_add(struct window *w, int64_t now_ms, uint64_t amount);
uint64_t window_sum(struct window *w, int64_t now_ms, int64_t span_ms); /* forgets what is older */

#endif
