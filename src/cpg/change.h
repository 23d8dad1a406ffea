/* Changes of a group's members as Lua values. */
#ifndef COROSYNC_LUA_CPG_CHANGE_H
#define COROSYNC_LUA_CPG_CHANGE_H

#include "handle/handle.h"

/* The `push` of the kind of event. */
int cpg_change_push(lua_State *L, handle *h, const event *ev, int values);

#endif
