/* What a token endpoint, a key set, a browser's address bar and a sealed file may hold: nothing of it is ever believed without
 * cause. The first octet picks the status of the answer; the rest is its body, or is cut at the first zero where two texts are wanted. */
#include <string.h>

#include "fuzz.h"
#include "token/answer.h"
#include "token/form.h"
#include "token/idtoken.h"
#include "token/scope.h"
#include "vault/seal.h"

static const int statuses[] = { 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503 };

static void check_fault(const struct fault *why, int status)
{
    PROMISE(why->kind != FAULT_NONE && why->id[0] && why->text[0]);
    PROMISE(why->retry_after_s <= 3600);
    if (status < 400 || status == 429 || status >= 500)
        PROMISE(why->kind == FAULT_RETRY); /* an outage never costs a grant */
}

static void try_answer(struct bytes body, int status)
{
    struct http_answer http = {
        .status = status, .body = body, .content_type = "text/\x01html", .retry_after_s = 9999999
    };
    struct answer a;
    struct device_answer d;
    struct fault why = { 0 };
    if (answer_read(&http, &a, &why))
        PROMISE(status == 200 && a.access && a.expires_in_s > 0 && a.expires_in_s <= 7 * 24 * 3600);
    else
        check_fault(&why, status);
    answer_fini(&a);
    fault_clear(&why);
    if (device_answer_read(&http, &d, &why))
        PROMISE(status == 200 && d.device_code && d.interval_s >= 1 && d.interval_s <= 60);
    else
        check_fault(&why, status);
    device_answer_fini(&d);
}

static void try_id_token(struct bytes jwt, struct bytes keys, struct arena *life)
{
    json_t *jwks = json_loadb((const char *)keys.data, keys.size, 0, NULL);
    struct idtoken_expected expected = { "https://issuer.example/{tenantid}/v2.0", "client", NULL, 1800000000 };
    struct idtoken_claims claims;
    struct fault why = { 0 };
    bool is_key_unknown;
    PROMISE(!idtoken_verify(jwt, jwks, &expected, life, &claims, &is_key_unknown, &why));
    PROMISE(why.kind == FAULT_REJECT);
    json_decref(jwks);
}

static void try_address(struct bytes url, struct arena *life)
{
    struct form form;
    struct bytes query = form_query_of_url(url);
    char *state = form_find(query, "state", life), *again;
    if (!state)
        return;
    form_init(&form);
    form_add(&form, "state", state);
    again = form_find(form_bytes(&form), "state", life);
    PROMISE(form.is_over || state[0] == '\0' || (again && strcmp(state, again) == 0));
    form_fini(&form);
    scope_is_granted(state, "https://outlook.office.com/SMTP.Send");
}

static void try_seal(struct bytes sealed)
{
    static struct secret *key;
    if (!key)
        key = secret_new("0123456789abcdef0123456789abcdef", SEAL_KEY_SIZE);
    PROMISE(!seal_open(key, sealed, "generation", "name", NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct arena *life = arena_new();
    struct bytes rest = { data + 1, size - 1 };
    const uint8_t *zero = rest.size ? memchr(rest.data, 0, rest.size) : NULL;
    size_t cut = zero ? (size_t)(zero - rest.data) : rest.size;
    try_answer(rest, statuses[data[0] % (sizeof statuses / sizeof statuses[0])]);
    try_id_token(bytes_slice(rest, 0, cut), bytes_slice(rest, zero ? cut + 1 : cut, rest.size), life);
    try_address(rest, life);
    try_seal(rest);
    arena_free(life);
    return 0;
}
