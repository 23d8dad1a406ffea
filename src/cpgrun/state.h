#ifndef COROSYNC_LUA_CPGRUN_STATE_H
#define COROSYNC_LUA_CPGRUN_STATE_H

#include <lua.h>

/* Opens Lua's libraries, and lets require find this program's modules, luv and the binding. [-0, +0, e] */
void state_open(lua_State *L);

#endif
