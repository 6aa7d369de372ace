/* vault/record.c - putting, getting, listing and re-sealing records.
 *
 * The file name is for people where it can be ("grant-info@example.org.sealed") and a hash where it can't; the full name
 * stands inside the sealed text, so a record is found again whatever its file is called, and checked against it. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/log.h"
#include "base/text.h"
#include "vault/seal.h"
#include "vault/vault_private.h"

#define SUFFIX ".sealed"
#define SEALED_LIMIT (VAULT_RECORD_LIMIT + 2048 + SEAL_OVERHEAD)
#define FILE_SIZE 256

static void file_of(const char *kind, const char *name, char out[FILE_SIZE])
{
    size_t size = strlen(name);
    bool is_plain = size > 0 && size <= 160 && name[0] != '.' &&
                    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789@._+-") == size;
    if (is_plain) {
        snprintf(out, FILE_SIZE, "%s-%s" SUFFIX, kind, name);
        return;
    }
    uint8_t hash[16];
    char hex[2 * sizeof hash + 1];
    crypto_generichash(hash, sizeof hash, (const uint8_t *)name, size, NULL, 0);
    hex_encode((struct bytes){ hash, sizeof hash }, hex, sizeof hex);
    snprintf(out, FILE_SIZE, "%s-=%s" SUFFIX, kind, hex);
}

bool record_is_file(const char *file)
{
    size_t size = strlen(file), suffix = strlen(SUFFIX);
    return file[0] != '.' && size > suffix && text_equal(file + size - suffix, SUFFIX) &&
           !text_equal(file, "key" SUFFIX);
}

static bool is_of_kind(const char *file, const char *kind)
{
    size_t size = strlen(kind);
    return record_is_file(file) && strncmp(file, kind, size) == 0 && file[size] == '-';
}

bool record_read(int directory, const char *file, struct buf *sealed, bool *is_there, struct fault *why)
{
    return disk_read(directory, file, sealed, is_there, why);
}

static bool write_record(struct vault *v, int directory, const struct secret *key, const char *generation,
                         const char *file, struct bytes plain, struct fault *why)
{
    struct buf sealed;
    buf_init(&sealed, SEALED_LIMIT);
    bool ok = seal_close(key, plain, generation, file, &sealed);
    if (!ok)
        fault_set(why, FAULT_LOCAL, "", "%s is larger than the vault takes (%u bytes)", file, VAULT_RECORD_LIMIT);
    ok = ok && disk_write(&v->disk, directory, file, buf_bytes(&sealed), why);
    buf_fini(&sealed);
    return ok;
}

bool vault_put(struct vault *v, const char *kind, const char *name, struct bytes plain, struct fault *why)
{
    char file[FILE_SIZE];
    file_of(kind, name, file);
    size_t name_size = strlen(name), size = 2 + name_size + plain.size;
    if (plain.size > VAULT_RECORD_LIMIT || name_size > 1024)
        return fault_set(why, FAULT_LOCAL, "", "%s is larger than the vault takes", file);
    uint8_t *text = mem_alloc(size);
    text[0] = (uint8_t)(name_size >> 8);
    text[1] = (uint8_t)name_size;
    memcpy(text + 2, name, name_size);
    if (plain.size > 0)
        memcpy(text + 2 + name_size, plain.data, plain.size);
    bool ok = write_record(v, v->directory, v->data_key, v->generation, file, (struct bytes){ text, size }, why);
    secret_wipe(text, size);
    free(text);
    return ok;
}

/* The whole sealed text, name included; NULL with a fault. */
static struct secret *open_file(struct vault *v, const char *file, bool *is_there, struct fault *why)
{
    struct buf sealed;
    buf_init(&sealed, SEALED_LIMIT);
    struct secret *out = NULL;
    if (record_read(v->directory, file, &sealed, is_there, why) && *is_there) {
        out = seal_open(v->data_key, buf_bytes(&sealed), v->generation, file, why);
        if (!out)
            fault_wrap(why, "%s/%s", v->path, v->generation);
    }
    buf_fini(&sealed);
    return out;
}

static bool split(const struct secret *whole, struct bytes *name, struct bytes *plain)
{
    struct bytes all = secret_bytes(whole);
    if (all.size < 2)
        return false;
    size_t size = (size_t)all.data[0] << 8 | all.data[1];
    if (size > all.size - 2)
        return false;
    *name = bytes_slice(all, 2, 2 + size);
    *plain = bytes_slice(all, 2 + size, all.size);
    return true;
}

