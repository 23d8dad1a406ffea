/*
 * A limit to the run time of the script's functions. A count hook checks the clock, and raises an error when
 * the time is over; and again at the script's next instruction, until the error has left the script, even if the script
 * catches it. Our own Lua is never interrupted: the error is raised when it has returned to the script. C functions that
 * do not return, finalizers, message handlers of xpcall, and __close of a stopped coroutine's variables have no limit,
 * because Lua calls no hook there.
 */
#ifndef COROSYNC_LUA_CPGRUN_LIMIT_H
#define COROSYNC_LUA_CPGRUN_LIMIT_H

#include <lua.h>

/*
 * Lua: limit(seconds, libraries) -> call. The limit covers coroutines made from then on, too. The sources' names of our
 * own Lua start with `libraries`, followed by corosync/ or cpgrun/.
 *
 *   call(function, ...)  as xpcall with a traceback as its handler: true and results, or false and the message
 */
int limit_open(lua_State *L);

/*
 * As lua_pcall, with the limit. The time of a nested call does not count for the outer one.
 * [-(arguments + 1), +(results|1), -]
 */
int limit_pcall(lua_State *L, int arguments, int results, int handler);

#endif
