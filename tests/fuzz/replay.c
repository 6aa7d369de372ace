/* Gives every file of the folders in argv to a fuzzer's function, whole and with its end cut off, so that the corpus is tested
 * where there is no libFuzzer. */
#include <dirent.h>
#include <string.h>

#include "fuzz.h"

#define LARGEST (1u << 20)

static size_t read_file(const char *folder, const char *name, uint8_t *out)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    PROMISE(file);
    size_t size = fread(out, 1, LARGEST, file);
    fclose(file);
    return size;
}

/* A copy of just that size, so that reading past it is seen. */
static void try_out(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1);
    PROMISE(exact);
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
}

static unsigned replay_folder(const char *folder)
{
    static uint8_t data[LARGEST];
    unsigned files = 0;
    DIR *all = opendir(folder);
    PROMISE(all);
    for (struct dirent *entry = readdir(all); entry; entry = readdir(all)) {
        if (entry->d_name[0] == '.')
            continue;
        size_t size = read_file(folder, entry->d_name, data);
        files++;
        for (size_t end = size; end > 0; end -= end < 1 + size / 40 ? end : 1 + size / 40)
            try_out(data, end);
    }
    closedir(all);
    return files;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        unsigned files = replay_folder(argv[i]);
        PROMISE(files > 0);
        printf("%s: %u files\n", argv[i], files);
    }
    try_out((const uint8_t *)"", 0);
    return 0;
}
