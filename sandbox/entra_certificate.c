#include "sandbox/entra_certificate.h"

#include <openssl/pem.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "sandbox/entra_jwt.h"
#include "sandbox/tenant.h"

#define CERTIFICATES_MAX 32

struct entra_certificates {
    struct {
        char client_id[64];
        X509 *x509;
    } items[CERTIFICATES_MAX];
    size_t count;
};

struct entra_certificates *entra_certificates_new(void)
{
    return mem_alloc(sizeof(struct entra_certificates));
}

void entra_certificates_free(struct entra_certificates *c)
{
    if (c == NULL)
        return;
    entra_certificates_forget(c, NULL);
    free(c);
}

bool entra_certificates_add(struct entra_certificates *c, const char *client_id, const char *pem, struct fault *why)
{
    if (client_find(client_id) == NULL)
        return fault_set(why, FAULT_REJECT, "", "there is no registration with client id \"%.60s\"", client_id);
    if (c->count == CERTIFICATES_MAX)
        return fault_set(why, FAULT_REJECT, "", "%d certificates are uploaded; take some away first", CERTIFICATES_MAX);
    BIO *bio = BIO_new_mem_buf(pem, -1);
    X509 *x509 = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    BIO_free(bio);
    if (x509 == NULL)
        return fault_set(why, FAULT_REJECT, "", "that is no certificate in PEM form (-----BEGIN CERTIFICATE-----)");
    snprintf(c->items[c->count].client_id, sizeof c->items[0].client_id, "%s", client_id);
    c->items[c->count++].x509 = x509;
    return true;
}

void entra_certificates_forget(struct entra_certificates *c, const char *client_id)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (client_id == NULL || strcasecmp(c->items[i].client_id, client_id) == 0)
            X509_free(c->items[i].x509);
        else
            c->items[kept++] = c->items[i];
    }
    c->count = kept;
}

X509 *entra_certificates_find(const struct entra_certificates *c, const char *client_id, const char *thumbprint,
                              bool is_sha256)
{
    size_t size = strcspn(thumbprint, "="); /* some clients leave the padding */
    for (size_t i = 0; i < c->count; i++) {
        char own[64];
        entra_thumbprint(c->items[i].x509, is_sha256, own);
        if (strcasecmp(c->items[i].client_id, client_id) == 0 && strlen(own) == size &&
            strncmp(own, thumbprint, size) == 0)
            return c->items[i].x509;
    }
    return NULL;
}

json_t *entra_certificates_json(const struct entra_certificates *c, const char *client_id)
{
    json_t *list = json_array();
    for (size_t i = 0; i < c->count; i++) {
        char thumbprint[64];
        entra_thumbprint(c->items[i].x509, true, thumbprint);
        if (strcasecmp(c->items[i].client_id, client_id) == 0)
            json_array_append_new(list, json_string(thumbprint));
    }
    return list;
}
