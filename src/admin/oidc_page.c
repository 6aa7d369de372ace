/* The pages with which a sign-in at Entra ends. */
#include "admin/oidc_page.h"

#include <string.h>

#include "admin/refusal_page.h"

void oidc_page_go_on(struct request *r, const char *back)
{
    static const char page[] = PAGE_HEAD
        "<meta http-equiv=\"refresh\" content=\"0; url=%s\"><p>Signed in. <a href=\"%s\">Go on</a>";
    const char *safe = strpbrk(back, "\"<>&'") ? "/" : back;
    respond_bare_page(r, 200, arena_printf(r->arena, page, "Signed in", safe, safe));
}

/* The findings are those of mailboxes, and here nobody signs one in: "Sign in again and accept: postern mailbox authorize ..." ends
 * before the command, and what is about a mailbox alone is left out. */
static json_t *console_steps(struct request *r, const json_t *fix)
{
    json_t *steps = json_array();
    size_t i;
    json_t *step;
    json_array_foreach(fix, i, step)
    {
        const char *text = json_string_value(step);
        const char *command = text ? strstr(text, "postern mailbox ") : NULL;
        const char *end = text ? strstr(text, ": postern mailbox authorize ") : NULL;
        if (end)
            json_array_append_new(steps, json_string(arena_strndup(r->arena, text, (size_t)(end - text))));
        else if (!command)
            json_array_append(steps, step);
    }
    if (!json_equal(steps, fix))
        json_array_append_new(steps, json_string("Or sign in with a name and a password"));
    return steps;
}

static json_t *of_the_console(struct request *r, const json_t *problem)
{
    json_t *copy = json_deep_copy(problem);
    json_t *finding = json_array_get(json_object_get(copy, "findings"), 0);
    const json_t *fix = json_object_get(finding, "fix");
    if (json_is_array(fix))
        json_object_set_new(finding, "fix", console_steps(r, fix));
    return copy;
}

void oidc_page_refused(struct request *r, unsigned status, const json_t *problem)
{
    json_t *ours = of_the_console(r, problem);
    refusal_page(r, status, "You are not signed in",
                 "<p class=\"actions\"><a class=\"button primary\" href=\"/sign-in\">Back to the sign-in</a></p>",
                 ours);
    json_decref(ours);
}
