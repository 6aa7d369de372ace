/* The pages with which a sign-in at Entra ends. */
#include "admin/oidc_page.h"

#include <string.h>

#include "base/text.h"

#define HEAD \
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>%s · Postern</title>" \
    "<link rel=\"icon\" href=\"/ui/postern.svg\">"

static void respond_page(struct request *r, unsigned status, const char *html)
{
    request_add_header(r, "Content-Security-Policy",
                       "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'");
    respond_html(r, status, html);
}

void oidc_page_go_on(struct request *r, const char *back)
{
    static const char page[] = HEAD
        "<meta http-equiv=\"refresh\" content=\"0; url=%s\"><p>Signed in. <a href=\"%s\">Go on</a>";
    const char *safe = strpbrk(back, "\"<>&'") ? "/" : back;
    respond_page(r, 200, arena_printf(r->arena, page, "Signed in", safe, safe));
}

static const char *steps_of(struct request *r, const json_t *finding)
{
    const char *list = "";
    size_t i;
    json_t *step;
    json_array_foreach(json_object_get(finding, "fix"), i, step)
        list = arena_printf(r->arena, "%s<li>%s</li>", list, text_html(r->arena, json_string_value(step)));
    return *list ? arena_printf(r->arena, "<p class=\"label\">What to do</p><ol class=\"fix\">%s</ol>", list) : "";
}

void oidc_page_refused(struct request *r, unsigned status, const json_t *problem)
{
    static const char page[] = HEAD
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<meta name=\"color-scheme\" content=\"light dark\">"
        "<link rel=\"stylesheet\" href=\"/ui/style.css\"><body class=\"bare\"><main>"
        "<div class=\"bare-brand\"><img src=\"/ui/postern.svg\" alt=\"\" width=\"26\" height=\"26\">Postern</div>"
        "<h1>You are not signed in</h1><div class=\"problem\"><p>%s</p><figure class=\"seen\">"
        "<figcaption>What was seen</figcaption><blockquote>%s</blockquote></figure>%s</div>"
        "<p class=\"actions\"><a class=\"button primary\" href=\"/sign-in\">Back to the sign-in</a></p></main>";
    const json_t *finding = json_array_get(json_object_get(problem, "findings"), 0);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *cause = json_string_value(json_object_get(finding, "cause"));
    const char *seen = text_html(r->arena, detail ? detail : "Not available now.");
    respond_page(r, status,
                 arena_printf(r->arena, page, "Not signed in", cause ? text_html(r->arena, cause) : "", seen,
                              steps_of(r, finding)));
}
