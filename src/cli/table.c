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

/* The last column takes what room the others leave; only a terminal has an end. */
static void print_row(const struct table *t, const struct row *row, size_t width, FILE *out)
{
    size_t used = 0;
    for (size_t i = 0; i + 1 < row->count; i++) {
        fprintf(out, "%s%*s", row->cells[i], (int)(t->widths[i] + 2 - width_of(row->cells[i])), "");
        used += t->widths[i] + 2;
    }
    size_t room = width > used + 20 ? width - used : 20;
    show_cut(out, row->count ? row->cells[row->count - 1] : "", width == SIZE_MAX ? SIZE_MAX : room);
    fputc('\n', out);
}

void table_print(const struct table *t, FILE *out)
{
    for (const struct row *row = t->first; row; row = row->next)
        print_row(t, row, show_width(out), out);
}

void table_free(struct table *t)
{
    if (!t)
        return;
    arena_free(t->arena);
    free(t);
}
