/* One descriptor over several: readable when one of them is, or at a set time. */
#ifndef COROSYNC_LUA_SUPPORT_POLLSET_H
#define COROSYNC_LUA_SUPPORT_POLLSET_H

#include "support/compat.h"

/* Makes the metatable. [-0, +0, m] */
void pollset_setup(lua_State *L);

/*
 * Lua: pollset(descriptors...) returns a userdata with fd(), wait(seconds), arm(seconds), follow(descriptor) and close();
 * or nil, message, "no_resources". It does not own the descriptors: before one is closed, close the pollset or call
 * follow().
 */
int pollset_open(lua_State *L);

#endif
