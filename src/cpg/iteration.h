/* The groups and their members as the local Corosync sees them now, by cpg_iteration_*. */
#ifndef COROSYNC_LUA_CPG_ITERATION_H
#define COROSYNC_LUA_CPG_ITERATION_H

#include "cpg/address_list.h"
#include "cpg/cpg.h"

/*
 * Pushes an iterator over the groups' names and their members' addresses, these from the cache at that index. On an
 * error pushes nothing. [-0, +1|0, m]
 */
cs_error_t cpg_iteration_push_groups(lua_State *L, cpg *c, int cache);

/* The same for an array of one group's addresses, empty when it has no members. [-0, +1|0, m] */
cs_error_t cpg_iteration_push_members(lua_State *L, cpg *c, const struct cpg_name *group, int cache);

/* Adds the members of the handle's group to a list, without Lua. */
cs_error_t cpg_iteration_list_members(cpg *c, cpg_address_list *to);

#endif
