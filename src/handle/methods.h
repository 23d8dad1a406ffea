/* The metatable of a class of handles, and the methods in it: methods.c is the only file of this folder that has all. */
#ifndef COROSYNC_LUA_HANDLE_METHODS_H
#define COROSYNC_LUA_HANDLE_METHODS_H

#include "handle/handle.h"

/*
 * Makes the metatable of a class, with the methods that all handles share and those in `methods`, and pushes the library's
 * module: a table with the function `open`. [-0, +1, m]
 */
void methods_push_module(lua_State *L, const handle_class *class, const luaL_Reg *methods, lua_CFunction open);

/* ---- the handle's own wait, and the methods that event loops call: wait.c ---- */

/* Methods of all handles. */
extern const luaL_Reg wait_methods[];

/* ---- events from the queue into Lua: dispatch.c ---- */

/* Methods of all handles. */
extern const luaL_Reg dispatch_methods[];

/* Puts functions for dispatching into the metatable on top of the stack, so that no dispatch allocates. [-0, +0, m] */
void dispatch_keep(lua_State *L, const handle_class *class);

/* ---- tracking, for the services that notify of changes as a whole: track.c ---- */

/* Starts tracking on an open handle, unless it already tracks. */
cs_error_t track_start(handle *h);

/* Whether the table at index 1 has a handler of one of those events. [-0, +0, m] */
bool track_wanted(lua_State *L, const event_kind *kinds, size_t count);

/* Methods of the handles whose class has trackstart. */
extern const luaL_Reg track_methods[];

/* ---- filling the queue from the daemon or the handle's reader: refill.c ---- */

/* Methods of all handles. */
extern const luaL_Reg refill_methods[];

/* Takes up to so many events, for a caller that handles them next. True when no more wait at the daemon. */
bool refill(handle *h, size_t events);

/* Queues one event if the queue is empty. True when no more wait at the daemon. */
bool refill_one(handle *h);

/* For the conversion of an event: takes all that wait. The event stays the oldest, but its address changes. */
void refill_all(handle *h);

/* ---- lag.c ---- */

/*
 * How far handlers lag: how long events wait in the handle's own queue. Events carry no time; instead one moment is
 * noted together with the number of events queued then. Until these are handled, the oldest event has waited at least
 * as long as that. For the thread that runs Lua.
 */

/* Notes that the queued events have waited since that moment; does nothing while an earlier note is valid. */
void lag_note(handle *h, double since);

/* Queues the event that handlers lag before the others, if it is due: each time after twice as long a wait. */
void lag_tell(handle *h);

/* The oldest event leaves the queue. */
static inline void lag_pass(handle *h)
{
	h->lag.left -= h->lag.left > 0;
}

#endif
