#include "cmap/cmap.h"

#include <string.h>

#include "handle/call.h"
#include "support/libqb_lock.h"
#include "support/userdata.h"

/***
@module corosync.cmap
*/

#define TRACKER "corosync.cmap.tracker"

/* Pushes a tracker that does not track yet. [-0, +1, m] */
static cmap_tracker *push_tracker(lua_State *L, cmap *map)
{
	size_t length;
	const char *name = lua_tolstring(L, 2, &length);
	cmap_tracker *t = compat_newuserdata(L, sizeof *t);

	memset(t, 0, sizeof *t);
	t->map = map;
	t->number = ++map->last_tracker;
	t->length = length;
	memcpy(t->name, name, length);
	luaL_setmetatable(L, TRACKER);
	lua_createtable(L, TRACKER_HANDLER, 0);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, TRACKER_MAP);
	lua_pushvalue(L, 3);
	lua_rawseti(L, -2, TRACKER_HANDLER);
	compat_setuservalue(L, -2);
	return t;
}

/* Sets the entry for the tracker's number, in the map at that index, to the value on top of the stack. [-1, +0, m] */
static void set_tracker(lua_State *L, int map, const cmap_tracker *t)
{
	compat_getuservalue(L, map);
	lua_rawgeti(L, -1, VALUE_TRACKERS);
	lua_pushnumber(L, (lua_Number)t->number);
	lua_pushvalue(L, -4);
	lua_rawset(L, -3);
	lua_pop(L, 3);
}

/*
 * The changes to track. Only a tracker of a counter's own key sees modifications, not one of a prefix; and for a
 * counter that is a string Corosync 3.1.7 would write past its end.
 */
static int32_t changes_of(const cmap *map, const char *name)
{
	const int32_t changes = CMAP_TRACK_ADD | CMAP_TRACK_DELETE | CMAP_TRACK_MODIFY;
	cmap_value v;
	bool number = map->is_stats && cmap_value_get(map->handle.id, name, &v) == CS_OK && v.type != CMAP_VALUETYPE_STRING;

	return number ? changes : changes | CMAP_TRACK_PREFIX;
}

static cs_error_t start_tracking(cmap_tracker *t)
{
	cmap *map = t->map;
	int32_t changes = changes_of(map, t->name);
	cs_error_t error;

	libqb_lock();
	error = cmap_track_add(map->handle.id, t->name, changes, cmap_event_change, t, &t->id);
	libqb_unlock();
	return error;
}

/*
 * Pushes a new tracker of the name at index 2, with the handler at index 3, for the map at index 1. Returns NULL, or
 * why not, and then pushes nothing. The map keeps its trackers alive: libcmap has their addresses. [-0, +1|0, m]
 */
static const failure *track(lua_State *L, cmap *map)
{
	cmap_tracker *t = push_tracker(L, map);
	cs_error_t error;

	lua_pushvalue(L, -1);
	set_tracker(L, 1, t);
	error = CALL_ON(&map->handle, "track", t->name, t->length, start_tracking(t));
	if (error != CS_OK) {
		lua_pop(L, 1);
		lua_pushnil(L);
		set_tracker(L, 1, t);
		return handle_failure(&map->handle, error);
	}
	t->tracking = true;
	return NULL;
}

/***
Calls a handler on each change of a key and of the keys below it: "shop" is for `shop` and for `shop.stock`, "shop."
only for the keys below it, "" for all keys. `dispatch` calls the handler, also when the script keeps no reference to
the tracker, until the tracker is cancelled or the map closed. Calls `cmap_track_add`.

In the map "stats", a tracker of one counter sees its modifications, up to 1.5 s later; a tracker of a prefix only sees
which counters are added and deleted. Old values are not known.
@function map:track
@tparam string name a key, or a prefix that ends in "."
@tparam[opt] fun(event:string,key:string,new:any,old:any,new_type:string,old_type:string) handler called with event
("add", "delete" or "modify"), key, the new value (nil when deleted), the
old value (nil when added), the new value's type and the old value's; `receive` needs no handler
@treturn tracker
@error nil, message, code: "invalid_param", "name_too_long", "not_connected", "closed", "wrong_process"
*/
int cmap_track_method_track(lua_State *L)
{
	cmap *m = handle_check(L);
	size_t length;
	const char *name = luaL_checklstring(L, 2, &length);
	const failure *why = handle_unusable(&m->handle);

	lua_settop(L, 3);
	if (!lua_isnil(L, 3)) {
		luaL_checktype(L, 3, LUA_TFUNCTION);
	}
	why = why == NULL ? cmap_prefix_check(name, length) : why;
	why = why == NULL ? track(L, m) : why;
	return why == NULL ? 1 : cmap_key_fail(L, "track", why);
}

static cs_error_t stop_tracking(const cmap_tracker *t)
{
	cs_error_t error;

	libqb_lock();
	error = cmap_track_delete(t->map->handle.id, t->id);
	libqb_unlock();
	return error;
}

/***
Ends a tracker: its handler is no longer called, not even for changes that have arrived. Cancelling twice is allowed.
Calls `cmap_track_delete`.
@function tracker:cancel
@treturn boolean true
@error nil, message, code: "wrong_process", "try_again"
*/
static int tracker_method_cancel(lua_State *L)
{
	cmap_tracker *t = luaL_checkudata(L, 1, TRACKER);
	handle *h = &t->map->handle;
	const failure *why = t->tracking ? handle_unusable(h) : NULL;

	if (t->tracking && why == NULL) {
		why = handle_failure(h, CALL_ON(h, "cancel a tracker", t->name, t->length, stop_tracking(t)));
	}
	/* Without a connection there are no more changes. */
	if (why != NULL && why != &FAILURE_CLOSED && why != h->reason) {
		lua_pushfstring(L, "cancel the tracker of cmap key '%s'", t->name);
		return failure_push(L, why);
	}
	t->tracking = false;
	compat_getuservalue(L, 1);
	lua_rawgeti(L, -1, TRACKER_MAP);
	lua_pushnil(L);
	set_tracker(L, lua_gettop(L) - 1, t);
	return success_push(L);
}

static int tracker_method_tostring(lua_State *L)
{
	const cmap_tracker *t = luaL_checkudata(L, 1, TRACKER);

	lua_pushfstring(L, "%s '%s' (%s): %p", TRACKER, t->name, t->tracking ? "tracking" : "cancelled", (const void *)t);
	return 1;
}

static const luaL_Reg tracker_methods[] = {
	{"__tostring", tracker_method_tostring},
	{"cancel", tracker_method_cancel},
	{NULL, NULL},
};

void cmap_track_setup(lua_State *L)
{
	userdata_setup(L, TRACKER, tracker_methods);
}
