/*
 * The ways of a handle's events: from Corosync into the queue, and from the queue into Lua by dispatch, which calls
 * handlers, or by receive, which answers one event.
 */
#ifndef COROSYNC_LUA_DELIVERY_H
#define COROSYNC_LUA_DELIVERY_H

#include "handle.h"

/* For Corosync's callbacks: an event to fill, or NULL when there is no memory, which makes the handle lost. */
event *delivery_append(handle *h, uint64_t kind, size_t payload);

/* Methods of all handles, each with the class as its upvalue. */
extern const luaL_Reg delivery_methods[];

#endif
