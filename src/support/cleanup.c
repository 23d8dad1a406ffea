#include "support/cleanup.h"

#define CLEANUP "corosync.cleanup"
#define PRESENT CLEANUP ".present" /* the field of the registry with the list */

const failure FAILURE_STATE_CLOSING = {"closed", "the Lua state is closing: its finalizers cannot open anything"};

typedef struct cleanups {
	cleanup *first;
	bool ended;
} cleanups;

static void add(cleanups *all, cleanup *c)
{
	c->next = all->first;
	c->link = &all->first;
	if (c->next != NULL) {
		c->next->link = &c->next;
	}
	all->first = c;
}

void cleanup_forget(cleanup *c)
{
	if (c->link == NULL) {
		return;
	}
	*c->link = c->next;
	if (c->next != NULL) {
		c->next->link = c->link;
	}
	c->next = NULL;
	c->link = NULL;
}

static int metamethod_gc(lua_State *L)
{
	cleanups *all = luaL_checkudata(L, 1, CLEANUP);

	all->ended = true;
	while (all->first != NULL) {
		cleanup *c = all->first;
		cleanup_forget(c);
		c->end(c);
	}
	return 0;
}

void cleanup_setup(lua_State *L)
{
	cleanups *all;

	lua_getfield(L, LUA_REGISTRYINDEX, PRESENT);
	if (lua_isnil(L, -1)) {
		all = compat_newuserdata(L, sizeof *all);
		*all = (cleanups){0};
		luaL_newmetatable(L, CLEANUP);
		lua_pushcfunction(L, metamethod_gc);
		lua_setfield(L, -2, "__gc");
		lua_setmetatable(L, -2);
		lua_setfield(L, LUA_REGISTRYINDEX, PRESENT);
	}
	lua_pop(L, 1);
}

static cleanups *all_of(lua_State *L)
{
	cleanups *all;

	lua_getfield(L, LUA_REGISTRYINDEX, PRESENT);
	all = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return all;
}

const cleanup *cleanup_first(lua_State *L)
{
	const cleanups *all = all_of(L);

	return all == NULL ? NULL : all->first;
}

bool cleanup_register(lua_State *L, cleanup *c, void (*end)(cleanup *c))
{
	cleanups *all = all_of(L);

	if (all == NULL || all->ended) {
		return false;
	}
	c->end = end;
	add(all, c);
	return true;
}
