#include "support/integer.h"

#include <math.h>

uint32_t integer_check_uint32(lua_State *L, int index, const char *name)
{
	lua_Number number = lua_tonumber(L, index);

	if (lua_type(L, index) != LUA_TNUMBER || !(number >= 0 && number <= UINT32_MAX) || floor(number) != number) {
		luaL_argerror(L, index, lua_pushfstring(L, "%s must be a whole number from 0 to 4294967295", name));
	}
	return (uint32_t)number;
}
