/* A handle's events from its queue into Lua: dispatch calls handlers, receive returns one event. */
#ifndef COROSYNC_LUA_HANDLE_DISPATCH_H
#define COROSYNC_LUA_HANDLE_DISPATCH_H

#include "handle/handle.h"

/* Methods of all handles. */
extern const luaL_Reg dispatch_methods[];

/* Puts functions for dispatching into the metatable on top of the stack, so that no dispatch allocates. [-0, +0, m] */
void dispatch_keep(lua_State *L, const handle_class *class);

#endif
