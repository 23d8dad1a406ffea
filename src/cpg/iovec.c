#include "cpg/cpg.h"

#include <stdint.h>
#include <string.h>

static const failure failure_array_too_long = {
	"too_many", "Corosync takes at most 63 strings in one message: concatenate some"};

/* Adds the string at that index, which the caller keeps alive. Returns NULL, or why it is refused. */
static const failure *add_string(lua_State *L, cpg_iovec *v, int index)
{
	size_t length;
	const char *bytes = lua_tolstring(L, index, &length);

	if (length > v->most - v->length) {
		return v->too_big;
	}
	/* libcpg never writes through it. An empty string would make an empty piece of a split message. */
	if (length > 0) {
		v->vector[v->count].iov_base = (void *)(uintptr_t)bytes;
		v->vector[v->count].iov_len = length;
		v->count++;
		v->length += length;
	}
	return NULL;
}

/* Raises for a table that has keys, but no array. [-0, +0, v] */
static void check_is_empty(lua_State *L)
{
	lua_pushnil(L);
	if (lua_next(L, 2) != 0) {
		luaL_argerror(L, 2, "message is a table without message[1], and a string or an array of strings is expected");
	}
}

/* NULL, or why the array at index 2 is refused; raises if it has anything but strings. */
static const failure *collect_array(lua_State *L, cpg_iovec *v)
{
	size_t count = compat_rawlen(L, 2), i;
	const failure *why = NULL;

	if (count == 0) {
		check_is_empty(L);
	}
	if (count > CPG_IOVEC_MOST) {
		return &failure_array_too_long;
	}
	for (i = 1; i <= count && why == NULL; i++) {
		lua_rawgeti(L, 2, (int)i);
		if (lua_type(L, -1) != LUA_TSTRING) {
			luaL_argerror(L, 2,
				lua_pushfstring(L, "message[%d] is a %s, and a string is expected", (int)i, luaL_typename(L, -1)));
		}
		why = add_string(L, v, -1);
		lua_pop(L, 1);
	}
	return why;
}

const failure *cpg_iovec_collect(lua_State *L, cpg_iovec *v, size_t most, const failure *too_big)
{
	int type = lua_type(L, 2);

	v->count = 0;
	v->length = 0;
	v->most = most;
	v->too_big = too_big;
	if (type == LUA_TTABLE) {
		return collect_array(L, v);
	}
	if (type != LUA_TSTRING && type != LUA_TNUMBER) {
		luaL_argerror(L, 2,
			lua_pushfstring(
				L, "message is a %s, and a string or an array of strings is expected", luaL_typename(L, 2)));
	}
	/* lua_tolstring converts a number in place. */
	return add_string(L, v, 2);
}

void cpg_iovec_copy(const cpg_iovec *v, void *to)
{
	unsigned char *next = to;
	unsigned int i;

	for (i = 0; i < v->count; i++) {
		memcpy(next, v->vector[i].iov_base, v->vector[i].iov_len);
		next += v->vector[i].iov_len;
	}
}
