/* Trackers: changes of the configuration map, from libcmap's callback through the queue to a tracker's handler. */
#ifndef COROSYNC_LUA_CMAP_TRACK_H
#define COROSYNC_LUA_CMAP_TRACK_H

#include "handle/handle.h"

typedef struct cmap {
	handle handle;
	bool counters;         /* this is the stats map */
	uint64_t last_tracker; /* the number of the tracker made last */
} cmap;

/* Fields of the map's user value. */
enum { VALUE_TRACKERS = VALUE_OF_CLASS };

extern const event_kind cmap_track_kinds[];

/* Makes the metatable of trackers. [-0, +0, m] */
void cmap_track_setup(lua_State *L);

/*
 * Pushes a new tracker of the name at index 2, with the handler at index 3, for the map at index 1. Returns NULL, or
 * why not, and then pushes nothing. [-0, +1|0, m]
 */
const failure *cmap_track_add_push(lua_State *L, cmap *map);

#endif
