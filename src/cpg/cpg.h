/* Closed process groups: the userdata over libcpg. */
#ifndef COROSYNC_LUA_CPG_H
#define COROSYNC_LUA_CPG_H

#include "support/compat.h"

/* Pushes the module's table. [-0, +1, m] */
int cpg_push_module(lua_State *L);

#endif
