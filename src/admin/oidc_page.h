/* admin/oidc_page.h - the pages with which a sign-in at Entra ends: both are read without a script. */
#ifndef ADMIN_OIDC_PAGE_H
#define ADMIN_OIDC_PAGE_H

#include "admin/admin_private.h"

/* Goes on by itself to a page of the console. A redirect would still count as coming from the other site, and the new cookie would
 * not be sent with it. */
void oidc_page_go_on(struct request *r, const char *back);
/* What went wrong, in the words of the problem's finding, what to do, and the way back to the sign-in. */
void oidc_page_refused(struct request *r, unsigned status, const json_t *problem);

#endif
