#include "vault/master.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "vault/seal.h"

#define KEY_TEXT_MAX 256

struct secret *master_key_parse(struct bytes text, struct fault *why)
{
    if (text.size == SEAL_KEY_SIZE)
        return secret_new(text.data, text.size);
    uint8_t key[SEAL_KEY_SIZE + 3];
    size_t size = 0;
    struct secret *out = NULL;
    if (base64_decode(bytes_trim(text), key, sizeof key, &size) && size == SEAL_KEY_SIZE)
        out = secret_new(key, size);
    else
        fault_set(why, FAULT_CONFIG, "vault.key",
                  "the master key must be 32 bytes, raw or as base64 (make one with: openssl rand -base64 32)");
    secret_wipe(key, sizeof key);
    return out;
}

static struct secret *read_key(int fd, const char *source, struct fault *why)
{
    uint8_t text[KEY_TEXT_MAX];
    size_t size = 0;
    bool is_seekable = lseek(fd, 0, SEEK_CUR) >= 0; /* an inherited standard input may have been read before */
    for (ssize_t n = 1; n != 0 && size < sizeof text;) {
        n = is_seekable ? pread(fd, text + size, sizeof text - size, (off_t)size)
                        : read(fd, text + size, sizeof text - size);
        if (n < 0 && errno != EINTR) {
            fault_errno(why, FAULT_CONFIG, errno, "can't read the master key from %s", source);
            return NULL;
        }
        size += n > 0 ? (size_t)n : 0;
    }
    struct secret *key = master_key_parse((struct bytes){ text, size }, why);
    secret_wipe(text, sizeof text);
    if (!key)
        fault_wrap(why, "%s", source);
    return key;
}

static bool is_private(int fd, const char *file, struct fault *why)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return fault_errno(why, FAULT_CONFIG, errno, "can't look at the key file %s", file);
    if (!S_ISREG(st.st_mode))
        return fault_set(why, FAULT_CONFIG, "vault.key", "the key file %s is not a regular file", file);
    if (st.st_mode & (S_IRWXG | S_IRWXO))
        return fault_set(why, FAULT_CONFIG, "vault.key",
                         "the key file %s can be reached by others (mode %03o); run: chmod 600 %s", file,
                         st.st_mode & 0777, file);
    return true;
}

/* True with *key NULL when the file is missing. */
static bool read_file(const char *file, const char *source, bool needs_privacy, struct secret **key, struct fault *why)
{
    *key = NULL;
    int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return true;
    if (fd < 0 && errno == EACCES)
        return fault_set(why, FAULT_CONFIG, "vault.key",
                         "this user may not read the key file %s; a daemon that was started as root keeps it for root "
                         "alone, so start it as root again, or give the file to the user with chown",
                         file);
    if (fd < 0)
        return fault_errno(why, FAULT_CONFIG, errno, "can't open the key file %s", file);
    if (!needs_privacy || is_private(fd, file, why))
        *key = read_key(fd, source, why);
    close(fd);
    return *key != NULL;
}

static int open_parent(const char *file, struct fault *why)
{
    char *copy = mem_strdup(file);
    int directory = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        fault_errno(why, FAULT_CONFIG, errno, "can't open the directory of the key file %s", file);
    free(copy);
    return directory;
}

static bool write_key(const struct disk *d, const char *file, const char *suffix, const struct secret *key,
                      struct fault *why)
{
    char text[64];
    char *copy = mem_strdup(file);
    char *name = mem_printf("%s%s", basename(copy), suffix);
    size_t size = base64_size(SEAL_KEY_SIZE);
    bool ok = base64_encode(secret_bytes(key), text, sizeof text);
    text[size] = '\n';
    int directory = ok ? open_parent(file, why) : -1;
    ok = directory >= 0 && disk_write(d, directory, name, (struct bytes){ (const uint8_t *)text, size + 1 }, why);
    if (directory >= 0)
        close(directory);
    secret_wipe(text, sizeof text);
    free(name);
    free(copy);
    return ok;
}

static bool holds_vault(const char *vault)
{
    char *current = mem_printf("%s/current", vault);
    bool is_there = access(current, F_OK) == 0 || errno != ENOENT;
    free(current);
    return is_there;
}

