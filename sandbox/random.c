#include <stdio.h>
#include <time.h>

#include "base/secret.h"
#include "sandbox/sandbox_private.h"

void sandbox_entra_time(int64_t wall_ms, char *out)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    gmtime_r(&seconds, &utc);
    strftime(out, 24, "%Y-%m-%d %H:%M:%SZ", &utc);
}

void sandbox_guid(char *out)
{
    unsigned char r[16];
    secret_random(r, sizeof r);
    r[6] = (unsigned char)((r[6] & 0x0f) | 0x40);
    r[8] = (unsigned char)((r[8] & 0x3f) | 0x80);
    snprintf(out, 37, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1], r[2], r[3],
             r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14], r[15]);
}

void sandbox_random_text(char *out, size_t size)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    secret_random(out, size);
    for (size_t i = 0; i < size; i++)
        out[i] = alphabet[(unsigned char)out[i] & 63];
    out[size] = 0;
}
