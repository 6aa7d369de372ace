/* A store in a folder of its own, which goes with the test. */
#ifndef TEST_STORE_FOLDER_H
#define TEST_STORE_FOLDER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/store.h"

#define STORE_FOLDER_SIZE 64

/* After <cmocka.h>. `dir` receives the folder's path. */
static inline struct store *store_folder_open(char dir[STORE_FOLDER_SIZE])
{
    strcpy(dir, "/tmp/postern-store-XXXXXX");
    assert_non_null(mkdtemp(dir));
    struct store *s = store_open(dir, NULL);
    assert_non_null(s);
    return s;
}

/* 0 when the folder is gone. */
static inline int store_folder_close(struct store *s, const char *dir)
{
    char command[STORE_FOLDER_SIZE + 16];
    store_close(s);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return system(command);
}

#endif
