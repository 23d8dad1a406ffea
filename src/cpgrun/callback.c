#include "cpgrun/cpgrun.h"

#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <luv/luv.h>

#include "support/compat.h"

/* Fields of the registry: the function that logs an error, and the prefix of our own sources' names. */
#define REPORT "cpgrun.report"
#define LIBRARIES "cpgrun.libraries"

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

/* As lua_pcall, with the time limit, and with or without the memory limit. */
static int pcall_limited(lua_State *L, int arguments, int results, int handler, bool limits_memory)
{
	bool outer = memory_apply_limit(L, limits_memory);
	int status = limit_pcall(L, arguments, results, handler);

	(void)memory_apply_limit(L, outer);
	return status;
}

/* Whether the function at this index is our own Lua. */
static bool is_own(lua_State *L, int function)
{
	lua_Debug ar;
	bool owned = false;

	if (lua_isfunction(L, function)) {
		lua_pushvalue(L, function);
		lua_getfield(L, LUA_REGISTRYINDEX, LIBRARIES);
		lua_insert(L, -2);
		owned = lua_getinfo(L, ">S", &ar) != 0 && limit_is_own(ar.source, lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	return owned;
}

/* The same with limits for a script's functions. */
static int call_back_limited(lua_State *L, int arguments, int results, int flags)
{
	int function = insert_traceback(L, arguments);

	(void)flags;
	return called_back(L, function, results, pcall_limited(L, arguments, results, function, !is_own(L, function + 1)));
}

/* The value at index 1 is true, because the results of a successful call may fill the stack. Returns their number. */
static int note_status(lua_State *L, int status)
{
	if (status != 0) {
		lua_pushboolean(L, false);
		lua_replace(L, 1);
	}
	return lua_gettop(L);
}

static int call(lua_State *L)
{
	bool limits_memory;
	int status;

	luaL_checkany(L, 1);
	limits_memory = !is_own(L, 1);
	lua_pushboolean(L, true);
	lua_insert(L, 1);
	lua_pushcfunction(L, compat_traceback);
	lua_insert(L, 2);
	status = pcall_limited(L, lua_gettop(L) - 3, LUA_MULTRET, 2, limits_memory);
	lua_remove(L, 2);
	return note_status(L, status);
}

static int pcall_without(lua_State *L)
{
	bool outer;
	int status;

	luaL_checkany(L, 1);
	lua_pushboolean(L, true);
	lua_insert(L, 1);
	outer = memory_apply_limit(L, false);
	status = limit_pcall_without(L, lua_gettop(L) - 2, LUA_MULTRET);
	(void)memory_apply_limit(L, outer);
	return note_status(L, status);
}

static int limit_memory(lua_State *L)
{
	lua_pushboolean(L, memory_apply_limit(L, lua_isboolean(L, 1) ? lua_toboolean(L, 1) : !is_own(L, 1)));
	return 1;
}

int callback_limit(lua_State *L)
{
	const char *libraries = luaL_checkstring(L, 1);
	lua_Number seconds = luaL_optnumber(L, 2, 0), bytes = luaL_optnumber(L, 3, 0);

	lua_pushvalue(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, LIBRARIES);
	if (seconds > 0) {
		limit_open(L, (double)seconds, libraries);
	}
	if (bytes > 0) {
		memory_open(L, (size_t)bytes);
	}
	luv_set_callback(L, call_back_limited);
	lua_pushcfunction(L, call);
	lua_pushcfunction(L, limit_memory);
	lua_pushcfunction(L, pcall_without);
	return 3;
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
