/* vault/generation.c - making a generation, putting it in force, wiping it. */
#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "vault/seal.h"
#include "vault/vault_private.h"

#define CURRENT "current"
#define KEY_FILE "key.sealed"

bool generation_is_name(const char *name)
{
    return strlen(name) == GENERATION_SIZE - 1 && strspn(name, "0123456789abcdef") == GENERATION_SIZE - 1;
}

bool generation_current(struct vault *v, char id[GENERATION_SIZE], struct fault *why)
{
    struct buf text;
    buf_init(&text, 64);
    bool is_there;
    id[0] = '\0';
    bool ok = disk_read(v->root, CURRENT, &text, &is_there, why);
    if (ok && is_there) {
        struct bytes name = bytes_trim(buf_bytes(&text));
        if (name.size == GENERATION_SIZE - 1) {
            memcpy(id, name.data, name.size);
            id[name.size] = '\0';
        }
        if (!generation_is_name(id))
            ok = fault_set(why, FAULT_CONFIG, "vault.damaged",
                           "%s/current does not name a generation; put the whole vault directory back from a backup",
                           v->path);
    }
    buf_fini(&text);
    return ok;
}

static struct secret *random_key(void)
{
    uint8_t random[SEAL_KEY_SIZE];
    secret_random(random, sizeof random);
    struct secret *key = secret_new(random, sizeof random);
    secret_wipe(random, sizeof random);
    return key;
}

static bool write_key(struct vault *v, const struct secret *master, struct generation *g, struct fault *why)
{
    struct buf sealed;
    buf_init(&sealed, 1024);
    bool fits = seal_close(master, secret_bytes(g->data_key), g->id, "key", &sealed);
    assert(fits);
    (void)fits;
    bool ok = disk_write(&v->disk, g->directory, KEY_FILE, buf_bytes(&sealed), why);
    buf_fini(&sealed);
    return ok;
}

bool generation_make(struct vault *v, const struct secret *master, struct generation *g, struct fault *why)
{
    uint8_t random[(GENERATION_SIZE - 1) / 2];
    secret_random(random, sizeof random);
    hex_encode((struct bytes){ random, sizeof random }, g->id, sizeof g->id);
    g->directory = -1;
    g->data_key = random_key();
    if (disk_make_directory(&v->disk, v->root, g->id, why))
        g->directory = disk_open_directory(v->root, g->id, why);
    if (g->directory >= 0 && write_key(v, master, g, why))
        return true;
    generation_close(g);
    return false;
}

bool generation_switch(struct vault *v, struct generation *g, struct fault *why)
{
    char text[GENERATION_SIZE + 1], now[GENERATION_SIZE];
    snprintf(text, sizeof text, "%s\n", g->id);
    bool ok = disk_sync(&v->disk, g->directory, g->id, why) && disk_sync(&v->disk, v->root, v->path, why) &&
              disk_write(&v->disk, v->root, CURRENT, bytes_of(text), why);
    /* A write that failed in its last step has switched all the same: what the disk says decides. */
    if (!ok && (!generation_current(v, now, NULL) || !text_equal(now, g->id)))
        return false;
    if (v->directory >= 0)
        close(v->directory);
    secret_free(v->data_key);
    memcpy(v->generation, g->id, sizeof v->generation);
    v->directory = g->directory;
    v->data_key = g->data_key;
    return true;
}

void generation_close(struct generation *g)
{
    if (g->directory >= 0)
        close(g->directory);
    secret_free(g->data_key);
    g->directory = -1;
    g->data_key = NULL;
}

static bool wipe_files(struct vault *v, int directory, struct fault *why)
{
    int copy = dup(directory);
    DIR *files = copy >= 0 ? fdopendir(copy) : NULL;
    if (!files && copy >= 0)
        close(copy);
    if (!files)
        return fault_set(why, FAULT_LOCAL, "", "can't list a generation's directory");
    bool ok = disk_wipe(&v->disk, directory, KEY_FILE, why);
    for (struct dirent *e = readdir(files); ok && e; e = readdir(files)) {
        if (!text_equal(e->d_name, ".") && !text_equal(e->d_name, ".."))
            ok = disk_wipe(&v->disk, directory, e->d_name, why);
    }
    closedir(files);
    return ok;
}

bool generation_wipe(struct vault *v, const char *id, struct fault *why)
{
    int directory = disk_open_directory(v->root, id, why);
    if (directory < 0)
        return false;
    bool ok = wipe_files(v, directory, why);
    close(directory);
    return ok && disk_remove_directory(&v->disk, v->root, id, why) && disk_sync(&v->disk, v->root, v->path, why);
}
