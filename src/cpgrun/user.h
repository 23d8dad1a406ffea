/* Giving up root. */
#ifndef COROSYNC_LUA_CPGRUN_USER_H
#define COROSYNC_LUA_CPGRUN_USER_H

#include <lua.h>

/* Lua: become(name) makes the process that user's, for good: true, or nil and why it cannot. */
int user_become(lua_State *L);

#endif
