#include "support/argument.h"

#include <math.h>
#include <string.h>

uint32_t argument_check_uint32(lua_State *L, int index, const char *name)
{
	lua_Number number = lua_tonumber(L, index);

	if (lua_type(L, index) != LUA_TNUMBER || !(number >= 0 && number <= UINT32_MAX) || floor(number) != number) {
		luaL_argerror(L, index, lua_pushfstring(L, "%s must be a whole number from 0 to 4294967295", name));
	}
	return (uint32_t)number;
}

int argument_check_option(lua_State *L, int index, const char *fallback, const char *const names[])
{
	const char *given = fallback != NULL ? luaL_optstring(L, index, fallback) : luaL_checkstring(L, index);
	int i;

	for (i = 0; names[i] != NULL; i++) {
		if (strcmp(names[i], given) == 0) {
			return i;
		}
	}
	(void)lua_pushfstring(L, "invalid option '%s': %s", given, names[0]);
	for (i = 1; names[i] != NULL; i++) {
		(void)lua_pushfstring(L, names[i + 1] != NULL ? "%s, %s" : "%s or %s expected", lua_tostring(L, -1), names[i]);
		lua_remove(L, -2);
	}
	return luaL_argerror(L, index, lua_tostring(L, -1));
}
