/* doctor/trial_report.h - what a trial ("mailbox.test", "endpoint.test") tells: each step as it happens, and all of them with what is
 * wrong in the end, root cause first. The caller has the clock and the way to whoever looks on. */
#ifndef DOCTOR_TRIAL_REPORT_H
#define DOCTOR_TRIAL_REPORT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trial_report {
    json_t *steps, *findings; /* arrays */
    int64_t step_ms;          /* when the running step began */
};

void trial_report_init(struct trial_report *r, int64_t now_ms);
void trial_report_fini(struct trial_report *r);
/* A step that is over; it began where the one before ended. Its JSON, given. `seen` is cleaned and cut. */
char *trial_report_step(struct trial_report *r, int64_t now_ms, const char *step, bool ok, const char *seen);
size_t trial_report_steps(const struct trial_report *r);
void trial_report_add(struct trial_report *r, json_t *finding /* taken */);
bool trial_report_is_ok(const struct trial_report *r); /* nothing was found */
/* The whole JSON, given. `title`: where it is not ok. */
char *trial_report_end(const struct trial_report *r, const char *title);

#endif
