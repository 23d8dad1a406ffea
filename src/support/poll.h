/* Waiting for one descriptor. */
#ifndef COROSYNC_LUA_SUPPORT_POLL_H
#define COROSYNC_LUA_SUPPORT_POLL_H

#include "support/compat.h"

/*
 * Returns true once a descriptor is readable, false after so many seconds. A signal does not end the wait: with a Lua
 * state it lets the state's hooks run, without one (NULL, for threads that have none) it has no effect. [-0, +0, e]
 */
bool poll_readable(lua_State *L, int fd, bool forever, double seconds);

#endif
