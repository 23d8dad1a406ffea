#include "support/cleanup.h"

#define CLEANUP "corosync.cleanup"
#define PRESENT CLEANUP ".present" /* the field of the registry with the list */

const failure FAILURE_STATE_CLOSING = {"closed", "the Lua state ends: its finalizers must open nothing"};

typedef struct cleanups {
	cleanup *first;
	bool ended;
} cleanups;

static void add(cleanups *all, cleanup *e)
{
	e->next = all->first;
	e->link = &all->first;
	if (e->next != NULL) {
		e->next->link = &e->next;
	}
	all->first = e;
}

void cleanup_forget(cleanup *e)
{
	if (e->link == NULL) {
		return;
	}
	*e->link = e->next;
	if (e->next != NULL) {
		e->next->link = e->link;
	}
	e->next = NULL;
	e->link = NULL;
}

static int metamethod_gc(lua_State *L)
{
	cleanups *all = luaL_checkudata(L, 1, CLEANUP);

	all->ended = true;
	while (all->first != NULL) {
		cleanup *e = all->first;
		cleanup_forget(e);
		e->end(e);
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

bool cleanup_register(lua_State *L, cleanup *e, void (*end)(cleanup *e))
{
	cleanups *all = all_of(L);

	if (all == NULL || all->ended) {
		return false;
	}
	e->end = end;
	add(all, e);
	return true;
}
