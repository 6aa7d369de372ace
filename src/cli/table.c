/* cli/table.c - columns as wide as their widest cell, counted in characters. */
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/text.h"
#include "cli/show.h"

#define COLUMNS_MOST 12
#define CELL_MOST 160

struct row {
    struct row *next;
    const char *cells[COLUMNS_MOST];
    size_t count;
};

struct table {
    struct arena *arena;
    struct row *first, **last;
    size_t widths[COLUMNS_MOST];
};

/* Continuation octets of UTF-8 take no column. */
static size_t width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

struct table *table_new(const char *const *titles)
{
    struct table *t = mem_alloc(sizeof *t);
    t->arena = arena_new();
    t->last = &t->first;
    size_t count = 0;
    while (titles && titles[count])
        count++;
    if (count)
        table_row(t, titles, count);
    return t;
}

void table_row(struct table *t, const char *const *cells, size_t count)
{
    struct row *row = arena_alloc(t->arena, sizeof *row);
    char text[CELL_MOST + 1];
    row->count = count < COLUMNS_MOST ? count : COLUMNS_MOST;
    for (size_t i = 0; i < row->count; i++) {
        text_sanitize(bytes_of(cells[i]), text, CELL_MOST);
        row->cells[i] = arena_strdup(t->arena, text);
        size_t width = width_of(text);
        t->widths[i] = width > t->widths[i] ? width : t->widths[i];
    }
    *t->last = row;
    t->last = &row->next;
}

void table_print(const struct table *t, FILE *out)
{
    for (const struct row *row = t->first; row; row = row->next) {
        for (size_t i = 0; i < row->count; i++) {
            bool is_last = i + 1 == row->count;
            fputs(row->cells[i], out);
            for (size_t pad = width_of(row->cells[i]); !is_last && pad < t->widths[i] + 2; pad++)
                fputc(' ', out);
        }
        fputc('\n', out);
    }
}

void table_free(struct table *t)
{
    if (!t)
        return;
    arena_free(t->arena);
    free(t);
}
