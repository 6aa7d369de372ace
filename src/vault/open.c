/* vault/open.c - opening a vault: the first time, every time, and after a key change that was stopped half-way.
 *
 * What stands on the disk decides:
 *   no `current`, no records         first run: make a generation
 *   no `current`, records            refused: somebody lost the pointer, not the mail
 *   `current` opens with the key     it is in force; every other generation is a left-over and wiped
 *   `current` opens with "<file>.next"   the machine stopped between the switch and the rename: rename now */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "vault/seal.h"
#include "vault/vault_private.h"

typedef bool each_generation_fn(struct vault *v, const char *id, struct fault *why);

static bool each_generation(struct vault *v, each_generation_fn *each, struct fault *why)
{
    DIR *entries = fdopendir(openat(v->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!entries)
        return fault_errno(why, FAULT_LOCAL, errno, "can't list %s", v->path);
    bool ok = true;
    for (struct dirent *e = readdir(entries); ok && e; e = readdir(entries)) {
        if (generation_is_name(e->d_name))
            ok = each(v, e->d_name, why);
    }
    closedir(entries);
    return ok;
}

static bool refuse_records(struct vault *v, const char *id, struct fault *why)
{
    int directory = disk_open_directory(v->root, id, why);
    DIR *files = directory >= 0 ? fdopendir(directory) : NULL;
    if (!files)
        return false;
    bool has_records = false;
    for (struct dirent *e = readdir(files); e; e = readdir(files))
        has_records = has_records || record_is_file(e->d_name);
    closedir(files);
    if (has_records)
        return fault_set(
            why, FAULT_CONFIG, "vault.damaged",
            "%s holds sealed records but no file `current` that says which generation is in force; nothing "
            "was changed: put `current` back from a backup (generation found: %s)",
            v->path, id);
    return true;
}

static bool wipe_others(struct vault *v, const char *id, struct fault *why)
{
    struct fault bad = { 0 };
    if (!text_equal(id, v->generation) && !generation_wipe(v, id, &bad))
        log_warn("vault.leftover", LOG_TEXT("generation", id), LOG_FAULT(&bad));
    return true;
}

static bool first_run(struct vault *v, struct fault *why)
{
    struct generation g;
    if (!each_generation(v, refuse_records, why) || !generation_make(v, v->master->key, &g, why))
        return false;
    if (generation_switch(v, &g, why))
        return true;
    generation_close(&g);
    return false;
}

/* Which master key opens the generation's data key? */
static bool open_key(struct vault *v, struct fault *why)
{
    struct buf sealed;
    buf_init(&sealed, 1024);
    bool is_there, ok = record_read(v->directory, "key.sealed", &sealed, &is_there, why);
    if (ok && !is_there)
        ok = fault_set(why, FAULT_CONFIG, "vault.damaged",
                       "%s/%s/key.sealed is missing; nothing was changed: put the vault directory back from a backup",
                       v->path, v->generation);
    bool is_staged = false;
    if (ok) {
        v->data_key = seal_open(v->master->key, buf_bytes(&sealed), v->generation, "key", NULL);
        is_staged = !v->data_key && v->master->staged;
        if (is_staged)
            v->data_key = seal_open(v->master->staged, buf_bytes(&sealed), v->generation, "key", NULL);
    }
    buf_fini(&sealed);
    if (ok && !v->data_key)
        return fault_set(why, FAULT_CONFIG, "vault.key",
                         "%s: this key does not open the vault in %s (another key, or a damaged key.sealed); nothing "
                         "was changed: put the right key back and start again",
                         v->master->source, v->path);
    struct fault bad = { 0 };
    if (is_staged && !master_key_commit(v->master, &v->disk, &bad))
        log_warn("vault.key-not-renamed", LOG_FAULT(&bad));
    if (ok && !is_staged && v->master->staged && !master_key_unstage(v->master, &v->disk, &bad))
        log_warn("vault.leftover", LOG_FAULT(&bad));
    return ok;
}

static bool later_run(struct vault *v, struct fault *why)
{
    v->directory = disk_open_directory(v->root, v->generation, why);
    return v->directory >= 0 && open_key(v, why) && each_generation(v, wipe_others, why);
}

static bool open_root(struct vault *v, struct fault *why)
{
    if (mkdir(v->path, 0700) != 0 && errno != EEXIST)
        return fault_errno(why, FAULT_LOCAL, errno, "can't make the vault's directory %s", v->path);
    v->root = disk_open_directory(AT_FDCWD, v->path, why);
    if (v->root < 0)
        return false;
    if (flock(v->root, LOCK_EX | LOCK_NB) != 0)
        return fault_set(why, FAULT_LOCAL, "vault.busy",
                         "%s is in use by another process: is another daemon running on this state directory?",
                         v->path);
    return true;
}

struct vault *vault_open(const char *path, struct master_key *key, struct fault *why)
{
    struct vault *v = mem_alloc(sizeof *v);
    int started = sodium_init();
    assert(started >= 0);
    (void)started;
    v->path = mem_strdup(path);
    v->root = v->directory = -1;
    v->master = key;
    bool ok = open_root(v, why) && generation_current(v, v->generation, why);
    if (ok)
        ok = v->generation[0] ? later_run(v, why) : first_run(v, why);
    if (ok)
        return v;
    vault_free(v);
    return NULL;
}

void vault_free(struct vault *v)
{
    if (!v)
        return;
    if (v->directory >= 0)
        close(v->directory);
    if (v->root >= 0)
        close(v->root);
    secret_free(v->data_key);
    master_key_free(v->master);
    free(v->path);
    free(v);
}
