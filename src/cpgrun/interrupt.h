/*
 * SIGINT, SIGTERM and SIGHUP while Lua runs: luv's handlers run only in the loop, to which a script may never return.
 * So the first signal goes to luv, unless the script is still being loaded, and a second SIGINT or SIGTERM ends the
 * process.
 */
#ifndef COROSYNC_LUA_CPGRUN_INTERRUPT_H
#define COROSYNC_LUA_CPGRUN_INTERRUPT_H

#include <stdbool.h>

#include <lua.h>

/* Lua: guard() installs handlers before those of luv, and marks the script as not loaded. */
int interrupt_guard(lua_State *L);

/* Lua: loaded() marks the script as loaded: the first signal goes to luv. */
int interrupt_loaded(lua_State *L);

/* Whether such a signal has arrived. Safe in a signal handler. */
bool interrupt_is_stopping(void);

#endif
