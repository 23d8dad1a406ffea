/*
 * cpgrun: runs a Lua script as a member of a closed process group. This is the part that needs C, the rest is in
 * lua/cpgrun. It also shows how to embed the binding: make a state, preload corosync.core, run Lua.
 */
#include <stdio.h>
#include <stdlib.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#ifdef LUA_JITLIBNAME
#include <luajit.h>
#endif

#include "cpgrun/cpgrun.h"
#include "support/compat.h"

#ifndef COROSYNC_VERSION
#define COROSYNC_VERSION "unknown"
#endif

#ifdef LUA_JITLIBNAME
#define LUA_NAME LUAJIT_VERSION
#else
#define LUA_NAME LUA_RELEASE
#endif

static void push_arguments(lua_State *L, int argc, char **argv)
{
	int i;

	lua_createtable(L, argc, 1);
	for (i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i);
	}
}

/* See lua/cpgrun/main.lua. */
static const luaL_Reg native_functions[] = {
	{"become", user_become},
	{"close_on_exec", notify_close_on_exec},
	{"end_with_parent", parent_end_with},
	{"guard", interrupt_guard},
	{"has_hung_up", stdfds_has_hung_up},
	{"has_lost_terminal", interrupt_has_lost_terminal},
	{"limit", callback_limit},
	{"loaded", interrupt_loaded},
	{"notify", notify_send},
	{"peer_user", user_of_peer},
	{"set_report", callback_set_report},
	{"user_id", user_id},
	{NULL, NULL},
};

/* The table `native` of lua/cpgrun/main.lua. [-0, +1, m] */
static void push_native(lua_State *L)
{
	lua_newtable(L);
	lua_getfield(L, LUA_REGISTRYINDEX, "cpgrun.program");
	lua_setfield(L, -2, "program");
	lua_pushliteral(L, COROSYNC_LUA_VERSION);
	lua_setfield(L, -2, "version");
	lua_pushliteral(L, LUA_NAME);
	lua_setfield(L, -2, "lua");
	lua_pushliteral(L, COROSYNC_VERSION);
	lua_setfield(L, -2, "corosync");
	compat_setfuncs(L, native_functions);
}

typedef struct command_line {
	int argc;
	char **argv;
} command_line;

/* Does all that may raise. Argument: the command line. Returns the exit status. */
static int run(lua_State *L)
{
	const command_line *line = lua_touserdata(L, 1);

#if LUA_VERSION_NUM >= 504
	/* As lua itself does: messages become garbage soon, and a full cycle over all loaded code costs more. */
	(void)lua_gc(L, LUA_GCGEN, 0, 0);
#endif
	state_open(L);
	callback_open(L);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "cpgrun.main");
	lua_call(L, 1, 1);
	push_arguments(L, line->argc, line->argv);
	push_native(L);
	lua_call(L, 2, 1);
	return 1;
}

int main(int argc, char **argv)
{
	command_line line = {argc, argv};
	lua_State *L;
	int status = EXIT_FAILURE;

	stdfds_open();
	stdfds_catch_hangups();
	L = luaL_newstate();
	if (L == NULL || stdfds_check_at_exit() != 0) {
		(void)fprintf(stderr, "cpgrun: not enough memory to start\n");
		return EXIT_FAILURE;
	}
	lua_pushcfunction(L, compat_traceback);
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, &line);
	if (lua_pcall(L, 1, 1, 1) == 0) {
		status = (int)lua_tointeger(L, -1);
	} else {
		(void)fprintf(stderr, "cpgrun: %s\n", lua_tostring(L, -1));
	}
	memory_close(L);
	lua_close(L);
	return status;
}
