#include "cmap/cmap.h"

#include <string.h>

#include "handle/call.h"
#include "handle/fetch.h"
#include "support/libqb_lock.h"
#include "support/userdata.h"

/***
@module corosync.cmap
*/

#define TRACKER "corosync.cmap.tracker"

typedef struct tracker {
	cmap *map;
	cmap_track_handle_t id; /* libcmap's */
	uint64_t number;        /* its key in the map's table of trackers */
	bool tracking;
	size_t length;
	char name[CMAP_KEYNAME_MAXLEN + 1];
} tracker;

/* Fields of a tracker's user value, a table. */
enum { TRACKER_MAP = 1, TRACKER_HANDLER };

typedef struct change_event {
	event event;
	uint64_t tracker;
	int32_t kind;
	cmap_value_types_t new_type, old_type;
	size_t key_length, new_length, old_length;
	char bytes[]; /* the key, the new value, the old value */
} change_event;

/* ---- from libcmap into the queue ---- */

/* Corosync matches by prefix. A name that does not end in "." covers the keys below it, but not its siblings. */
static bool matches(const tracker *t, const char *key, size_t length)
{
	if (t->length == 0 || t->name[t->length - 1] == '.' || length == t->length) {
		return true;
	}
	return length > t->length && key[t->length] == '.';
}

/* A missing value has a random length. */
static size_t length_of(const struct cmap_notify_value *v)
{
	return cmap_value_type_name(v->type) == NULL || v->len > CMAP_LONGEST_STORED ? 0 : v->len;
}

static char *put(char *to, const void *bytes, size_t length)
{
	if (length > 0) {
		memcpy(to, bytes, length);
	}
	return to + length;
}

/* The stats map puts the counter's present value where a value is missing. */
static void remove_false_values(
	const cmap *map, int32_t kind, struct cmap_notify_value *new_value, struct cmap_notify_value *old_value)
{
	if (map->is_stats) {
		old_value->type = 0;
	}
	if (map->is_stats && kind == CMAP_TRACK_DELETE) {
		new_value->type = 0;
	}
}

static void on_change(cmap_handle_t id, cmap_track_handle_t track, int32_t kind, const char *key,
	struct cmap_notify_value new_value, struct cmap_notify_value old_value, void *user_data)
{
	const tracker *t = user_data;
	size_t key_length = strnlen(key, CMAP_KEYNAME_MAXLEN), new_length, old_length;
	change_event *ev;
	char *to;

	(void)id;
	(void)track;
	if (!matches(t, key, key_length)) {
		return;
	}
	remove_false_values(t->map, kind, &new_value, &old_value);
	new_length = length_of(&new_value);
	old_length = length_of(&old_value);
	ev = (change_event *)fetch_append(0, EVENT_PAYLOAD(change_event) + key_length + new_length + old_length);
	if (ev == NULL) {
		return;
	}
	ev->tracker = t->number;
	ev->kind = kind;
	ev->new_type = new_value.type;
	ev->old_type = old_value.type;
	ev->key_length = key_length;
	ev->new_length = new_length;
	ev->old_length = old_length;
	to = put(ev->bytes, key, key_length);
	to = put(to, new_value.data, new_length);
	(void)put(to, old_value.data, old_length);
}

/* ---- from the queue into Lua ---- */

static const char *kind_name(int32_t kind)
{
	return kind == CMAP_TRACK_ADD ? "add" : kind == CMAP_TRACK_DELETE ? "delete" : "modify";
}

/* Pushes a value, or nil when there is none or a number of this Lua cannot hold it. [-0, +1, m] */
static void push_value(lua_State *L, cmap_value_types_t type, const char *bytes, size_t length)
{
	cmap_value v;

	v.type = type;
	v.length = length;
	(void)put(v.as.bytes, bytes, length);
	if (cmap_value_type_name(type) == NULL || !cmap_value_push(L, &v)) {
		lua_pushnil(L);
	}
}

/* Pushes the handler of that tracker, nil if it has none; false and nothing if it is cancelled. [-0, +1|0, m] */
static bool push_handler(lua_State *L, int values, uint64_t number)
{
	int top = lua_gettop(L);

	lua_rawgeti(L, values, VALUE_TRACKERS);
	lua_pushnumber(L, (lua_Number)number);
	lua_rawget(L, -2);
	if (lua_isnil(L, -1)) {
		lua_settop(L, top);
		return false;
	}
	compat_getuservalue(L, -1);
	lua_rawgeti(L, -1, TRACKER_HANDLER);
	lua_replace(L, top + 1);
	lua_settop(L, top + 1);
	return true;
}

static int push_change(lua_State *L, handle *h, const event *ev, int values)
{
	const change_event *change = (const change_event *)ev;
	const char *new_bytes = change->bytes + change->key_length;

	(void)h;
	if (!push_handler(L, values, change->tracker)) {
		return EVENT_DROPPED;
	}
	lua_pushstring(L, kind_name(change->kind));
	lua_pushlstring(L, change->bytes, change->key_length);
	push_value(L, change->new_type, new_bytes, change->new_length);
	push_value(L, change->old_type, new_bytes + change->new_length, change->old_length);
	lua_pushstring(L, cmap_value_type_name(change->new_type));
	lua_pushstring(L, cmap_value_type_name(change->old_type));
	return 7;
}

const event_kind cmap_track_kinds[] = {{.handler = NULL, .name = "change", .push = push_change}};

/* ---- trackers ---- */

/* Pushes a tracker that does not track yet. [-0, +1, m] */
static tracker *push_tracker(lua_State *L, cmap *map)
{
	size_t length;
	const char *name = lua_tolstring(L, 2, &length);
	tracker *t = compat_newuserdata(L, sizeof *t);

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
static void set_tracker(lua_State *L, int map, const tracker *t)
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

static cs_error_t start_tracking(tracker *t)
{
	cmap *map = t->map;
	int32_t changes = changes_of(map, t->name);
	cs_error_t error;

	libqb_lock();
	error = cmap_track_add(map->handle.id, t->name, changes, on_change, t, &t->id);
	libqb_unlock();
	return error;
}

/* The map keeps its trackers alive: libcmap has their addresses. */
const failure *cmap_track_add_push(lua_State *L, cmap *map)
{
	tracker *t = push_tracker(L, map);
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

static cs_error_t stop_tracking(const tracker *t)
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
	tracker *t = luaL_checkudata(L, 1, TRACKER);
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
	const tracker *t = luaL_checkudata(L, 1, TRACKER);

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
