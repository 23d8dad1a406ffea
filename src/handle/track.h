/* The start and the end of what a service tells without being asked, for those that have it as a whole. */
#ifndef COROSYNC_LUA_HANDLE_TRACK_H
#define COROSYNC_LUA_HANDLE_TRACK_H

#include "handle/handle.h"

/* Starts tracking on an open handle unless it tracks already. */
cs_error_t track_start(handle *h);

/* Whether the table at index 1 has a handler of one of those events: who has one wants it called. [-0, +0, m] */
bool track_wanted(lua_State *L, const event_kind *kinds, size_t count);

/* Methods of the handles whose class has trackstart. */
extern const luaL_Reg track_methods[];

#endif
