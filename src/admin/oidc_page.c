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

void oidc_page_refused(struct request *r, unsigned status, const json_t *problem)
{
    refusal_page(r, status, "You are not signed in",
                 "<p class=\"actions\"><a class=\"button primary\" href=\"/sign-in\">Back to the sign-in</a></p>",
                 problem);
}
