#include "ending.h"

#define ENDING "corosync.ending"
#define PRESENT ENDING ".present" /* the field of the registry with the list */

const failure FAILURE_ENDING = {"closed", "the Lua state ends: its finalizers must open nothing"};

typedef struct endings {
	ending *first;
	bool ended;
} endings;

static void add(endings *all, ending *e)
{
	e->next = all->first;
	e->link = &all->first;
	if (e->next != NULL) {
		e->next->link = &e->next;
	}
	all->first = e;
}

void ending_forget(ending *e)
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
	endings *all = luaL_checkudata(L, 1, ENDING);

	all->ended = true;
	while (all->first != NULL) {
		ending *e = all->first;
		ending_forget(e);
		e->end(e);
	}
	return 0;
}

void ending_setup(lua_State *L)
{
	endings *all;

	lua_getfield(L, LUA_REGISTRYINDEX, PRESENT);
	if (lua_isnil(L, -1)) {
		all = compat_newuserdata(L, sizeof *all);
		*all = (endings){0};
		luaL_newmetatable(L, ENDING);
		lua_pushcfunction(L, metamethod_gc);
		lua_setfield(L, -2, "__gc");
		lua_setmetatable(L, -2);
		lua_setfield(L, LUA_REGISTRYINDEX, PRESENT);
	}
	lua_pop(L, 1);
}

static endings *all_of(lua_State *L)
{
	endings *all;

	lua_getfield(L, LUA_REGISTRYINDEX, PRESENT);
	all = lua_touserdata(L, -1);
	lua_pop(L, 1);
	return all;
}

const ending *ending_first(lua_State *L)
{
	const endings *all = all_of(L);

	return all == NULL ? NULL : all->first;
}

bool ending_expect(lua_State *L, ending *e, void (*end)(ending *e))
{
	endings *all = all_of(L);

	if (all == NULL || all->ended) {
		return false;
	}
	e->end = end;
	add(all, e);
	return true;
}
