#include "cmap/cmap.h"

#include <string.h>

#include "handle/fetch.h"

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
static bool matches(const cmap_tracker *t, const char *key, size_t length)
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

void cmap_event_change(cmap_handle_t id, cmap_track_handle_t track, int32_t kind, const char *key,
	struct cmap_notify_value new_value, struct cmap_notify_value old_value, void *user_data)
{
	const cmap_tracker *t = user_data;
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

const event_kind cmap_event_kinds[] = {{.handler = NULL, .name = "change", .push = push_change}};
