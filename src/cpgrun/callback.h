#ifndef COROSYNC_LUA_CPGRUN_CALLBACK_H
#define COROSYNC_LUA_CPGRUN_CALLBACK_H

#include <lua.h>

/* Makes luv log errors in callbacks, also in its threads, instead of ending the process. [-0, +0, m] */
void callback_open(lua_State *L);

/* Lua: set_report(function) sets the function that gets each error's message with its traceback. */
int callback_set_report(lua_State *L);

/* Lua: limit(seconds, libraries) stops functions that run for longer from now on; returns limit_open's function. */
int callback_limit(lua_State *L);

#endif
