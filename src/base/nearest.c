/* base/nearest.c - edit distance where two neighbouring letters may also have changed places. */
#include "base/nearest.h"

#include <string.h>

#define WORD_MOST 63

static char folded(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (char)(c - 'A' + 'a');
    return c == '_' ? '-' : c;
}

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Three rows of the usual table: the one being filled, the one before it, and the one before that for swaps. */
static size_t distance_of(const char *a, size_t a_size, const char *b, size_t b_size)
{
    size_t rows[3][WORD_MOST + 1];
    for (size_t j = 0; j <= b_size; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t *now = rows[i % 3], *before = rows[(i + 2) % 3], *earlier = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t cost = folded(a[i - 1]) == folded(b[j - 1]) ? 0 : 1;
            now[j] = least(before[j] + 1, now[j - 1] + 1, before[j - 1] + cost);
            if (i > 1 && j > 1 && folded(a[i - 1]) == folded(b[j - 2]) && folded(a[i - 2]) == folded(b[j - 1]) &&
                earlier[j - 2] + 1 < now[j])
                now[j] = earlier[j - 2] + 1;
        }
    }
    return rows[a_size % 3][b_size];
}

void nearest_init(struct nearest *n, const char *word)
{
    n->word = word;
    n->best = NULL;
    n->distance = 0;
}

void nearest_offer(struct nearest *n, const char *candidate)
{
    size_t a = strlen(n->word), b = strlen(candidate);
    if (!a || a > WORD_MOST || b > WORD_MOST)
        return;
    size_t distance = distance_of(n->word, a, candidate, b);
    size_t allowed = 1 + (a < b ? a : b) / 4; /* one slip per four letters, and one to spare */
    if (distance <= allowed && distance < (b > a ? b : a) && (!n->best || distance < n->distance)) {
        n->best = candidate;
        n->distance = distance;
    }
}
