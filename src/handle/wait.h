/* Waiting for events: by the handle itself, and what other loops ask. */
#ifndef COROSYNC_LUA_HANDLE_WAIT_H
#define COROSYNC_LUA_HANDLE_WAIT_H

#include "handle/handle.h"

/* Methods of all handles. */
extern const luaL_Reg wait_methods[];

/*
 * True once a descriptor is readable, false after so many seconds. Without a Lua state, for threads that have none, a
 * signal does nothing; with one it lets hooks run. [-0, +0, e]
 */
bool poll_readable(lua_State *L, int fd, bool forever, double seconds);

#endif