bool vault_get(struct vault *v, const char *kind, const char *name, struct secret **plain, struct fault *why)
{
    char file[FILE_SIZE];
    file_of(kind, name, file);
    *plain = NULL;
    bool is_there = false;
    struct fault bad = { 0 };
    struct secret *whole = open_file(v, file, &is_there, &bad);
    struct bytes found, value;
    bool ok = whole && split(whole, &found, &value) && bytes_equal(found, bytes_of(name));
    if (ok)
        *plain = secret_new(value.data, value.size);
    else if (whole)
        fault_set(&bad, FAULT_LOCAL, "vault.damaged", "%s holds another record", file);
    secret_free(whole);
    if (bad.kind != FAULT_NONE && why)
        *why = bad;
    return bad.kind == FAULT_NONE;
}

bool vault_remove(struct vault *v, const char *kind, const char *name, struct fault *why)
{
    char file[FILE_SIZE];
    file_of(kind, name, file);
    return disk_wipe(&v->disk, v->directory, file, why) && disk_sync(&v->disk, v->directory, file, why);
}

static DIR *list_files(struct vault *v, struct fault *why)
{
    int fd = openat(v->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *files = fd >= 0 ? fdopendir(fd) : NULL;
    if (!files)
        fault_errno(why, FAULT_LOCAL, errno, "can't list %s/%s", v->path, v->generation);
    return files;
}

static void hand_over(struct vault *v, const char *file, vault_each_fn *each, void *ctx)
{
    struct fault bad = { 0 };
    bool is_there;
    struct secret *whole = open_file(v, file, &is_there, &bad);
    struct bytes name, value;
    if (whole && split(whole, &name, &value)) {
        char *text = mem_strndup(name.data, name.size);
        struct secret *plain = secret_new(value.data, value.size);
        each(ctx, text, plain, NULL);
        secret_free(plain);
        free(text);
    } else {
        if (bad.kind == FAULT_NONE)
            fault_set(&bad, FAULT_LOCAL, "vault.damaged", "%s holds no record", file);
        each(ctx, file, NULL, &bad);
    }
    secret_free(whole);
}

bool vault_each(struct vault *v, const char *kind, vault_each_fn *each, void *ctx, struct fault *why)
{
    DIR *files = list_files(v, why);
    if (!files)
        return false;
    for (struct dirent *e = readdir(files); e; e = readdir(files)) {
        if (is_of_kind(e->d_name, kind))
            hand_over(v, e->d_name, each, ctx);
    }
    closedir(files);
    return true;
}

/* Copies every record into the new generation. */
static bool reseal_all(struct vault *v, const struct generation *g, struct fault *why)
{
    DIR *files = list_files(v, why);
    if (!files)
        return false;
    bool ok = true;
    for (struct dirent *e = readdir(files); ok && e; e = readdir(files)) {
        if (!record_is_file(e->d_name))
            continue;
        bool is_there = false;
        struct secret *whole = open_file(v, e->d_name, &is_there, why);
        ok = whole && write_record(v, g->directory, g->data_key, g->id, e->d_name, secret_bytes(whole), why);
        secret_free(whole);
    }
    closedir(files);
    return ok;
}

static void undo(struct vault *v, struct generation *g)
{
    struct fault bad = { 0 };
    if (g->directory >= 0) {
        generation_close(g);
        if (!generation_wipe(v, g->id, &bad))
            log_warn("vault.leftover", LOG_TEXT("generation", g->id), LOG_FAULT(&bad));
    }
    if (!master_key_unstage(v->master, &v->disk, &bad))
        log_warn("vault.leftover", LOG_FAULT(&bad));
}

bool vault_rekey(struct vault *v, const struct secret *next, struct fault *why)
{
    char old[GENERATION_SIZE];
    memcpy(old, v->generation, sizeof old);
    struct generation g = { .directory = -1 };
    bool ok = master_key_stage(v->master, &v->disk, next, why) && generation_make(v, next, &g, why) &&
              reseal_all(v, &g, why) && generation_switch(v, &g, why);
    if (!ok) {
        undo(v, &g);
        return fault_wrap(why, "the key was not changed");
    }
    /* From here on the new key is in force; what fails is put right by the next vault_open(). */
    struct fault bad = { 0 };
    if (!master_key_commit(v->master, &v->disk, &bad))
        log_warn("vault.key-not-renamed", LOG_FAULT(&bad));
    if (!generation_wipe(v, old, &bad))
        log_warn("vault.leftover", LOG_TEXT("generation", old), LOG_FAULT(&bad));
    return true;
}

const char *vault_key_source(const struct vault *v)
{
    return v->master->source;
}

bool vault_key_is_file(const struct vault *v)
{
    return v->master->file != NULL;
}

void vault_on_step(struct vault *v, disk_step_fn *step, void *ctx)
{
    v->disk.step = step;
    v->disk.ctx = ctx;
}
