/* Giving up root. */
#ifndef COROSYNC_LUA_CPGRUN_USER_H
#define COROSYNC_LUA_CPGRUN_USER_H

#include <lua.h>

/* Lua: become(name) gives up root for that user, for good. Returns true, or nil and a message. */
int user_become(lua_State *L);

#endif
