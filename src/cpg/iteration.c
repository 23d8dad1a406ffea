#include "cpg/cpg.h"

#include <stdlib.h>

#include "handle/call.h"
#include "support/userdata.h"
#include "support/libqb_lock.h"

typedef struct listing {
	struct cpg_iteration_description_t *entries;
	size_t count, capacity;
} listing;

static bool listing_grow(listing *list)
{
	size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
	void *entries = realloc(list->entries, capacity * sizeof *list->entries);

	if (entries == NULL) {
		return false;
	}
	list->entries = entries;
	list->capacity = capacity;
	return true;
}

/* Reads the iteration to its end without touching Lua, so that it is always finalized. */
static cs_error_t listing_read(listing *list, cpg_iteration_handle_t iteration)
{
	cs_error_t error = CS_OK;

	while (error == CS_OK) {
		if (list->count == list->capacity && !listing_grow(list)) {
			return CS_ERR_NO_MEMORY;
		}
		error = cpg_iteration_next(iteration, &list->entries[list->count]);
		if (error == CS_OK) {
			list->count++;
		}
	}
	return error == CS_ERR_NO_SECTIONS ? CS_OK : error;
}

/* All members of all groups, or of one. */
static cs_error_t listing_fill(listing *list, cpg_handle_t id, const struct cpg_name *group)
{
	cpg_iteration_handle_t iteration;
	cpg_iteration_type_t type = group == NULL ? CPG_ITERATION_ALL : CPG_ITERATION_ONE_GROUP;
	cs_error_t error;

	libqb_lock();
	error = cpg_iteration_initialize(id, type, group, &iteration);
	libqb_unlock();
	if (error != CS_OK) {
		return error;
	}
	error = listing_read(list, iteration);
	libqb_lock();
	(void)cpg_iteration_finalize(iteration);
	libqb_unlock();
	return error;
}

static cs_error_t ask(cpg *c, const struct cpg_name *group, listing *list)
{
	return CALL_ON(
		&c->handle, "list members", c->group.value, c->group.length, listing_fill(list, c->handle.id, group));
}

/* Pushes the members' table of a group, and adds the group's name at its first member. [-1 (name), +1, m] */
static void push_group(lua_State *L, int names, int groups)
{
	lua_pushvalue(L, -1);
	lua_rawget(L, groups);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushvalue(L, -1);
		lua_rawseti(L, names, (int)compat_rawlen(L, names) + 1);
		lua_newtable(L);
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -2);
		lua_rawset(L, groups);
	}
	lua_remove(L, -2);
}

/* Arguments: the listing as light userdata, the cache of addresses. Pushes the names and the members by name. */
static int build_groups(lua_State *L)
{
	const listing *list = lua_touserdata(L, 1);
	size_t i;

	lua_newtable(L);
	lua_newtable(L);
	for (i = 0; i < list->count; i++) {
		const struct cpg_iteration_description_t *entry = &list->entries[i];
		lua_pushlstring(L, entry->group.value, entry->group.length);
		push_group(L, 3, 4);
		cpg_address_push(L, 2, entry->nodeid, entry->pid);
		lua_rawseti(L, -2, (int)compat_rawlen(L, -2) + 1);
		lua_pop(L, 1);
	}
	return 2;
}

/* Upvalues: names, members by name, the number returned so far. */
static int next_group(lua_State *L)
{
	int position = (int)lua_tointeger(L, lua_upvalueindex(3)) + 1;

	lua_pushinteger(L, position);
	lua_replace(L, lua_upvalueindex(3));
	lua_rawgeti(L, lua_upvalueindex(1), position);
	if (lua_isnil(L, -1)) {
		return 1;
	}
	lua_pushvalue(L, -1);
	lua_rawget(L, lua_upvalueindex(2));
	return 2;
}

/* Arguments: the listing as light userdata, the cache of addresses. Pushes the array of its addresses. */
static int build_members(lua_State *L)
{
	const listing *list = lua_touserdata(L, 1);
	size_t i;

	lua_createtable(L, (int)list->count, 0);
	for (i = 0; i < list->count; i++) {
		cpg_address_push(L, 2, list->entries[i].nodeid, list->entries[i].pid);
		lua_rawseti(L, -2, (int)i + 1);
	}
	return 1;
}

static void release(void *source)
{
	listing *list = source;

	free(list->entries);
}

/* Calls a builder on a listing. [-0, +results|0, m] */
static cs_error_t build(
	lua_State *L, lua_CFunction builder, int results, cpg *c, const struct cpg_name *group, int cache)
{
	listing list = {0};
	cs_error_t error;

	lua_pushcfunction(L, builder);
	lua_pushlightuserdata(L, &list);
	lua_pushvalue(L, cache);
	error = ask(c, group, &list);
	if (error != CS_OK) {
		release(&list);
		lua_pop(L, 3);
		return error;
	}
	userdata_build(L, 2, results, release, &list);
	return CS_OK;
}

cs_error_t cpg_iteration_push_groups(lua_State *L, cpg *c, int cache)
{
	cs_error_t error = build(L, build_groups, 2, c, NULL, cache);

	if (error == CS_OK) {
		lua_pushinteger(L, 0);
		lua_pushcclosure(L, next_group, 3);
	}
	return error;
}

cs_error_t cpg_iteration_push_members(lua_State *L, cpg *c, const struct cpg_name *group, int cache)
{
	return build(L, build_members, 1, c, group, cache);
}

cs_error_t cpg_iteration_list_members(cpg *c, cpg_address_list *to)
{
	listing list = {0};
	cs_error_t error = ask(c, &c->group, &list);
	size_t i;

	for (i = 0; i < list.count && error == CS_OK; i++) {
		struct cpg_address member = {.nodeid = list.entries[i].nodeid, .pid = list.entries[i].pid};
		error = cpg_address_list_add(to, &member) ? CS_OK : CS_ERR_NO_MEMORY;
	}
	release(&list);
	return error;
}