static bool make_key(struct master_key *m, const char *vault, struct fault *why)
{
    if (holds_vault(vault))
        return fault_set(why, FAULT_CONFIG, "vault.key",
                         "%s is missing, and the vault in %s can't be opened without it; nothing was changed: "
                         "put the key file back from your backup",
                         m->source, vault);
    uint8_t random[SEAL_KEY_SIZE];
    secret_random(random, sizeof random);
    m->key = secret_new(random, sizeof random);
    secret_wipe(random, sizeof random);
    return write_key(&(struct disk){ NULL, NULL }, m->file, "", m->key, why);
}

static bool from_file(struct master_key *m, const char *file, const char *vault, struct fault *why)
{
    m->file = mem_strdup(file);
    snprintf(m->source, sizeof m->source, "the key file %s", file);
    char *next = mem_printf("%s.next", file);
    bool ok = read_file(file, m->source, true, &m->key, why) && read_file(next, m->source, true, &m->staged, why);
    free(next);
    return ok && (m->key || make_key(m, vault, why));
}

static bool from_credential(struct master_key *m, struct fault *why)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    if (text_is_empty(directory))
        return fault_set(why, FAULT_CONFIG, "vault.key",
                         "master-key.source is credential, but systemd gave none: add "
                         "LoadCredential=postern.key:/path/to/key to the unit");
    char *file = mem_printf("%s/postern.key", directory);
    snprintf(m->source, sizeof m->source, "the systemd credential postern.key");
    /* systemd's own access control stands over this directory; its mode bits may show a group because of an ACL. */
    bool ok = read_file(file, m->source, false, &m->key, why);
    free(file);
    if (ok && !m->key)
        return fault_set(why, FAULT_CONFIG, "vault.key",
                         "the unit has no credential named postern.key: add LoadCredential=postern.key:/path/to/key");
    return ok;
}

struct master_key *master_key_read(const char *source, const char *file, const char *vault, struct fault *why)
{
    struct master_key *m = mem_alloc(sizeof *m);
    bool ok;
    if (text_equal(source, "credential")) {
        ok = from_credential(m, why);
    } else if (text_equal(source, "stdin")) {
        snprintf(m->source, sizeof m->source, "standard input");
        m->key = read_key(STDIN_FILENO, m->source, why);
        ok = m->key != NULL;
    } else {
        ok = from_file(m, file, vault, why);
    }
    if (ok)
        return m;
    if (why && why->id[0] == '\0')
        snprintf(why->id, sizeof why->id, "vault.key");
    master_key_free(m);
    return NULL;
}

void master_key_free(struct master_key *m)
{
    if (!m)
        return;
    secret_free(m->key);
    secret_free(m->staged);
    free(m->file);
    free(m);
}

static bool on_staged_file(struct master_key *m, const struct disk *d, bool is_commit, struct fault *why)
{
    int directory = open_parent(m->file, why);
    if (directory < 0)
        return false;
    char *copy = mem_strdup(m->file);
    const char *name = basename(copy);
    char *next = mem_printf("%s.next", name);
    bool ok = is_commit ? disk_rename(d, directory, next, name, why) : disk_wipe(d, directory, next, why);
    free(next);
    free(copy);
    close(directory);
    return ok;
}

bool master_key_stage(struct master_key *m, const struct disk *d, const struct secret *next, struct fault *why)
{
    if (m->is_rename_owed && !on_staged_file(m, d, true, why))
        return false;
    m->is_rename_owed = false;
    if (m->file && !write_key(d, m->file, ".next", next, why))
        return false;
    secret_free(m->staged);
    m->staged = secret_dup(next);
    return true;
}

bool master_key_commit(struct master_key *m, const struct disk *d, struct fault *why)
{
    secret_free(m->key);
    m->key = m->staged;
    m->staged = NULL;
    m->is_rename_owed = m->file && !on_staged_file(m, d, true, why);
    return !m->is_rename_owed;
}

bool master_key_unstage(struct master_key *m, const struct disk *d, struct fault *why)
{
    secret_free(m->staged);
    m->staged = NULL;
    return !m->file || on_staged_file(m, d, false, why);
}
