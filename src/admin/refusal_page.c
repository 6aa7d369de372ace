#include "admin/refusal_page.h"

#include "base/text.h"

void respond_bare_page(struct request *r, unsigned status, const char *html)
{
    request_add_header(r, "Content-Security-Policy",
                       "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
                       "frame-ancestors 'none'");
    respond_html(r, status, html);
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

void refusal_page(struct request *r, unsigned status, const char *heading, const char *actions, const json_t *problem)
{
    static const char page[] = PAGE_HEAD
        "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
        "<meta name=\"color-scheme\" content=\"light dark\">"
        "<link rel=\"stylesheet\" href=\"/ui/style.css\"><body class=\"bare\"><main>"
        "<div class=\"bare-brand\"><img src=\"/ui/postern.svg\" alt=\"\" width=\"26\" height=\"26\">Postern</div>"
        "<h1>%s</h1><div class=\"problem\"><p>%s</p><figure class=\"seen\">"
        "<figcaption>What was seen</figcaption><blockquote>%s</blockquote></figure>%s</div>%s</main>";
    const json_t *finding = json_array_get(json_object_get(problem, "findings"), 0);
    const char *detail = json_string_value(json_object_get(problem, "detail"));
    const char *cause = json_string_value(json_object_get(finding, "cause"));
    const char *seen = text_html(r->arena, detail ? detail : "Not available now.");
    respond_bare_page(r, status,
                      arena_printf(r->arena, page, heading, heading, cause ? text_html(r->arena, cause) : "", seen,
                                   steps_of(r, finding), actions));
}
