/* Lists of members in libcpg's format, sorted by node and pid. Independent of Lua. */
#ifndef COROSYNC_LUA_CPG_ADDRESS_LIST_H
#define COROSYNC_LUA_CPG_ADDRESS_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <corosync/cpg.h>

typedef struct cpg_address_list {
	struct cpg_address *items;
	size_t count, capacity;
} cpg_address_list;

/* Returns the address of the same member in an array, or NULL. */
const struct cpg_address *cpg_address_list_find(
	const struct cpg_address *items, size_t count, const struct cpg_address *wanted);

/* Return false if there is no memory; the list is then unchanged. */
bool cpg_address_list_add(cpg_address_list *list, const struct cpg_address *address);
bool cpg_address_list_copy(cpg_address_list *list, const struct cpg_address *items, size_t count);

/* Removes a member if it is in the list. */
void cpg_address_list_remove(cpg_address_list *list, const struct cpg_address *address);

void cpg_address_list_sort(cpg_address_list *list);
void cpg_address_list_free(cpg_address_list *list);

#endif
