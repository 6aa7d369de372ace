/* doctor/trial_report.c - steps and findings as the API, the commands and the pages show them. */
#include "doctor/trial_report.h"

#include "base/bytes.h"
#include "base/text.h"

void trial_report_init(struct trial_report *r, int64_t now_ms)
{
    *r = (struct trial_report){ .steps = json_array(), .findings = json_array(), .step_ms = now_ms };
}

void trial_report_fini(struct trial_report *r)
{
    json_decref(r->steps);
    json_decref(r->findings);
}

char *trial_report_step(struct trial_report *r, int64_t now_ms, const char *step, bool ok, const char *seen)
{
    char clean[1024];

    text_sanitize(bytes_of(seen), clean, sizeof clean);
    json_t *j = json_pack("{s:s, s:b, s:I, s:s}", "step", step, "ok", ok, "ms", (json_int_t)(now_ms - r->step_ms),
                          "seen", clean);
    r->step_ms = now_ms;
    json_array_append_new(r->steps, j);
    return json_dumps(j, JSON_COMPACT);
}

size_t trial_report_steps(const struct trial_report *r)
{
    return json_array_size(r->steps);
}

void trial_report_add(struct trial_report *r, json_t *finding)
{
    json_array_append_new(r->findings, finding);
}

bool trial_report_is_ok(const struct trial_report *r)
{
    return json_array_size(r->findings) == 0;
}

char *trial_report_end(const struct trial_report *r, const char *title)
{
    bool ok = trial_report_is_ok(r);
    json_t *j = json_pack("{s:b, s:O, s:O}", "ok", ok, "steps", r->steps, "findings", r->findings);

    if (!ok)
        json_object_set_new(j, "title", json_string(title));
    char *text = json_dumps(j, JSON_COMPACT);
    json_decref(j);
    return text;
}
