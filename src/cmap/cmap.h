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

int cmap_keys_metamethod_pairs(lua_State *L);
int cmap_keys_method_each(lua_State *L);

/* ---- trackers, from libcmap's callback through the queue to a handler: track.c ---- */

extern const event_kind cmap_track_kinds[];

/* Makes the metatable of trackers. [-0, +0, m] */
void cmap_track_setup(lua_State *L);

/*
 * Pushes a new tracker of the name at index 2, with the handler at index 3, for the map at index 1. Returns NULL, or
 * why not, and then pushes nothing. [-0, +1|0, m]
 */
const failure *cmap_track_add_push(lua_State *L, cmap *map);

#endif
