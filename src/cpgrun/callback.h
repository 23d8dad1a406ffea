#ifndef COROSYNC_LUA_CPGRUN_CALLBACK_H
#define COROSYNC_LUA_CPGRUN_CALLBACK_H

#include <lua.h>

/* Has luv call back so that errors are logged, also in its threads. By itself it would end the process. [-0, +0, m] */
void callback_open(lua_State *L);

/* set_report(function): the function that is given each error's message with its traceback. */
int callback_set_report(lua_State *L);

/* limit(seconds, libraries): from now on functions that run for longer are stopped; returns limit_open's function. */
int callback_limit(lua_State *L);

#endif
