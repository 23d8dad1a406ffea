#include "support/hex.h"

#include <stddef.h>

int hex_encode(lua_State *L)
{
	static const char digits[] = "0123456789abcdef";
	luaL_Buffer text;
	size_t i, length;
	const char *bytes;

	luaL_checktype(L, 1, LUA_TSTRING);
	bytes = lua_tolstring(L, 1, &length);
	luaL_buffinit(L, &text);
	for (i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)bytes[i];

		luaL_addchar(&text, digits[byte >> 4]);
		luaL_addchar(&text, digits[byte & 15]);
	}
	luaL_pushresult(&text);
	return 1;
}
