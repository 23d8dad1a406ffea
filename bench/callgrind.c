/* Lua's handle on callgrind, under which the script runs: what a function costs, as a dump of its own. */
#include <lauxlib.h>
#include <lua.h>
#include <valgrind/callgrind.h>

int luaopen_callgrind(lua_State *L);

/* measure(name, f): calls f, and writes what it cost under that name. Wants --collect-atstart=no. */
static int measure(lua_State *L)
{
	const char *name = luaL_checkstring(L, 1);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	CALLGRIND_ZERO_STATS;
	CALLGRIND_TOGGLE_COLLECT;
	lua_call(L, 0, 0);
	CALLGRIND_TOGGLE_COLLECT;
	CALLGRIND_DUMP_STATS_AT(name);
	return 0;
}

int luaopen_callgrind(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, measure);
	lua_setfield(L, -2, "measure");
	return 1;
}
