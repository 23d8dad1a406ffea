/*
 * cpgrun: runs a Lua script as a member of a closed process group. What needs C is here, the rest is in lua/cpgrun.
 * It is also an example of embedding the binding: make a state, preload corosync.core, run Lua.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#ifdef LUA_JITLIBNAME
#include <luajit.h>
#endif
#include <luv/luv.h>

#include "../compat.h"
#include "../core.h"
#include "interrupt.h"
#include "limit.h"
#include "standard.h"
#include "user.h"

#ifndef COROSYNC_VERSION
#define COROSYNC_VERSION "unknown"
#endif

#ifdef LUA_JITLIBNAME
#define LUA_NAME LUAJIT_VERSION
#else
#define LUA_NAME LUA_RELEASE
#endif

/* The field of the registry with the function that logs an error: set by cpgrun.host. */
#define REPORT "cpgrun.report"

static void preload(lua_State *L, const char *name, lua_CFunction loader)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, loader);
	lua_setfield(L, -2, name);
	lua_pop(L, 2);
}

/* Puts `<prefix>/share/lua/<version>` before package.path, where <prefix>/bin holds this program. */
static void add_own_modules(lua_State *L)
{
	char program[PATH_MAX], *prefix;
	ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);

	if (length < 0) {
		(void)luaL_error(L, "cannot read /proc/self/exe: is /proc mounted?");
		return;
	}
	program[length] = '\0';
	lua_pushstring(L, program);
	lua_setfield(L, LUA_REGISTRYINDEX, "cpgrun.program");
	prefix = dirname(dirname(program));
	lua_getglobal(L, "package");
	lua_pushfstring(L, "%s/share/lua/%d.%d/?.lua;%s/share/lua/%d.%d/?/init.lua;", prefix, LUA_VERSION_NUM / 100,
		LUA_VERSION_NUM % 100, prefix, LUA_VERSION_NUM / 100, LUA_VERSION_NUM % 100);
	lua_getfield(L, -2, "path");
	lua_concat(L, 2);
	lua_setfield(L, -2, "path");
	lua_pop(L, 1);
}

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

/* Answers for luv when its callback has returned: an error is logged, where luv's own way would end the process. */
static int called_back(lua_State *L, int function, int results, int status)
{
	lua_remove(L, function);
	if (status != 0) {
		report(L);
		return -status;
	}
	return results == LUA_MULTRET ? lua_gettop(L) - function + 1 : results;
}

/* Puts what makes tracebacks under the function and its arguments, and answers where. [-0, +1, -] */
static int insert_traceback(lua_State *L, int arguments)
{
	int function = lua_gettop(L) - arguments;

	lua_pushcfunction(L, compat_traceback);
	lua_insert(L, function);
	return function;
}

/* How luv calls back. */
static int call_back(lua_State *L, int arguments, int results, int flags)
{
	int function = insert_traceback(L, arguments);

	(void)flags;
	return called_back(L, function, results, lua_pcall(L, arguments, results, function));
}

/* The same where a script's functions have a limit. */
static int call_back_limited(lua_State *L, int arguments, int results, int flags)
{
	int function = insert_traceback(L, arguments);

	(void)flags;
	return called_back(L, function, results, limit_pcall(L, arguments, results, function));
}

static int set_limit(lua_State *L)
{
	int count = limit_open(L);

	luv_set_callback(L, call_back_limited);
	return count;
}

static void push_arguments(lua_State *L, int argc, char **argv)
{
	int i;

	lua_createtable(L, argc, 1);
	for (i = 0; i < argc; i++) {
		lua_pushstring(L, argv[i]);
		lua_rawseti(L, -2, i);
	}
}

/* registry[REPORT] = argument, for cpgrun.host. */
static int set_report(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TFUNCTION);
	lua_settop(L, 1);
	lua_setfield(L, LUA_REGISTRYINDEX, REPORT);
	return 0;
}

/* What Lua cannot do by itself. */
static const luaL_Reg functions[] = {
	{"become", user_become},
	{"guard", interrupt_guard},
	{"limit", set_limit},
	{"loaded", interrupt_loaded},
	{"set_report", set_report},
	{NULL, NULL},
};

/* A table with program (a path), version, lua and corosync (versions), and the functions. [-0, +1, m] */
static void push_facts(lua_State *L)
{
	lua_createtable(L, 0, 9);
	lua_getfield(L, LUA_REGISTRYINDEX, "cpgrun.program");
	lua_setfield(L, -2, "program");
	lua_pushliteral(L, COROSYNC_LUA_VERSION);
	lua_setfield(L, -2, "version");
	lua_pushliteral(L, LUA_NAME);
	lua_setfield(L, -2, "lua");
	lua_pushliteral(L, COROSYNC_VERSION);
	lua_setfield(L, -2, "corosync");
	compat_setfuncs(L, functions);
}

typedef struct command_line {
	int argc;
	char **argv;
} command_line;

/* Everything that may raise. Argument: the command line. Answers the exit status. */
static int run(lua_State *L)
{
	const command_line *line = lua_touserdata(L, 1);

#if LUA_VERSION_NUM >= 504
	/* As lua itself does: messages are young garbage, and a cycle through all that is loaded costs more than they. */
	(void)lua_gc(L, LUA_GCGEN, 0, 0);
#endif
	luaL_openlibs(L);
	preload(L, "corosync.core", luaopen_corosync_core);
	preload(L, "luv", luaopen_luv);
	luv_set_callback(L, call_back);
	add_own_modules(L);
	lua_getglobal(L, "require");
	lua_pushliteral(L, "cpgrun.main");
	lua_call(L, 1, 1);
	push_arguments(L, line->argc, line->argv);
	push_facts(L);
	lua_call(L, 2, 1);
	return 1;
}

int main(int argc, char **argv)
{
	command_line line = {argc, argv};
	lua_State *L;
	int status = EXIT_FAILURE;

	standard_open();
	standard_catch_hangups();
	L = luaL_newstate();
	if (L == NULL || standard_check_at_exit() != 0) {
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
	lua_close(L);
	return status;
}
