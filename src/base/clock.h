/* base/clock.h - the two clocks, and how a test moves them.
 *
 * Rooms above loop/ ask the loop, never the system. A build with the option `test-clock` also reads an offset in
 * milliseconds from the file named by POSTERN_TEST_CLOCK (eight bytes, native int64, mapped), so that a test can move
 * the daemon and the sandbox by an hour together; release builds do not contain that code. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

int64_t clock_steady_ms(void); /* never goes back; includes the test offset */
int64_t clock_wall_ms(void);   /* milliseconds since 1970 UTC; includes the test offset */
bool clock_is_moved(void);     /* a test clock file is in use */

/* "2026-11-21T09:15:00.123Z"; `out` holds at least 25 bytes. */
void clock_iso(int64_t wall_ms, char *out, size_t size);
/* RFC 5322 date-time in UTC: "Sat, 21 Nov 2026 09:15:00 +0000"; `out` holds at least 32 bytes. */
void clock_rfc5322(int64_t wall_ms, char *out, size_t size);
/* Accepts "2026-11-21", "2026-11-21T09:15:00Z" (with or without fraction) and "2026-11-21 09:15:00Z". */
bool clock_parse(const char *text, int64_t *wall_ms);

#endif
