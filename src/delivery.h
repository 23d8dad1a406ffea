/*
 * The way of a handle's events from its queue into Lua: by dispatch, which calls handlers, or by receive, which answers
 * one event.
 */
#ifndef COROSYNC_LUA_DELIVERY_H
#define COROSYNC_LUA_DELIVERY_H

#include "handle.h"

/* Methods of all handles, each with the class as its upvalue. */
extern const luaL_Reg delivery_methods[];

#endif
