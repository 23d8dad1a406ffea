/* Lists of members as libcpg has them, in the order of node and pid. No Lua. */
#ifndef COROSYNC_LUA_CPG_ADDRESSES_H
#define COROSYNC_LUA_CPG_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>

#include <corosync/cpg.h>

typedef struct cpg_addresses {
	struct cpg_address *items;
	size_t count, capacity;
} cpg_addresses;

/* The address of the same member in an array, or NULL. */
const struct cpg_address *cpg_addresses_find(
	const struct cpg_address *items, size_t count, const struct cpg_address *wanted);

/* False when there is no memory for it; the list is then as it was. */
bool cpg_addresses_add(cpg_addresses *list, const struct cpg_address *address);
bool cpg_addresses_copy(cpg_addresses *list, const struct cpg_address *items, size_t count);

/* Takes a member out that is in the list. */
void cpg_addresses_remove(cpg_addresses *list, const struct cpg_address *address);

void cpg_addresses_sort(cpg_addresses *list);
void cpg_addresses_free(cpg_addresses *list);

#endif
