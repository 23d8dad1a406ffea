/* One descriptor for what has several: readable when one of them is, or when a time has come. */
#ifndef COROSYNC_LUA_SUPPORT_POLLSET_H
#define COROSYNC_LUA_SUPPORT_POLLSET_H

#include "support/compat.h"

/* Makes the metatable. [-0, +0, m] */
void pollset_setup(lua_State *L);

/*
 * Lua: gather(descriptors...) answers an object with fd(), wait(seconds), arm(seconds), follow(descriptor) and close();
 * or nil, message, "no_resources". The descriptors stay their owners', who close this object before them, or call
 * follow().
 */
int pollset_open(lua_State *L);

#endif
