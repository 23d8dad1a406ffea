#include "cpgrun/cpgrun.h"

#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <luv/luv.h>

#include "support/compat.h"

/* The field of the registry with the function that logs an error. */
#define REPORT "cpgrun.report"

/* Logs the error message on top of the stack. [-1, +0, -] */
static void report(lua_State *L)
{
	lua_getfield(L, LUA_REGISTRYINDEX, REPORT);
	lua_pushvalue(L, -2);
	if (lua_pcall(L, 1, 0, 0) != 0) {
		(void)fprintf(stderr, "cpgrun: %s\n", lua_tostring(L, -2));
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

/* Returns to luv after a callback: logs an error, where luv's own function would end the process. */
static int called_back(lua_State *L, int function, int results, int status)
{
	lua_remove(L, function);
	if (status != 0) {
		report(L);
		return -status;
	}
	return results == LUA_MULTRET ? lua_gettop(L) - function + 1 : results;
}

/* Puts the traceback function under the function and its arguments, and returns its index. [-0, +1, -] */
static int insert_traceback(lua_State *L, int arguments)
{
	int function = lua_gettop(L) - arguments;

	lua_pushcfunction(L, compat_traceback);
	lua_insert(L, function);
	return function;
}

/* luv's callback function. */
static int call_back(lua_State *L, int arguments, int results, int flags)
{
	int function = insert_traceback(L, arguments);

	(void)flags;
	return called_back(L, function, results, lua_pcall(L, arguments, results, function));
}

/* The same with a time limit for a script's functions. */
static int call_back_limited(lua_State *L, int arguments, int results, int flags)
{
	int function = insert_traceback(L, arguments);

	(void)flags;
	return called_back(L, function, results, limit_pcall(L, arguments, results, function));
}

int callback_limit(lua_State *L)
{
	int count = limit_open(L);

	luv_set_callback(L, call_back_limited);
	return count;
}

int callback_set_report(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, REPORT);
	return 0;
}

/* The same modules as in the main state. luv is loaded at once, because a handle among a thread's arguments needs its
metatables. The log is the thread's own, because no state can call a function of another. */
static int open_thread(lua_State *L)
{
	state_open(L);
	luv_set_thread(L, call_back);
	lua_getglobal(L, "require");
	lua_pushvalue(L, -1);
	lua_pushliteral(L, "luv");
	lua_call(L, 1, 0);
	lua_pushliteral(L, "cpgrun.log");
	lua_call(L, 1, 1);
	lua_getfield(L, -1, "error");
	lua_setfield(L, LUA_REGISTRYINDEX, REPORT);
	return 0;
}

/* luv has no way to report a failure. */
static lua_State *acquire_thread(void)
{
	lua_State *L = luaL_newstate();

	if (L == NULL) {
		(void)fprintf(stderr, "cpgrun: not enough memory for the Lua state of a thread\n");
		_Exit(EXIT_FAILURE);
	}
	lua_pushcfunction(L, open_thread);
	if (lua_pcall(L, 0, 0, 0) != 0) {
		(void)fprintf(stderr, "cpgrun: cannot start the Lua state of a thread: %s\n", lua_tostring(L, -1));
		_Exit(EXIT_FAILURE);
	}
	return L;
}

void callback_open(lua_State *L)
{
	luv_set_callback(L, call_back);
	luv_set_thread_cb(acquire_thread, lua_close);
}
