/* Tracking: starting and stopping a service's notifications, for the services that have them as a whole. */
#ifndef COROSYNC_LUA_HANDLE_TRACK_H
#define COROSYNC_LUA_HANDLE_TRACK_H

#include "handle/handle.h"

/* Starts tracking on an open handle, unless it already tracks. */
cs_error_t track_start(handle *h);

/* Whether the table at index 1 has a handler of one of those events. [-0, +0, m] */
bool track_wanted(lua_State *L, const event_kind *kinds, size_t count);

/* Methods of the handles whose class has trackstart. */
extern const luaL_Reg track_methods[];

#endif
