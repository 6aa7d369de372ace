#include "queue/retry.h"

/* xorshift64*: spread, not secrecy. */
static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * 2685821657736338717u;
}

int64_t retry_delay_ms(struct retry *r, uint32_t failures, uint32_t wish_s)
{
    if (wish_s > 0)
        return 1000 * (int64_t)(wish_s < RETRY_WISH_MAX_S ? wish_s : RETRY_WISH_MAX_S);
    uint64_t delay_s = r->first_s;
    for (uint32_t i = 1; i < failures && delay_s < r->max_s; i++)
        delay_s *= 2;
    if (delay_s > r->max_s)
        delay_s = r->max_s;
    int64_t spread = (int64_t)(next_random(&r->seed) % 401); /* 0..400: thousandths above four fifths */
    int64_t delay_ms = (int64_t)delay_s * (800 + spread);
    return delay_ms > 1000 ? delay_ms : 1000;
}
