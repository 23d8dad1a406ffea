/*
 * A limit to the time that a function of the script may take. A count hook looks at the clock, and raises an error when
 * the time is over; and again at the script's next instruction, until the error has left the script, whatever that
 * catches. Our own Lua, on which the script stands, is never interrupted: the error comes when it has returned to the
 * script. C functions that do not return, finalizers, message handlers of xpcall, and what closes the
 * variables of a coroutine that was stopped are out of its reach: Lua calls no hook there.
 */
#ifndef COROSYNC_LUA_CPGRUN_LIMIT_H
#define COROSYNC_LUA_CPGRUN_LIMIT_H

#include <lua.h>

/*
 * Lua: limit(seconds, libraries) -> call. Coroutines made from then on are under the limit, too. The sources' names of
 * our own Lua begin with `libraries`, and go on with corosync/ or cpgrun/.
 *
 *   call(function, ...)  as xpcall with a traceback for a handler: true and results, or false and the message
 */
int limit_open(lua_State *L);

/*
 * Calls a function of the script as lua_pcall does, where there is a limit. One within another does not count for that.
 * [-(arguments + 1), +(results|1), -]
 */
int limit_pcall(lua_State *L, int arguments, int results, int handler);

#endif
