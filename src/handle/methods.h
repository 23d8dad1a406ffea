/* The metatable of a class of handles: the only file of this folder that knows all methods. */
#ifndef COROSYNC_LUA_HANDLE_METHODS_H
#define COROSYNC_LUA_HANDLE_METHODS_H

#include "handle/handle.h"

/* Makes the metatable of a class: the methods that all handles share and those in `methods`. [-0, +0, m] */
void methods_setup(lua_State *L, const handle_class *class, const luaL_Reg *methods);

/* Sets functions in the table on top of the stack, for the class whose metatable is at that index. [-0, +0, m] */
void methods_set(lua_State *L, int metatable, const handle_class *class, const luaL_Reg *functions);

#endif
