/*
 * The way of a handle's events from its queue into Lua: by dispatch, which calls handlers, or by receive, which answers
 * one event.
 */
#ifndef COROSYNC_LUA_HANDLE_DISPATCH_H
#define COROSYNC_LUA_HANDLE_DISPATCH_H

#include "handle/handle.h"

/* Methods of all handles. */
extern const luaL_Reg dispatch_methods[];

/* For who makes an event into Lua values: moves all that waits into queues. The event stays the oldest, and moves. */
void dispatch_fetch_all(handle *h);

/* Puts what they need into the metatable on top of the stack: what is made beforehand cannot fail. [-0, +0, m] */
void dispatch_keep(lua_State *L, const handle_class *class);

#endif
