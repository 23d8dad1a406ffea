#include "support/userdata.h"

#include <unistd.h>

void userdata_setup(lua_State *L, const char *type, const luaL_Reg *metamethods, const luaL_Reg *methods)
{
	/* Filled also when it exists: an earlier call may have run out of memory half-way. */
	(void)luaL_newmetatable(L, type);
	compat_setfuncs(L, metamethods);
	lua_newtable(L);
	compat_setfuncs(L, methods);
	lua_setfield(L, -2, "__index");
	/* Scripts must not reach __gc, nor give a userdata another metatable. */
	lua_pushliteral(L, "locked");
	lua_setfield(L, -2, "__metatable");
	lua_pop(L, 1);
}

void userdata_build(lua_State *L, int arguments, int results, void (*release)(void *source), void *source)
{
	int status = lua_pcall(L, arguments, results, 0);

	release(source);
	if (status != 0) {
		(void)lua_error(L);
	}
}

void userdata_close_fd(int *fd)
{
	if (*fd >= 0) {
		(void)close(*fd);
		*fd = -1;
	}
}
