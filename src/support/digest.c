#include "support/digest.h"

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define FNV_OFFSET UINT64_C(0xcbf29ce484222325)

/* FNV-1a. */
static uint64_t add(uint64_t hash, const char *bytes, size_t length)
{
	size_t i;

	for (i = 0; i < length; i++) {
		hash ^= (unsigned char)bytes[i];
		hash *= UINT64_C(0x100000001b3);
	}
	return hash;
}

/* FNV's last bytes reach only some bits. This is the end of MurmurHash3. */
static uint64_t mix(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= UINT64_C(0xff51afd7ed558ccd);
	hash ^= hash >> 33;
	hash *= UINT64_C(0xc4ceb9fe1a85ec53);
	return hash ^ hash >> 33;
}

/*
 * The number's bytes, lowest first. Some versions of Lua, or their MessagePack, do not distinguish -0 and numbers
 * closer to 0 than 2^-1022 from 0, or NaNs from each other, so these get the same bytes.
 */
static void number_bytes(lua_Number number, char bytes[8])
{
	uint64_t bits;
	size_t i;

	if (number > -DBL_MIN && number < DBL_MIN) {
		number = 0;
	}
	memcpy(&bits, &number, sizeof(bits));
	if (number != number) {
		bits = UINT64_MAX;
	}
	for (i = 0; i < 8; i++) {
		bytes[i] = (char)(bits >> 8 * i & 255);
	}
}

static const char *digested_bytes(lua_State *L, int i, char number[8], size_t *length)
{
	const char *text;

	switch (lua_type(L, i)) {
	case LUA_TSTRING: return lua_tolstring(L, i, length);
	case LUA_TNUMBER:
		*length = 8;
		number_bytes(lua_tonumber(L, i), number);
		return number;
	case LUA_TBOOLEAN: text = lua_toboolean(L, i) ? "true" : "false"; break;
	default: text = luaL_typename(L, i);
	}
	*length = strlen(text);
	return text;
}

/* The digest after the value at stack index `i`. [-0, +0, m] */
static uint64_t digest_after(lua_State *L, uint64_t hash, int i)
{
	size_t length;
	char number[8];
	const char *bytes = digested_bytes(L, i, number, &length);

	return mix(add(hash, bytes, length) + length);
}

static uint64_t first_digest(lua_Number seed)
{
	return mix((uint64_t)seed ^ FNV_OFFSET);
}

/* The upper bits, which are a whole number in all versions of Lua. */
static lua_Number digest_number(uint64_t hash)
{
	return (lua_Number)(hash >> 11);
}

static lua_Number check_seed(lua_State *L)
{
	lua_Number seed = luaL_checknumber(L, 1);

	luaL_argcheck(L, seed >= 0 && seed < 9007199254740992.0, 1, "whole number below 2^53 expected");
	return seed;
}

int digest_values(lua_State *L)
{
	uint64_t hash = first_digest(check_seed(L));
	int i, count = lua_gettop(L);

	for (i = 2; i <= count; i++) {
		hash = digest_after(L, hash, i);
	}
	lua_pushnumber(L, digest_number(hash));
	return 1;
}

int digest_each(lua_State *L)
{
	lua_Number digest = check_seed(L);
	lua_Integer i = luaL_checkinteger(L, 3), last = luaL_checkinteger(L, 4);

	luaL_checktype(L, 2, LUA_TTABLE);
	for (; i <= last; i++) {
		lua_rawgeti(L, 2, (int)i);
		digest = digest_number(digest_after(L, first_digest(digest), -1));
		lua_pop(L, 1);
	}
	lua_pushnumber(L, digest);
	return 1;
}
