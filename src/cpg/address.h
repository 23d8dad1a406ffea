/* Members' addresses: Lua tables with node, pid and reason. A cache has one table for each member. */
#ifndef COROSYNC_LUA_CPG_ADDRESS_H
#define COROSYNC_LUA_CPG_ADDRESS_H

#include "support/compat.h"

/* Makes the metatable that all addresses of a Lua state share. [-0, +0, m] */
void address_setup(lua_State *L);

/* Pushes an empty cache. It holds its addresses weakly. [-0, +1, m] */
void address_push_cache(lua_State *L);

/* Pushes the address of a member from the cache at that index, and makes it on first use. [-0, +1, m] */
void address_push(lua_State *L, int cache, uint32_t node, uint32_t pid);

#endif
