#include "support/compat.h"

#include <lualib.h>

/* An error object may be anything: its __tostring is called first, as the lua program does. */
static void push_message(lua_State *L)
{
	if (lua_isstring(L, 1)) {
		lua_pushvalue(L, 1);
	} else if (!luaL_callmeta(L, 1, "__tostring") || !lua_isstring(L, -1)) {
		lua_pushfstring(L, "(error object is a %s value)", luaL_typename(L, 1));
	}
}

#if LUA_VERSION_NUM >= 502 || defined(LUA_JITLIBNAME) /* LuaJIT */

int compat_traceback(lua_State *L)
{
	push_message(L);
	luaL_traceback(L, L, lua_tostring(L, -1), 1);
	return 1;
}

#else

/* Lua 5.1 makes tracebacks only in its debug library, which may be absent. */
int compat_traceback(lua_State *L)
{
	push_message(L);
	lua_getglobal(L, "debug");
	if (!lua_istable(L, -1)) {
		lua_pop(L, 1);
		return 1;
	}
	lua_getfield(L, -1, "traceback");
	if (!lua_isfunction(L, -1)) {
		lua_pop(L, 2);
		return 1;
	}
	lua_pushvalue(L, -3);
	lua_pushinteger(L, 2);
	lua_call(L, 2, 1);
	return 1;
}

#endif
