/*
 * sandbox <folder of the Lua files> <script>: runs a script in a Lua state as of a game server, with the
 * libraries base, string, table, math and coroutine, and with `require` for what was put there for it. Built as C, and
 * as C++ for a Lua whose errors are exceptions. Ends with 0 if the script has not raised.
 */
#include <stdio.h>

#ifdef __cplusplus
#include <lua.hpp>
#else
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#endif

#include "corosync-lua.h"

static void open_library(lua_State *L, const char *name, lua_CFunction open)
{
	lua_pushcfunction(L, open);
	lua_pushstring(L, name);
	lua_call(L, 1, 1);
	if (*name == '\0') {
		lua_pop(L, 1);
	} else {
		lua_setglobal(L, name);
	}
}

static void open_libraries(lua_State *L)
{
	open_library(L, "", luaopen_base);
	open_library(L, LUA_STRLIBNAME, luaopen_string);
	open_library(L, LUA_TABLIBNAME, luaopen_table);
	open_library(L, LUA_MATHLIBNAME, luaopen_math);
#if LUA_VERSION_NUM >= 502
	open_library(L, LUA_COLIBNAME, luaopen_coroutine);
#endif
	open_library(L, LUA_LOADLIBNAME, luaopen_package);
}

/* The script keeps `require`, and loses the table of the library that it is of. */
static void add_binding(lua_State *L, const char *folder)
{
	lua_getglobal(L, "package");
	lua_getfield(L, -1, "preload");
	lua_pushcfunction(L, luaopen_corosync_core);
	lua_setfield(L, -2, "corosync.core");
	lua_pop(L, 1);
	lua_pushfstring(L, "%s/?.lua;%s/?/init.lua", folder, folder);
	lua_setfield(L, -2, "path");
	lua_pop(L, 1);
	lua_pushnil(L);
	lua_setglobal(L, "package");
}

static int run(lua_State *L)
{
	char **argv = (char **)lua_touserdata(L, 1);

	open_libraries(L);
	add_binding(L, argv[1]);
	if (luaL_loadfile(L, argv[2]) != 0) {
		return lua_error(L);
	}
	lua_call(L, 0, 0);
	return 0;
}

int main(int argc, char **argv)
{
	lua_State *L = luaL_newstate();
	int failed;

	if (L == NULL || argc != 3) {
		return 2;
	}
	lua_pushcfunction(L, run);
	lua_pushlightuserdata(L, argv);
	failed = lua_pcall(L, 1, 0, 0) != 0;
	if (failed) {
		(void)fprintf(stderr, "sandbox: %s\n", lua_tostring(L, -1));
	}
	lua_close(L);
	return failed;
}
