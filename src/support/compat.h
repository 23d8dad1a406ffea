/* The differences between Lua 5.1 to 5.4 and LuaJIT, as far as this project uses them. */
#ifndef COROSYNC_LUA_SUPPORT_COMPAT_H
#define COROSYNC_LUA_SUPPORT_COMPAT_H

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>

#if LUA_VERSION_NUM >= 504
#define compat_newuserdata(L, size) lua_newuserdatauv((L), (size), 1)
#define compat_setuservalue(L, index) ((void)lua_setiuservalue((L), (index), 1))
#define compat_getuservalue(L, index) ((void)lua_getiuservalue((L), (index), 1))
#elif LUA_VERSION_NUM >= 502
#define compat_newuserdata(L, size) lua_newuserdata((L), (size))
#define compat_setuservalue(L, index) lua_setuservalue((L), (index))
#define compat_getuservalue(L, index) ((void)lua_getuservalue((L), (index)))
#else
#define compat_newuserdata(L, size) lua_newuserdata((L), (size))
#define compat_setuservalue(L, index) ((void)lua_setfenv((L), (index)))
#define compat_getuservalue(L, index) lua_getfenv((L), (index))
#endif

#if LUA_VERSION_NUM >= 502
#define compat_rawlen(L, index) lua_rawlen((L), (index))
#define compat_setfuncs(L, functions) luaL_setfuncs((L), (functions), 0)
#else
#define compat_rawlen(L, index) lua_objlen((L), (index))
#define compat_setfuncs(L, functions) luaL_register((L), NULL, (functions))
#define lua_absindex(L, index) ((index) > 0 || (index) <= LUA_REGISTRYINDEX ? (index) : lua_gettop(L) + (index) + 1)
#define luaL_setmetatable(L, name) (luaL_getmetatable((L), (name)), (void)lua_setmetatable((L), -2))
#endif

/* Exact in every Lua: lua_Integer may have only 32 bits in Lua 5.1. */
static inline void compat_pushuint32(lua_State *L, uint32_t value)
{
#if LUA_VERSION_NUM >= 503
	lua_pushinteger(L, (lua_Integer)value);
#else
	lua_pushnumber(L, (lua_Number)value);
#endif
}

/* Sets a field of the table on top of the stack. [-0, +0, m] */
static inline void compat_setuint32(lua_State *L, const char *name, uint32_t value)
{
	compat_pushuint32(L, value);
	lua_setfield(L, -2, name);
}

/* Pushes an integer; false, and nothing pushed, if no number of this Lua represents it exactly. [-0, +1|0, -] */
static inline bool compat_pushint64(lua_State *L, int64_t value)
{
#if LUA_VERSION_NUM >= 503
	lua_pushinteger(L, (lua_Integer)value);
#else
	const int64_t exact = INT64_C(1) << 53;

	if (value > exact || value < -exact) {
		return false;
	}
	lua_pushnumber(L, (lua_Number)value);
#endif
	return true;
}

#define COMPAT_DIGITS 20 /* of UINT64_MAX */

/*
 * Pushes an unsigned integer: a number if one of this Lua represents it exactly, else a string of 20 digits with
 * leading zeros. Such strings compare and order as the integers do. [-0, +1, m]
 */
static inline void compat_pushuint64(lua_State *L, uint64_t value)
{
	char digits[COMPAT_DIGITS + 1];

	if (value > INT64_MAX || !compat_pushint64(L, (int64_t)value)) {
		(void)snprintf(digits, sizeof digits, "%0*" PRIu64, COMPAT_DIGITS, value);
		lua_pushlstring(L, digits, COMPAT_DIGITS);
	}
}

/* The number at that index as an integer; false if it is none, or too big for this Lua to be exact. [-0, +0, -] */
static inline bool compat_toint64(lua_State *L, int index, int64_t *value)
{
#if LUA_VERSION_NUM >= 503
	int exact;

	*value = lua_tointegerx(L, index, &exact);
	return exact != 0;
#else
	const lua_Number exact = 9007199254740992.0, number = lua_tonumber(L, index);

	if (!(number >= -exact && number <= exact)) {
		return false;
	}
	*value = (int64_t)number;
	return (lua_Number)*value == number;
#endif
}

/* The number at that index, or a string as above, as an unsigned integer; false if it is none. [-0, +0, -] */
static inline bool compat_touint64(lua_State *L, int index, uint64_t *value)
{
	const char *digits;
	int64_t integer;

	if (lua_type(L, index) == LUA_TNUMBER) {
		if (!compat_toint64(L, index, &integer) || integer < 0) {
			return false;
		}
		*value = (uint64_t)integer;
		return true;
	}
	if (lua_type(L, index) != LUA_TSTRING || compat_rawlen(L, index) != COMPAT_DIGITS) {
		return false;
	}
	digits = lua_tostring(L, index);
	errno = 0;
	*value = strtoull(digits, NULL, 10);
	return strspn(digits, "0123456789") == COMPAT_DIGITS && errno == 0;
}

/* A message handler: converts the error at index 1 to a string with a traceback. [-0, +1, m] */
int compat_traceback(lua_State *L);

#endif
