/* The metatable of a class of handles, and its methods: methods.c is the only file of this folder that has all. */
#ifndef COROSYNC_LUA_HANDLE_METHODS_H
#define COROSYNC_LUA_HANDLE_METHODS_H

#include "handle/handle.h"

/*
 * Makes the metatable of a class, with the methods that all handles share and those in `methods`, and pushes the
 * library's module: a table with the function `open`. [-0, +1, m]
 */
void methods_push_module(lua_State *L, const handle_class *class, const luaL_Reg *methods, lua_CFunction open);

/* Methods of all handles: for loops, in wait.c; events from the queue into Lua, in dispatch.c and receive.c. */
extern const luaL_Reg wait_methods[], dispatch_methods[], receive_methods[];

/*
 * (handle, bytes): as handle:receive, but events that the class can gather come together: the name that `gather`
 * pushes, one value of about that many bytes at most, and the number of events.
 */
int receive_method_receive_run(lua_State *L);

/* Put functions into the metatable on top of the stack, so that no dispatch or receive allocates. [-0, +0, m] */
void dispatch_keep(lua_State *L, const handle_class *class);
void receive_keep(lua_State *L);

/* ---- tracking, for the services that notify of changes as a whole: track.c ---- */

/* Starts tracking on an open handle, unless it already tracks. */
cs_error_t track_start(handle *h);

/* Whether the table at index 1 has a handler of one of those events. [-0, +0, m] */
bool track_wanted(lua_State *L, const event_kind *kinds, size_t count);

/* Methods of the handles whose class has trackstart. */
extern const luaL_Reg track_methods[];

#endif
