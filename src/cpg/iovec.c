#include "cpg/iovec.h"

#include <stdint.h>

static const failure failure_array_too_long = {
	"too_many", "Corosync takes at most 63 strings in one message: concatenate some"};
static const failure failure_too_big = {"too_big",
	"the message is longer than what Corosync delivers as one, which is max_message_size(), in Corosync 3 1047552 "
	"bytes: send it in parts, or open with split = true"};

/* Adds the string at that index, which something else must keep alive. NULL, or that it is too much. */
static const failure *add_part(lua_State *L, cpg_parts *p, int index)
{
	size_t length;
	const char *bytes = lua_tolstring(L, index, &length);

	if (length > p->most - p->length) {
		return &failure_too_big;
	}
	/* libcpg never writes through it. An empty part would only be a piece of nothing to a split message. */
	if (length > 0) {
		p->vector[p->count].iov_base = (void *)(uintptr_t)bytes;
		p->vector[p->count].iov_len = length;
		p->count++;
		p->length += length;
	}
	return NULL;
}

/* A table with other keys than an array's is no message, not even an empty one. [-0, +0, v] */
static void check_is_empty(lua_State *L)
{
	lua_pushnil(L);
	if (lua_next(L, 2) != 0) {
		luaL_argerror(L, 2, "message is a table without message[1], and a string or an array of strings is expected");
	}
}

/* NULL, or why the array at index 2 is refused; raises for anything but strings in it. */
static const failure *collect_array(lua_State *L, cpg_parts *p)
{
	size_t count = compat_rawlen(L, 2), i;
	const failure *why = NULL;

	if (count == 0) {
		check_is_empty(L);
	}
	if (count > CPG_PARTS_MOST) {
		return &failure_array_too_long;
	}
	for (i = 1; i <= count && why == NULL; i++) {
		lua_rawgeti(L, 2, (int)i);
		if (lua_type(L, -1) != LUA_TSTRING) {
			luaL_argerror(L, 2,
				lua_pushfstring(L, "message[%d] is a %s, and a string is expected", (int)i, luaL_typename(L, -1)));
		}
		why = add_part(L, p, -1);
		lua_pop(L, 1);
	}
	return why;
}

const failure *cpg_iovec_collect(lua_State *L, cpg_parts *p, size_t most)
{
	int type = lua_type(L, 2);

	p->count = 0;
	p->length = 0;
	p->most = most;
	if (type == LUA_TTABLE) {
		return collect_array(L, p);
	}
	if (type != LUA_TSTRING && type != LUA_TNUMBER) {
		luaL_argerror(L, 2,
			lua_pushfstring(
				L, "message is a %s, and a string or an array of strings is expected", luaL_typename(L, 2)));
	}
	/* A number becomes a string in its place. */
	return add_part(L, p, 2);
}
