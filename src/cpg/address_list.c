#include "cpg/address_list.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY ((size_t)256)

const struct cpg_address *cpg_address_list_find(
	const struct cpg_address *items, size_t count, const struct cpg_address *wanted)
{
	size_t i;

	for (i = 0; i < count; i++) {
		if (items[i].nodeid == wanted->nodeid && items[i].pid == wanted->pid) {
			return &items[i];
		}
	}
	return NULL;
}

static bool make_room(cpg_address_list *list, size_t wanted)
{
	size_t capacity = list->capacity == 0 ? FIRST_CAPACITY : list->capacity;
	struct cpg_address *items;

	while (capacity < wanted) {
		capacity *= 2;
	}
	if (capacity == list->capacity) {
		return true;
	}
	items = realloc(list->items, capacity * sizeof *items);
	if (items == NULL) {
		return false;
	}
	list->items = items;
	list->capacity = capacity;
	return true;
}

bool cpg_address_list_add(cpg_address_list *list, const struct cpg_address *address)
{
	if (!make_room(list, list->count + 1)) {
		return false;
	}
	list->items[list->count++] = *address;
	return true;
}

bool cpg_address_list_copy(cpg_address_list *list, const struct cpg_address *items, size_t count)
{
	if (!make_room(list, count)) {
		return false;
	}
	if (count > 0) {
		memcpy(list->items, items, count * sizeof *items);
	}
	list->count = count;
	return true;
}

void cpg_address_list_remove(cpg_address_list *list, const struct cpg_address *address)
{
	const struct cpg_address *found = cpg_address_list_find(list->items, list->count, address);
	size_t at = found == NULL ? list->count : (size_t)(found - list->items);

	if (at < list->count) {
		list->count--;
		memmove(list->items + at, list->items + at + 1, (list->count - at) * sizeof *list->items);
	}
}

static int compare(const void *left, const void *right)
{
	const struct cpg_address *one = left, *other = right;

	if (one->nodeid != other->nodeid) {
		return one->nodeid < other->nodeid ? -1 : 1;
	}
	return one->pid < other->pid ? -1 : one->pid > other->pid;
}

void cpg_address_list_sort(cpg_address_list *list)
{
	if (list->count > 1) {
		qsort(list->items, list->count, sizeof *list->items, compare);
	}
}

void cpg_address_list_free(cpg_address_list *list)
{
	free(list->items);
	*list = (cpg_address_list){0};
}
