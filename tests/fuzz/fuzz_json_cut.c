/* The cutter: however the input falls into pieces the same comes out, and what is JSON to the parser is the same JSON afterwards, with
 * the texts that were taken where they belong. */
#include <jansson.h>
#include <string.h>

#include "base/arena.h"
#include "fuzz.h"
#include "proto/json/cut.h"

#define TEXTS 64

struct heard {
    struct arena *arena;
    struct buf rest, text;
    const char *pointers[TEXTS];
    struct bytes texts[TEXTS];
    size_t count;
};

static bool begin(void *ctx, const char *pointer)
{
    struct heard *h = ctx;
    PROMISE(strlen(pointer) < JSON_CUT_POINTER);
    if (h->count == TEXTS || (*pointer && pointer[strlen(pointer) - 1] == 's'))
        return false;
    h->pointers[h->count] = arena_strdup(h->arena, pointer);
    buf_clear(&h->text);
    return true;
}

static bool piece(void *ctx, struct bytes text)
{
    PROMISE(text.size > 0);
    return buf_add_bytes(&((struct heard *)ctx)->text, text);
}

static bool end(void *ctx)
{
    struct heard *h = ctx;
    PROMISE(text_is_utf8(buf_bytes(&h->text)));
    h->texts[h->count++] = arena_bytes(h->arena, buf_bytes(&h->text));
    return true;
}

static bool rest(void *ctx, struct bytes json)
{
    return buf_add_bytes(&((struct heard *)ctx)->rest, json);
}

static bool cut(struct heard *h, struct bytes in, size_t step)
{
    static const struct json_cut_host host = { begin, piece, end, rest };
    struct json_cut c;
    *h = (struct heard){ .arena = arena_new() };
    buf_init(&h->rest, 1u << 21);
    buf_init(&h->text, 1u << 21);
    json_cut_init(&c, &host, h);
    for (size_t at = 0; at < in.size; at += step) {
        if (!json_cut_feed(&c, bytes_slice(in, at, at + step), NULL))
            return false;
    }
    return json_cut_end(&c, NULL);
}

static void fini(struct heard *h)
{
    arena_free(h->arena);
    buf_fini(&h->rest);
    buf_fini(&h->text);
}

/* What stands at a pointer; NULL: nothing. */
static json_t *at_pointer(json_t *json, const char *pointer)
{
    while (*pointer && json) {
        char name[JSON_CUT_POINTER];
        size_t size = 0;
        for (pointer++; *pointer && *pointer != '/'; pointer++) {
            bool is_special = *pointer == '~';
            name[size++] = !is_special ? *pointer : pointer[1] == '0' ? '~' : '/';
            pointer += is_special;
        }
        name[size] = 0;
        json = json_is_array(json) ? json_array_get(json, strtoul(name, NULL, 10)) : json_object_get(json, name);
    }
    return json;
}

/* Puts the texts back where they were. */
static void compare(struct heard *h, json_t *whole)
{
    json_t *left = json_loadb((const char *)h->rest.data, h->rest.size, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    PROMISE(left);
    for (size_t i = 0; i < h->count; i++) {
        json_t *empty = at_pointer(left, h->pointers[i]), *full = at_pointer(whole, h->pointers[i]);
        PROMISE(json_is_string(empty) && json_string_length(empty) == 0 && json_is_string(full));
        PROMISE(json_string_length(full) == h->texts[i].size);
        PROMISE(memcmp(json_string_value(full), h->texts[i].size ? (const void *)h->texts[i].data : "",
                       h->texts[i].size) == 0);
        json_string_setn(empty, json_string_value(full), json_string_length(full));
    }
    PROMISE(json_equal(left, whole));
    json_decref(left);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes in = { data, size };
    struct heard once, again;
    bool is_good = cut(&once, in, size ? size : 1);
    PROMISE(cut(&again, in, size > 1 ? 1 + data[0] % 7 : 1) == is_good);
    PROMISE(once.count == again.count);
    PROMISE(!is_good || bytes_equal(buf_bytes(&once.rest), buf_bytes(&again.rest)));
    for (size_t i = 0; i < once.count; i++)
        PROMISE(bytes_equal(once.texts[i], again.texts[i]) && strcmp(once.pointers[i], again.pointers[i]) == 0);
    json_t *whole = json_loadb((const char *)(size ? data : (const uint8_t *)""), size,
                               JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
    if (whole && is_good)
        compare(&once, whole);
    json_decref(whole);
    fini(&once);
    fini(&again);
    return 0;
}
