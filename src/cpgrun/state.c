#include "cpgrun/cpgrun.h"

#include <libgen.h>
#include <limits.h>
#include <unistd.h>

#include <lauxlib.h>
#include <lualib.h>
#include <luv/luv.h>

#include "corosync-lua.h"

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

void state_open(lua_State *L)
{
	luaL_openlibs(L);
	preload(L, "corosync.core", luaopen_corosync_core);
	preload(L, "luv", luaopen_luv);
	add_own_modules(L);
}
