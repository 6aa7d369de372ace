/* object/tenant.c - whose people a tenant's name means. */
#include <string.h>

#include "base/bytes.h"
#include "base/text.h"
#include "object/object.h"

/* The last is what "consumers" is called in a token: everybody with a private account (reference: Entra, tenants). */
static const char *const everybodys[] = { "common", "organizations", "consumers",
                                          "9188040d-6c67-4c5b-b112-36a304b66dad" };

static bool is_anybody(struct bytes tenant)
{
    for (size_t i = 0; i < sizeof everybodys / sizeof *everybodys; i++)
        if (bytes_equal_nocase(tenant, bytes_of(everybodys[i])))
            return true;
    return false;
}

bool object_tenant_is_anybody(const char *tenant)
{
    return is_anybody(bytes_of(tenant));
}

bool object_issuer_is_anybody(const char *issuer)
{
    for (const char *at = strchr(issuer, '/'); at; at = strchr(at, '/')) {
        at++;
        if (is_anybody((struct bytes){ (const uint8_t *)at, strcspn(at, "/") }))
            return true;
    }
    return strstr(issuer, "{tenantid}") != NULL;
}
