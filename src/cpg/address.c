#include "cpg/cpg.h"

#include <string.h>

#define ADDRESS "corosync.address"

/* A script may have overwritten a field: a value that is no number counts as 0. [-0, +0, e] */
static lua_Number field(lua_State *L, int index, const char *name)
{
	lua_Number value;

	luaL_checktype(L, index, LUA_TTABLE);
	lua_getfield(L, index, name);
	value = lua_tonumber(L, -1);
	lua_pop(L, 1);
	return value;
}

static int address_tostring(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	lua_getfield(L, 1, "node");
	lua_getfield(L, 1, "pid");
	lua_pushfstring(L, "%s:%s", lua_tostring(L, -2), lua_tostring(L, -1));
	return 1;
}

static int address_eq(lua_State *L)
{
	lua_pushboolean(L, field(L, 1, "node") == field(L, 2, "node") && field(L, 1, "pid") == field(L, 2, "pid"));
	return 1;
}

static int address_lt(lua_State *L)
{
	lua_Number left = field(L, 1, "node"), right = field(L, 2, "node");

	lua_pushboolean(L, left != right ? left < right : field(L, 1, "pid") < field(L, 2, "pid"));
	return 1;
}

static int address_le(lua_State *L)
{
	lua_settop(L, 2);
	lua_insert(L, 1);
	(void)address_lt(L);
	lua_pushboolean(L, !lua_toboolean(L, -1));
	return 1;
}

static const luaL_Reg metamethods[] = {
	{"__tostring", address_tostring},
	{"__eq", address_eq},
	{"__lt", address_lt},
	{"__le", address_le},
	{NULL, NULL},
};

void cpg_address_setup(lua_State *L)
{
	/* Filled also when it exists: an earlier call may have run out of memory half-way. */
	(void)luaL_newmetatable(L, ADDRESS);
	lua_pushliteral(L, "corosync.address");
	lua_setfield(L, -2, "__name");
	compat_setfuncs(L, metamethods);
	lua_pop(L, 1);
}

void cpg_address_push_cache(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "v");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
}

/* [-0, +1, m] */
static void push_key(lua_State *L, uint32_t node, uint32_t pid)
{
#if LUA_VERSION_NUM >= 503
	lua_pushinteger(L, (lua_Integer)((uint64_t)node << 32 | pid));
#else
	/* No number of these Luas holds 64 bits exactly; a string of this length is interned. */
	char key[sizeof node + sizeof pid];
	memcpy(key, &node, sizeof node);
	memcpy(key + sizeof node, &pid, sizeof pid);
	lua_pushlstring(L, key, sizeof key);
#endif
}

void cpg_address_push_new(lua_State *L, uint32_t node, uint32_t pid)
{
	lua_createtable(L, 0, 3);
	compat_setuint32(L, "node", node);
	compat_setuint32(L, "pid", pid);
	luaL_setmetatable(L, ADDRESS);
}

/* [-0, +1|0, m] */
static bool push_known(lua_State *L, int cache, uint32_t node, uint32_t pid)
{
	push_key(L, node, pid);
	lua_rawget(L, cache);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		return false;
	}
	return true;
}

void cpg_address_push(lua_State *L, int cache, uint32_t node, uint32_t pid)
{
	cache = lua_absindex(L, cache);
	if (push_known(L, cache, node, pid)) {
		return;
	}
	cpg_address_push_new(L, node, pid);
	/* Making it may have run a finalizer that made it, too. */
	if (push_known(L, cache, node, pid)) {
		lua_remove(L, -2);
		return;
	}
	push_key(L, node, pid);
	lua_pushvalue(L, -2);
	lua_rawset(L, cache);
}
