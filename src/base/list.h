/* base/list.h - an intrusive doubly linked list: put a `struct list` into the object, get back with LIST_OF. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

#define LIST_OF(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))
/* Safe against removal of `at` itself. */
#define LIST_EACH(at, head) \
    for (struct list *at = (head)->next, *at##_next = at->next; at != (head); at = at##_next, at##_next = at->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert(struct list *before, struct list *node)
{
    node->next = before;
    node->prev = before->prev;
    before->prev->next = node;
    before->prev = node;
}

static inline void list_append(struct list *head, struct list *node)
{
    list_insert(head, node);
}

/* Harmless on a node that was removed or only list_init()ed. */
static inline void list_remove(struct list *node)
{
    node->next->prev = node->prev;
    node->prev->next = node->next;
    list_init(node);
}

static inline struct list *list_pop(struct list *head)
{
    struct list *node = head->next;
    if (node == head)
        return NULL;
    head->next = node->next;
    node->next->prev = head;
    list_init(node);
    return node;
}

#endif
