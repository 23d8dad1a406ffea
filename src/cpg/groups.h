/* Groups and their members, as the local Corosync sees them now. */
#ifndef COROSYNC_LUA_CPG_GROUPS_H
#define COROSYNC_LUA_CPG_GROUPS_H

#include "cpg/address_list.h"
#include "cpg/cpg_handle.h"

/*
 * Pushes an iterator over the groups' names and their members' addresses, these from the cache at that index, or
 * answers Corosync's error and pushes nothing. [-0, +1|0, m]
 */
cs_error_t cpg_groups_push(lua_State *L, cpg *c, int cache);

/* The same for an array of one group's members' addresses, empty when it has none. [-0, +1|0, m] */
cs_error_t cpg_groups_push_members(lua_State *L, cpg *c, const struct cpg_name *group, int cache);

/* Adds the members of the handle's group to a list, without Lua. */
cs_error_t cpg_groups_list_members(cpg *c, cpg_address_list *to);

#endif
