#include "integer.h"

#include <math.h>

uint32_t integer_check_uint32(lua_State *L, int index, const char *name)
{
	lua_Number number = lua_tonumber(L, index);
	bool fits = number >= 0 && number <= UINT32_MAX && !(floor((double)number) < number);

	/* A string that looks like a number is more likely a mistake than a node's id. */
	if (lua_type(L, index) != LUA_TNUMBER || !fits) {
		luaL_argerror(L, index, lua_pushfstring(L, "%s must be a whole number from 0 to 4294967295", name));
	}
	return (uint32_t)number;
}
