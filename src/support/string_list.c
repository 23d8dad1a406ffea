#include "support/string_list.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { DIGITS = 20 }; /* of SIZE_MAX */

/* Adds a number in decimal; snprintf would take most of the time of a join. */
static void add_length(luaL_Buffer *joined, size_t length)
{
	char digits[DIGITS];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + length % 10);
		length /= 10;
	} while (length > 0);
	luaL_addlstring(joined, digits + at, sizeof digits - at);
}

/* Pushes a string of the list. [-0, +1, e] */
static void push_string(lua_State *L, size_t i)
{
	lua_rawgeti(L, 1, (int)i);
	if (lua_type(L, -1) != LUA_TSTRING) {
		(void)luaL_error(L, "bad argument #1 to 'join_strings' (a list of strings expected)");
	}
}

int string_list_join(lua_State *L)
{
	luaL_Buffer joined;
	size_t i, count;

	luaL_checktype(L, 1, LUA_TTABLE);
	count = compat_rawlen(L, 1);
	luaL_buffinit(L, &joined);
	for (i = 1; i <= count; i++) {
		size_t length;

		push_string(L, i);
		length = compat_rawlen(L, -1);
		lua_pop(L, 1);
		add_length(&joined, length);
		luaL_addchar(&joined, i < count ? ' ' : '\n');
	}
	for (i = 1; i <= count; i++) {
		push_string(L, i);
		luaL_addvalue(&joined);
	}
	luaL_pushresult(&joined);
	return 1;
}

/* Reads a length and the character after it. Returns whether there is a length of at most `most`. */
static bool read_length(const char **at, size_t most, size_t *length, char *next)
{
	const char *digit = *at;

	for (*length = 0; *digit >= '0' && *digit <= '9'; digit++) {
		*length = *length * 10 + (size_t)(*digit - '0');
		if (*length > most) {
			return false;
		}
	}
	*next = *digit;
	if (digit == *at) {
		return false;
	}
	*at = digit + 1;
	return true;
}

int string_list_split(lua_State *L)
{
	size_t size, length;
	const char *bytes = luaL_checklstring(L, 1, &size), *end = bytes + size, *at, *string;
	lua_Integer first = luaL_checkinteger(L, 2), most = luaL_checkinteger(L, 3), count = 0;
	char next = ' ';

	luaL_argcheck(L, first >= 1 && (size_t)first <= size + 1, 2, "position in the bytes expected");
	at = bytes + first - 1;
	string = memchr(at, '\n', (size_t)(end - at));
	if (string == NULL) {
		return 0;
	}
	string++;
	lua_newtable(L);
	while (next == ' ') {
		if (++count > most || !read_length(&at, (size_t)(end - string), &length, &next)) {
			return 0;
		}
		lua_pushlstring(L, string, length);
		lua_rawseti(L, -2, (int)count);
		string += length;
	}
	return next == '\n' && string == end ? 1 : 0;
}

int string_list_strip_prefix(lua_State *L)
{
	size_t skipped;
	const char *prefix = luaL_checklstring(L, 3, &skipped);
	lua_Integer i = luaL_checkinteger(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	lua_settop(L, 3);
	lua_newtable(L);
	for (;; i++) {
		size_t length;
		const char *bytes;

		lua_rawgeti(L, 1, (int)i);
		bytes = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &length) : NULL;
		if (bytes == NULL || length < skipped || memcmp(bytes, prefix, skipped) != 0) {
			break;
		}
		lua_pushlstring(L, bytes + skipped, length - skipped);
		lua_rawseti(L, 4, (int)i);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
	lua_pushinteger(L, i - 1);
	return 2;
}
