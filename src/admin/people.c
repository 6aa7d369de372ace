/* What the objects say, as of now, of those who signed in. */
#include "admin/admin_private.h"

bool people_operator(struct request *r, const char *name, struct principal *out)
{
    return false;
}

bool people_offer_entra(const struct admin *a)
{
    return false;
}

bool people_key(struct request *r, const char *name, struct principal *out)
{
    return false;
}
