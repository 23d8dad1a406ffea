#include "support/userdata.h"

#include <string.h>

bool userdata_is_metamethod(const char *name)
{
	return strncmp(name, "__", 2) == 0;
}

void userdata_setup(lua_State *L, const char *type, const luaL_Reg *methods)
{
	/* Filled also when it exists: an earlier call may have run out of memory half-way. */
	(void)luaL_newmetatable(L, type);
	lua_newtable(L);
	for (; methods->name != NULL; methods++) {
		lua_pushcfunction(L, methods->func);
		lua_setfield(L, userdata_is_metamethod(methods->name) ? -3 : -2, methods->name);
	}
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
