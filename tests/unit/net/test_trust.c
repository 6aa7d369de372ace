/* CA files and the contexts made of them: one for each, read again after a change, and each bad file named. */
#include "net/trust.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "certificates.h"

static char folder[] = "/tmp/postern-trust-XXXXXX";
static char path[sizeof folder + 16];

static int make_folder(void **state)
{
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/ca.pem", folder);
    return 0;
}

static int drop_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

static void write_file(struct bytes content)
{
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    assert_int_equal(fwrite(content.data, 1, content.size, f), content.size);
    assert_int_equal(fclose(f), 0);
}

static void write_authority(void)
{
    struct test_pem authority;
    test_authority(&authority);
    write_file(buf_bytes(&authority.certificate));
    test_pem_fini(&authority);
}

static void a_file_is_read_once_until_forgotten(void **state)
{
    struct trust *t = trust_new();
    struct fault why;
    write_authority();
    struct tls_context *first = trust_context(t, path, &why);
    assert_non_null(first);
    unlink(path);
    assert_ptr_equal(trust_context(t, path, &why), first);
    assert_ptr_not_equal(trust_context(t, "", &why), first);

    tls_context_ref(first); /* as a connection does that outlives the change */
    trust_forget(t);
    assert_null(trust_context(t, path, &why));
    write_authority();
    assert_non_null(trust_context(t, path, &why));
    tls_context_free(first);
    trust_free(t);
}

static void refuse(const char *file, const char *says)
{
    struct trust *t = trust_new();
    struct fault why = { 0 };
    assert_null(trust_context(t, file, &why));
    assert_int_equal(why.kind, FAULT_CONFIG);
    assert_string_equal(why.id, "tls.file");
    if (!strstr(why.text, says))
        fail_msg("it says: %s", why.text);
    trust_free(t);
}

static void bad_files_are_named(void **state)
{
    static uint8_t much[(2 << 20) + 1];
    unlink(path);
    refuse(path, strerror(ENOENT));
    refuse(folder, strerror(EISDIR));
    write_file(BYTES_LIT("no certificate"));
    refuse(path, "PEM");
    memset(much, '\n', sizeof much);
    write_file((struct bytes){ much, sizeof much });
    refuse(path, "larger than a CA file may be");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_once_until_forgotten),
        cmocka_unit_test(bad_files_are_named),
    };
    return cmocka_run_group_tests(tests, make_folder, drop_folder);
}
