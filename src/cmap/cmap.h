/* Corosync's configuration map: the userdata over libcmap, and the functions that the files of this folder share. */
#ifndef COROSYNC_LUA_CMAP_H
#define COROSYNC_LUA_CMAP_H

#include <corosync/cmap.h>

#include "handle/handle.h"

/* Pushes the module's table. [-0, +1, m] */
void cmap_push_module(lua_State *L);

typedef struct cmap {
	handle handle;
	bool is_stats;         /* the map "stats", of Corosync's counters, and not "icmap" */
	uint64_t last_tracker; /* the number of the tracker made last */
} cmap;

/* Fields of the map's user value. */
enum { VALUE_TRACKERS = VALUE_OF_CLASS };

/* What track returns. The map keeps it alive. */
typedef struct cmap_tracker {
	cmap *map;
	cmap_track_handle_t id; /* libcmap's */
	uint64_t number;        /* its key in the map's table of trackers */
	bool tracking;
	size_t length;
	char name[CMAP_KEYNAME_MAXLEN + 1];
} cmap_tracker;

/* Fields of a tracker's user value, a table. */
enum { TRACKER_MAP = 1, TRACKER_HANDLER };

/* ---- typed values, from and to Lua: value.c ---- */

/* exec/icmap.c refuses longer values. */
#define CMAP_LONGEST_VALUE 16384

/* Corosync appends a zero byte to a string without one. */
#define CMAP_LONGEST_STORED (CMAP_LONGEST_VALUE + 1)

typedef struct cmap_value {
	cmap_value_types_t type;
	size_t length;
	union {
		int8_t i8;
		uint8_t u8;
		int16_t i16;
		uint16_t u16;
		int32_t i32;
		uint32_t u32;
		int64_t i64;
		uint64_t u64;
		float f32;
		double f64;
		char bytes[CMAP_LONGEST_STORED];
	} as;
} cmap_value;

/*
 * The value of a key. Always reads the value: on a request for the type alone, Corosync 3.1.7 crashes if the key is one
 * of the stats map below stats.schedmiss.
 */
cs_error_t cmap_value_get(cmap_handle_t id, const char *key, cmap_value *v);

/* False when a number of this Lua cannot hold the value. [-0, +1|0, m] */
bool cmap_value_push(lua_State *L, const cmap_value *v);

/* Converts the number or string at that index to a value of that type; returns NULL, or why not. [-0, +0, -] */
const failure *cmap_value_take(lua_State *L, int index, cmap_value_types_t type, cmap_value *v);

/* NULL if the value can be increased, or else decreased, by one, or why not. */
const failure *cmap_value_check_step(const cmap_value *v, bool up);

/* NULL for an unknown type. */
const char *cmap_value_type_name(cmap_value_types_t type);

/* The type whose name is the string at that index. Raises if there is none. [-0, +0, v] */
cmap_value_types_t cmap_value_check_type(lua_State *L, int index);

/* ---- keys: which are valid, and iteration over them: keys.c ---- */

/* NULL for a valid key, or why not: Corosync itself would return "not_exist". */
const failure *cmap_key_check(const char *key, size_t length);

/* The same for a prefix of keys, which may be empty. */
const failure *cmap_prefix_check(const char *prefix, size_t length);

/* Pushes nil, "cannot <verb> cmap key '<the string at index 2>': …", code; returns 3. [-0, +3, m] */
int cmap_key_fail(lua_State *L, const char *verb, const failure *why);

int cmap_keys_metamethod_pairs(lua_State *L);
int cmap_keys_method_each(lua_State *L);

/* ---- reading and changing single keys: access.c ---- */

int cmap_access_method_decrement(lua_State *L);
int cmap_access_method_delete(lua_State *L);
int cmap_access_method_get(lua_State *L);
int cmap_access_method_increment(lua_State *L);
int cmap_access_method_set(lua_State *L);

/* ---- events, from libcmap's callback into the queue and on into Lua: event.c ---- */

extern const event_kind cmap_event_kinds[];

/* The callback for cmap_track_add; user_data is the tracker. */
void cmap_event_change(cmap_handle_t id, cmap_track_handle_t track, int32_t kind, const char *key,
	struct cmap_notify_value new_value, struct cmap_notify_value old_value, void *user_data);

/* ---- trackers: track.c ---- */

/* Makes the metatable of trackers. [-0, +0, m] */
void cmap_track_setup(lua_State *L);

int cmap_track_method_track(lua_State *L);

#endif
